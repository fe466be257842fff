"""A bet against *the mean is at most so much*: capital that grows only when it is wrong."""


class Capital:
    """Betting capital; whoever bets on a hypothesis that is true does not get rich.

    While each observation's conditional mean is at most what is allowed, the capital plus what is
    not yet paid in is a supermartingale that starts at 1, so it ever reaches ``1/alpha`` with
    probability at most alpha, however often one looks (Ville's inequality).

    Args:
        most: the largest sum of all payments; 1, where the capital is one test's only one.

    Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting,
    arXiv 2010.09686, section 4: the capital process with the fixed bet 1/(2 allowed).
    """

    def __init__(self, most: float = 1.0) -> None:
        self.amount = 0.0
        self.paid_in = 0.0
        self._most = most

    def pay_in(self, fresh: float) -> None:
        """Add fresh capital, so that a change late in the ramp is found as soon as an early one.

        Args:
            fresh: how much; of all payments together, no more than the most is taken.
        """
        taken = min(fresh, self._most - self.paid_in)
        self.amount += taken
        self.paid_in += taken

    def bet(self, ratio: float, allowed: float) -> None:
        """Bet half of the capital that the mean is over what is allowed.

        Args:
            ratio: what was observed, 0 to 1.
            allowed: the mean under the hypothesis, over 0.
        """
        self.amount *= (1.0 + ratio / allowed) / 2.0

    def multiply(self, factor: float) -> None:
        """Win or lose a bet whose expected factor is at most 1 under the hypothesis."""
        self.amount *= factor
