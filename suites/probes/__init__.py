"""Probes: one interaction each, returning an observation and asserting nothing."""

from suites.probes.edge import EdgeAnswer, fetch_edge
from suites.probes.exposition import series, total

__all__ = ["EdgeAnswer", "fetch_edge", "series", "total"]
