"""Finds mistakes in policies and target files that can be read."""
