"""Probes of what surrounds the API: edge, metrics, transport, secrets, dependencies."""

from suites.inspection.edge import EdgeAnswer, fetch_edge
from suites.inspection.exposition import series, total

__all__ = ["EdgeAnswer", "fetch_edge", "series", "total"]
