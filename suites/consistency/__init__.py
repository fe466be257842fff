"""Checks of consistency: requests at the same moment, behaviour over time, metrics and logs."""
