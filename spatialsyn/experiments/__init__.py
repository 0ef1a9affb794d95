"""What estimates are like in panels drawn from a known model."""
