"""Estimates from a sample of identifiers how many bits of each cannot be guessed."""

import math
from collections import Counter
from collections.abc import Sequence


def estimated_bits(identifiers: Sequence[str]) -> float:
    """The sum of the entropies of the single characters, estimated from a sample.

    A counter or a clock changes a few characters only. A sample of 24 shows at most 4.6 bits of a
    character, so that the estimate is low rather than high.

    Args:
        identifiers: identifiers of one kind, in the order in which they were handed out.

    Returns:
        Bits; 0 where two identifiers are equal.
    """
    if len(set(identifiers)) < len(identifiers):
        return 0.0
    length = min(len(identifier) for identifier in identifiers)
    columns = ([identifier[position] for identifier in identifiers] for position in range(length))
    return sum(_entropy(column) for column in columns)


def _entropy(characters: Sequence[str]) -> float:
    """The entropy of the characters at one position, in bits (Shannon 1948)."""
    counts = Counter(characters).values()
    total = sum(counts)
    return -sum(count / total * math.log2(count / total) for count in counts)
