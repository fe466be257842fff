"""The store's contract: operations by id, and the schemas their answers must have."""

from suites.contract.operations import Contract, Operation, document, load

__all__ = ["Contract", "Operation", "document", "load"]
