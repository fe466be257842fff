"""Renderers of decisions: each turns a decision into one format and knows nothing else."""
