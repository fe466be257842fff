"""Scan an HTTP API for weaknesses, from its OpenAPI 3 file, and write the findings as SARIF.

The command is ``python -m suites.scanner scan``.
"""
