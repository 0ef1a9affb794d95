"""Arrays in, arrays out: nothing here knows of cities, years or names."""
