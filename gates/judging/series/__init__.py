"""Examines labels, replicas and instances of time series, so that each event counts once."""
