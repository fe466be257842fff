"""Finds mistakes in policies and target files that the readers accept."""
