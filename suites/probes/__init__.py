"""Probes of an HTTP API: interactions that return observations and assert nothing."""
