"""PromQL: expressions as trees, what their values are, and what is known of time series."""
