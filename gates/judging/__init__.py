"""Turns evidence into findings, and findings into a decision; without any input or output."""
