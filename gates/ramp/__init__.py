"""Moves traffic step by step or to blue, and verifies each move by a second witness."""
