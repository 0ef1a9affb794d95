"""Tables: regression tables, effects, variables, weights; every format."""
