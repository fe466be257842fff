"""Attacks by values: each sends payloads in every place of an operation that takes a value."""
