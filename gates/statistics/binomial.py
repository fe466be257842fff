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
        return max(0.0, 1 - _sum(0, hits - 1, trials, ratio))
    return min(1.0, _sum(hits, trials, trials, ratio))


def chance_of_at_most(hits: int, trials: int, ratio: float) -> float:
    """P(X ≤ hits) for X ~ Binomial(trials, ratio), 0 to 1; arguments and source as above."""
    return chance_of_at_least(trials - hits, trials, 1 - ratio)


def _sum(first: int, last: int, trials: int, ratio: float) -> float:
    """Sum of the probabilities of first to last; terms far past the mode add nothing."""
    constant = lgamma(trials + 1)
    terms = []
    for hits in range(first, last + 1):
        term = exp(
            constant
            - lgamma(hits + 1)
            - lgamma(trials - hits + 1)
            + hits * log(ratio)
            + (trials - hits) * log1p(-ratio)
        )
        terms.append(term)
        if hits > trials * ratio and term < 1e-20:  # noqa: PLR2004 - below double precision
            break
    return fsum(terms)
