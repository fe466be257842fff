"""A sequential test by betting: the capital becomes large only when the hypothesis is false."""


class Capital:
    """Capital that is bet against a hypothesis, and stays small when the hypothesis is true.

    The hypothesis is that the mean of each observation is at most the allowed mean. When the
    hypothesis is true, the capital plus the money that is not yet paid in is a supermartingale that
    starts at 1. So the probability that the capital ever reaches ``1/alpha`` is at most alpha,
    however often the capital is examined (Ville's inequality).

    Args:
        max_payments: the largest sum of all payments; 1 where the test has only this capital.

    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting,
    arXiv 2010.09686, section 4: the capital process with the fixed bet 1/(2 allowed).
    """

    def __init__(self, max_payments: float = 1.0) -> None:
        self.amount = 0.0
        self.paid_in = 0.0
        self._max_payments = max_payments

    def pay_in(self, payment: float) -> None:
        """Add money, so that the test finds a late change as fast as an early one.

        Args:
            payment: the amount of money. An amount that would exceed the largest sum of all
                payments is reduced.
        """
        accepted = min(payment, self._max_payments - self.paid_in)
        self.amount += accepted
        self.paid_in += accepted

    def bet(self, ratio: float, allowed: float) -> None:
        """Bet half of the capital; the bet wins when the ratio is over the allowed mean.

        Args:
            ratio: the observed ratio of bad events, from 0 to 1.
            allowed: the largest mean that the hypothesis allows, more than 0.
        """
        self.amount *= (1.0 + ratio / allowed) / 2.0

    def multiply(self, factor: float) -> None:
        """Multiply the capital by the result of a bet.

        Args:
            factor: the money that the bet returns for each unit of capital. When the hypothesis is
                true, the expected factor is at most 1.
        """
        self.amount *= factor
