"""Reads the metrics of a decision: in parallel, and without querying known samples again."""
