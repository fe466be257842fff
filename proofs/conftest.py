"""Fixtures of the proofs: those of the tests."""

import tests_path  # noqa: F401 - what lies in tests/support
from shared_fixtures import passed_out, records, world

__all__ = ["passed_out", "records", "world"]
