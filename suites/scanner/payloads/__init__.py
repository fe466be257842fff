"""Attacks by values: each attack sends its payloads in every parameter of an operation."""
