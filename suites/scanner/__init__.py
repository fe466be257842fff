"""Runs every probe on an HTTP API that an OpenAPI 3 file describes; writes SARIF.

``python -m suites.scanner scan`` is the command.
"""
