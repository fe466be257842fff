"""Collects the evidence of a decision: suite runs, load runs, metrics; and writes it as JSON."""
