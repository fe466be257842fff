"""Reads metrics for a decision: at the same time, bounded in size, and remembered between looks."""
