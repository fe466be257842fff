"""Analyse PromQL expressions: syntax trees, kinds and bounds of values, facts on time series."""
