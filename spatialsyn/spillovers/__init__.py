"""How spillovers fade, through what they run, and where they change: more than one fit each."""
