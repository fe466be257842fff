"""The arithmetic of evidence: counter increments and binomial bounds. Pure functions."""

from gates.statistics.binomial import chance_of_at_least, chance_of_at_most
from gates.statistics.counters import increments, newest_sample

__all__ = ["chance_of_at_least", "chance_of_at_most", "increments", "newest_sample"]
