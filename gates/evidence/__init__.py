"""Collects the evidence of a decision; defines the formats of run records and stored evidence."""
