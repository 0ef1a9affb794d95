"""Questions that take more than one fit: decay with distance, mechanisms, thresholds."""
