"""Attacks that send harmful values (payloads) in every parameter of an operation."""
