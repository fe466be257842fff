"""The contract of the store: operations by id, and the schemas of their answers."""

from suites.contract.operations import Contract, Operation, document, load

__all__ = ["Contract", "Operation", "document", "load"]
