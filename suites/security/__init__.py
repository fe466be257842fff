"""Checks of the guide's security checklist."""
