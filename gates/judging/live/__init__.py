"""Objectives that follow a ramp scrape by scrape: comparisons, triggers, traffic, availability."""
