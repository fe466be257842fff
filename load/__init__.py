"""Puts a target under load by many shoppers, and measures each request from its due time."""
