"""Smoke: does the target do its work at all? Seconds, safe on production, own data only."""
