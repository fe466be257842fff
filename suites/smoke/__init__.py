"""Smoke: whether the target works at all. It takes seconds, and is safe on production."""
