"""The contract of the store: its operations, their effects, and the schemas of their responses."""

from suites.contract.effects import Effect
from suites.contract.operations import Contract, Operation, document, load
from suites.contract.paths import values_at

__all__ = ["Contract", "Effect", "Operation", "document", "load", "values_at"]
