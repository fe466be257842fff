"""Judges a ramp scrape by scrape: comparisons, rollback triggers, traffic and availability."""
