"""Objectives about load runs: the limits that a run of a profile must meet."""
