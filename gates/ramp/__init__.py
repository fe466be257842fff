"""Moves traffic step by step, gives it back, and verifies each move by a second witness."""
