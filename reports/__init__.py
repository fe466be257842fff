"""Renderers of decisions and pages: each renderer writes one format."""
