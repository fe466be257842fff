"""A sequential test by betting: capital that grows only when the hypothesis is wrong."""


class Capital:
    """Betting capital against a hypothesis; it stays small when the hypothesis is true.

    The hypothesis is that the mean of each observation is at most the allowed mean. Under it, the
    capital plus the money that is not yet paid in is a supermartingale that starts at 1. So the
    capital reaches ``1/alpha`` at any time with a probability of at most alpha, however often it is
    looked at (Ville's inequality).

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
            payment: the money; the sum of all payments is cut at its limit.
        """
        accepted = min(payment, self._max_payments - self.paid_in)
        self.amount += accepted
        self.paid_in += accepted

    def bet(self, ratio: float, allowed: float) -> None:
        """Bet half of the capital that the mean is larger than the allowed mean.

        Args:
            ratio: the observation, from 0 to 1.
            allowed: the largest mean under the hypothesis, more than 0.
        """
        self.amount *= (1.0 + ratio / allowed) / 2.0

    def multiply(self, factor: float) -> None:
        """Settle a bet.

        Args:
            factor: what the bet returns per unit; its expectation under the hypothesis is at most
                1.
        """
        self.amount *= factor
