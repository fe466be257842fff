"""Judges that were fed in an earlier look, so that a later look feeds only new scrapes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.scrapes import ScrapeMemory
from gates.model import LiveObjective, Move, Scrape

Group = tuple[tuple[LiveObjective, ...], tuple[str, str]]


@dataclass(slots=True)
class FedJudge:
    """A judge, and what it was fed, in this order of time.

    Args:
        judge: the judge.
        scrapes: the scrapes.
        moves: the moves.
        problem: the first problem of a scrape; empty where no scrape had a problem.
    """

    judge: LiveJudge
    scrapes: Sequence[Scrape] = ()
    moves: Sequence[Move] = ()
    problem: str = ""

    def may_go_on(self, moves: Sequence[Move], scrapes: Sequence[Scrape]) -> bool:
        """Whether the judge was fed the beginning of these moves and scrapes, in the same order.

        Args:
            moves: the moves.
            scrapes: the scrapes, in order of time.
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
        """Feed the moves and scrapes that are new.

        After a problem of one scrape the later scrapes are fed, too, so that the problem does not
        hide a later stop.

        Args:
            moves: all moves, also those that the judge knows.
            scrapes: all scrapes in order of time, also those that the judge knows.
        """
        left = list(moves[len(self.moves) :])
        for scrape in scrapes[len(self.scrapes) :]:
            while left and left[0].at <= scrape.at:
                self.judge.move(left.pop(0))
            try:
                self.judge.scraped(scrape)
            except ValueError as error:
                needed = scrape.slot in self.judge.needs
                self.problem = self.problem or (str(error) if needed else "")
        for move in left:
            self.judge.move(move)
        self.scrapes, self.moves = scrapes, moves


@dataclass(slots=True)
class FedJudges:
    """What earlier looks leave to the next look.

    Args:
        by_group: the judges, keyed by objectives and colours.
        scrapes: the scrapes of each colour, keyed by the objectives that read them and the colour.
    """

    by_group: dict[Group, FedJudge] = field(default_factory=dict)
    scrapes: dict[tuple[tuple[LiveObjective, ...], str], ScrapeMemory] = field(default_factory=dict)

    def fed(
        self,
        group: Group,
        new_judge: Callable[[], LiveJudge],
        moves: Sequence[Move],
        scrapes: Sequence[Scrape],
    ) -> FedJudge:
        """The judge of a group that was fed these moves and scrapes, now or at earlier looks.

        Args:
            group: the objectives and the names of the colours.
            new_judge: makes a judge that was fed nothing.
            moves: the moves.
            scrapes: the scrapes, in order of time.
        """
        known = self.by_group.pop(group, None)
        if known is None or not known.may_go_on(moves, scrapes):
            known = FedJudge(new_judge())
        known.feed(moves, scrapes)
        self.by_group[group] = known
        return known
