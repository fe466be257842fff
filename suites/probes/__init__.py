"""Probes of an HTTP API: each probe sends requests, returns observations, and asserts nothing."""
