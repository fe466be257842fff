"""Exact tail probabilities of the binomial distribution."""

from math import exp, fsum, lgamma, log, log1p

# A smaller term does not change a sum near 1 in double precision.
NEGLIGIBLE = 1e-20
# So many events without a bad one show that a ratio is under a limit: 3/limit, at 95 %.
RULE_OF_THREE = 3


def chance_of_at_least(hits: int, trials: int, ratio: float) -> float:
    """Return P(X ≥ hits) for X ~ Binomial(trials, ratio), from 0 to 1.

    Args:
        hits: the observed number of hits, from 0 to ``trials``.
        trials: the number of trials.
        ratio: the probability of a hit, strictly between 0 and 1.

    Source: Clopper and Pearson, The use of confidence or fiducial limits illustrated in the case
    of the binomial, Biometrika 26 (1934): their confidence interval inverts this probability.
    """
    if hits <= trials * ratio:
        return max(0.0, 1 - _tail(hits - 1, -1, trials, ratio))
    return min(1.0, _tail(hits, 1, trials, ratio))


def chance_of_at_most(hits: int, trials: int, ratio: float) -> float:
    """Return P(X ≤ hits) for X ~ Binomial(trials, ratio), from 0 to 1.

    Args:
        hits: the observed number of hits, from 0 to ``trials``.
        trials: the number of trials.
        ratio: the probability of a hit, strictly between 0 and 1.

    Source: see ``chance_of_at_least``.
    """
    return chance_of_at_least(trials - hits, trials, 1 - ratio)


def _tail(first: int, step: int, trials: int, ratio: float) -> float:
    """Sum the probabilities of all numbers of hits from the first number to an end of the range.

    Args:
        first: the first number of hits. The probabilities decrease from this number on.
        step: 1 to sum up to ``trials``, -1 to sum down to 0.
        trials: the number of trials.
        ratio: the probability of a hit.
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
        if term < NEGLIGIBLE:
            break
    return fsum(terms)
