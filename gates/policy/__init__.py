"""Reads policy files, target files and schedules, and returns objects of ``gates.model``."""
