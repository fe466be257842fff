"""Consistency: the same request at the same moment, over time, and in what others read."""
