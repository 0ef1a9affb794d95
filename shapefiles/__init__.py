"""Boundaries shipped with the package; see SOURCES.md for where they come from."""
