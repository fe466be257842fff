"""Exact tails of the binomial distribution."""

from math import exp, fsum, lgamma, log, log1p


def chance_of_at_least(hits: int, trials: int, ratio: float) -> float:
    """P(X ≥ hits) for X ~ Binomial(trials, ratio), 0 to 1.

    Args:
        hits: how many were seen, 0 to trials.
        trials: out of how many.
        ratio: the chance of each, strictly between 0 and 1.

    Source: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case
    of the binomial, Biometrika 26 (1934): the tail their interval inverts.
    """
    if hits <= trials * ratio:
        return max(0.0, 1 - _tail(hits - 1, -1, trials, ratio))
    return min(1.0, _tail(hits, 1, trials, ratio))


def chance_of_at_most(hits: int, trials: int, ratio: float) -> float:
    """P(X ≤ hits) for X ~ Binomial(trials, ratio), 0 to 1; arguments and source as above."""
    return chance_of_at_least(trials - hits, trials, 1 - ratio)


def _tail(first: int, step: int, trials: int, ratio: float) -> float:
    """Sum of the probabilities from first outwards, until the terms add nothing.

    Args:
        first: where to begin, on the side of the mode that the step leads away from.
        step: 1 or -1.
        trials: as in ``chance_of_at_least``.
        ratio: the same.
    """
    constant, ratio_log, rest_log = lgamma(trials + 1), log(ratio), log1p(-ratio)
    terms = []
    for hits in range(first, trials + 1 if step > 0 else -1, step):
        term = exp(
            constant
            - lgamma(hits + 1)
            - lgamma(trials - hits + 1)
            + hits * ratio_log
            + (trials - hits) * rest_log
        )
        terms.append(term)
        if term < 1e-20:  # noqa: PLR2004 - below double precision, and falling
            break
    return fsum(terms)
