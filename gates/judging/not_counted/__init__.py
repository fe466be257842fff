"""Findings that do not count: those that people overrode, and those of objectives on trial."""
