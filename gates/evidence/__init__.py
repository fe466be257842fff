"""Collects the evidence of a decision, and owns the formats of records and of kept evidence."""
