"""Probes of everything around the API: edge, metrics, TLS, ids, secrets and packages."""

from suites.inspection.edge import EdgeAnswer, fetch_edge
from suites.inspection.entropy import estimated_bits
from suites.inspection.exposition import Labels, series, total

__all__ = ["EdgeAnswer", "Labels", "estimated_bits", "fetch_edge", "series", "total"]
