"""Reads the tables of target files about secrets and about the access to parts of the target."""
