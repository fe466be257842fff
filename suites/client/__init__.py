"""Talks to the store: operations by id, every answer held against the contract."""

from suites.client.masking import masked
from suites.client.sources import loopback_source
from suites.client.store import Answer, StoreClient, UnexpectedAnswerError, exemption

__all__ = [
    "Answer",
    "StoreClient",
    "UnexpectedAnswerError",
    "exemption",
    "loopback_source",
    "masked",
]
