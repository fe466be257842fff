"""Sends requests to the store by operation id, and compares every response with the contract."""

from suites.client.connections import loopback_source
from suites.client.exchanges import Exchange, forget, last_exchange
from suites.client.masking import masked
from suites.client.store import Answer, StoreClient, UnexpectedAnswerError, exemption

__all__ = [
    "Answer",
    "Exchange",
    "StoreClient",
    "UnexpectedAnswerError",
    "exemption",
    "forget",
    "last_exchange",
    "loopback_source",
    "masked",
]
