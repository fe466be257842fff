"""Measures both colours each night, and finds out whether a release got slower."""
