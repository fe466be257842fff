"""Smoke checks: find out within seconds whether the target works; safe on a production target."""
