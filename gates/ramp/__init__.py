"""Moves traffic to green step by step, or all traffic to blue; Prometheus verifies each move."""
