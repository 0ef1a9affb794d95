"""Questions that take more than one fit."""
