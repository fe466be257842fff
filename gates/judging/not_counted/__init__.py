"""Marks findings that do not count: overridden findings, and findings of advisory objectives."""
