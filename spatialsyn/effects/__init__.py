"""What coefficients mean: direct, indirect and total effects, by block, city and pair."""
