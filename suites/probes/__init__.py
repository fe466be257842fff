"""Probes of an HTTP API: one interaction each, returning an observation and asserting nothing."""
