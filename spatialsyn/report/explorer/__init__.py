"""The page that a study writes: a map to click, effects of every model, provenance."""
