"""Turns evidence into findings, and findings into a decision; reads no file, sends no request."""
