"""Judges objectives about suite runs, such as: each required check has passed."""
