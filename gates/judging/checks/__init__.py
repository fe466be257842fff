"""Objectives about suite runs: required checks passed, and no unknown check ran."""
