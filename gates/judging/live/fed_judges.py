"""Keeps live judges between evaluations, so that an evaluation counts only new scrapes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.scrapes import ScrapeMemory
from gates.model import LiveObjective, Move, Scrape

Group = tuple[tuple[LiveObjective, ...], tuple[str, str]]


@dataclass(slots=True)
class FedJudge:
    """A live judge, with the scrapes and moves that the judge was given so far.

    Args:
        judge: the live judge.
        scrapes: the scrapes that the judge was given, in order of time.
        moves: the moves of traffic that the judge was given, in order of time.
        problem: the first problem in a scrape of a colour that the judge needs; empty without a
            problem.
    """

    judge: LiveJudge
    scrapes: Sequence[Scrape] = ()
    moves: Sequence[Move] = ()
    problem: str = ""

    def may_go_on(self, moves: Sequence[Move], scrapes: Sequence[Scrape]) -> bool:
        """Whether the judge can continue with a longer list of moves and scrapes.

        The lists must begin with the moves and scrapes that the judge was given already. New moves
        and scrapes must be later than those that the judge was given already.

        Args:
            moves: all moves of the ramp, in order of time.
            scrapes: all scrapes, in order of time.
        """
        known_scrapes, known_moves = len(self.scrapes), len(self.moves)
        new_scrapes, new_moves = scrapes[known_scrapes:], moves[known_moves:]
        return (
            list(scrapes[:known_scrapes]) == list(self.scrapes)
            and list(moves[:known_moves]) == list(self.moves)
            and not (new_scrapes and self.moves and new_scrapes[0].at < self.moves[-1].at)
            and not (new_moves and self.scrapes and new_moves[0].at <= self.scrapes[-1].at)
        )

    def feed(self, moves: Sequence[Move], scrapes: Sequence[Scrape]) -> None:
        """Give the judge the moves and scrapes that are new, in order of time.

        After a scrape with a problem, the judge still gets the later scrapes. So the problem does
        not hide a later stop.

        Args:
            moves: all moves, with the moves that the judge was given already.
            scrapes: all scrapes in order of time, with the scrapes that the judge was given
                already.
        """
        left = list(moves[len(self.moves) :])
        for scrape in scrapes[len(self.scrapes) :]:
            while left and left[0].at <= scrape.at:
                self.judge.move(left.pop(0))
            try:
                self.judge.add_scrape(scrape)
            except ValueError as error:
                needed = scrape.slot in self.judge.needs
                self.problem = self.problem or (str(error) if needed else "")
        for move in left:
            self.judge.move(move)
        self.scrapes, self.moves = scrapes, moves


@dataclass(slots=True)
class FedJudges:
    """The live judges and scrapes of earlier evaluations, for the next evaluation.

    Args:
        by_group: the live judges, keyed by their objectives and by the names of the colours.
        scrapes: the scrapes of each colour, keyed by the objectives of the judge and by the name of
            the colour.
    """

    by_group: dict[Group, FedJudge] = field(default_factory=dict)
    scrapes: dict[tuple[tuple[LiveObjective, ...], str], ScrapeMemory] = field(default_factory=dict)

    def judge_of(
        self,
        group: Group,
        new_judge: Callable[[], LiveJudge],
        moves: Sequence[Move],
        scrapes: Sequence[Scrape],
    ) -> FedJudge:
        """Give all moves and scrapes to the judge of a group, and return the judge.

        The judge of the earlier evaluation continues where possible; else a new judge begins.

        Args:
            group: the objectives of the judge, and the names of the colours.
            new_judge: creates a judge that was given no scrapes.
            moves: all moves of the ramp, in order of time.
            scrapes: all scrapes, in order of time.
        """
        known = self.by_group.pop(group, None)
        if known is None or not known.may_go_on(moves, scrapes):
            known = FedJudge(new_judge())
        known.feed(moves, scrapes)
        self.by_group[group] = known
        return known
