"""Judges objectives about load runs: a load run must meet the limits of the policy."""
