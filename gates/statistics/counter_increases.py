"""Counts how much an instance's counters increase between scrapes, across restarts and dips."""

from collections import deque
from collections.abc import Mapping, Sequence
from enum import Enum
from math import inf

from gates.model import Scrape
from gates.model.scrape import without_label
from gates.model.selector import NAME, Selector, labels_of

# A dip is small when it has at most this number of events, or this part of the counter.
MAX_SMALL_DIP = 5.0
MAX_SMALL_PART = 0.01
# A small dip ends within this time, and the answer of a replica is at most this time behind.
DIP_SECONDS = 60.0
# This number of large dips shows that several processes answer in turn.
MIN_DIPS = 2
# A start time that differs by less is the same: clocks are not exact.
CLOCK_NOISE_SECONDS = 1.0
# The maximum difference between the clock of the process and the clock of Prometheus.
CLOCK_SKEW_SECONDS = 5.0


class ProcessChange(Enum):
    """What happened to the process behind one address between two scrapes."""

    SAME = "same"  # its start time did not move
    RESTARTED = "restarted"  # it started between the scrapes
    OTHER = "other"  # another process answered, or a clock was set
    UNKNOWN = "unknown"  # a scrape has no start time


UNMOVED = (ProcessChange.SAME, ProcessChange.UNKNOWN)


class ProcessStarts:
    """The start times of the process behind one address, scrape by scrape."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._started: float | None = None
        self._others: list[float] = []

    @property
    def is_known(self) -> bool:
        """Whether at least one scrape so far had a start time."""
        return self._started is not None

    @property
    def moves(self) -> int:
        """How often the start time changed to a moment at which no restart can have happened."""
        return len(self._others)

    def forget_moves(self) -> None:
        """Set ``moves``, the number of impossible changes of the start time, back to 0."""
        self._others = []

    def add(self, at: float, started: float | None) -> ProcessChange:
        """Add the start time of the next scrape, and return what happened to the process.

        Args:
            at: the moment of the scrape, in seconds.
            started: the start time of the process in this scrape, in seconds; None without one.
        """
        if started is None:
            return ProcessChange.UNKNOWN
        before, earlier = self._started, self._at
        self._started, self._at = started, at
        if before is None or earlier is None:
            return ProcessChange.SAME
        if abs(started - before) <= CLOCK_NOISE_SECONDS:
            return ProcessChange.SAME
        if earlier - CLOCK_SKEW_SECONDS <= started <= at + CLOCK_SKEW_SECONDS:
            return ProcessChange.RESTARTED
        self._others.append(started)
        return ProcessChange.OTHER


class CounterIncreases:
    """The increases of one instance's counters.

    Between two scrapes, a counter increases by the difference of its values. After a restart (the
    process has another start time), every counter increases by its whole value. A counter that
    appears after the first scrape increases by its whole value.

    Where the system has no start time, a fall of a counter is a restart. Where the start time shows
    that the process is the same, a fall (a dip) is no restart: Prometheus took this scrape from a
    replica with older samples. After a small dip, only the rise over the counter's highest value
    counts, so that no event counts twice. After a large dip, the number of events is unknown: the
    scrape does not count, and ``problem`` has the reason.

    Args:
        selectors: the selectors of the indicators. The increases of all counters that match one
            selector are added up.
        fall_is_restart: whether the fall of a counter is a restart, because the system has no
            start times.

    Source: Prometheus documentation, counter resets; design.md section 7.
    """

    def __init__(self, selectors: Sequence[Selector], *, fall_is_restart: bool = False) -> None:
        self._selectors = selectors
        self._size = 0
        self._fall_is_restart = fall_is_restart
        self._roles: dict[str, tuple[int, ...]] = {}
        self.matched_roles: set[int] = set()
        self._labels_of_metric: dict[str, set[str]] = {}
        self._highest: dict[str, float] = {}
        self._recent: deque[tuple[float, Mapping[str, float]]] = deque()
        self._starts = ProcessStarts()
        self._has_scrape, self._is_new = False, True
        self._dip_since: float | None = None
        self._before_fall: dict[str, float] = {}
        self._fell_at = 0.0
        self._large_dips = 0
        self._is_in_large_dip = False
        self.restarted = False
        self.problem, self.unlabelled = "", ""

    @property
    def has_start_time(self) -> bool:
        """Whether at least one scrape of the instance had the start time of the process."""
        return self._starts.is_known

    def begin_step(self) -> None:
        """Forget the problems of the last step; after a problem, count from the next scrape on."""
        if self.problem:
            self._highest, self._has_scrape = {}, False
            self._recent.clear()
        self._dip_since, self._large_dips, self._is_in_large_dip = None, 0, False
        self._before_fall = {}
        self._starts.forget_moves()
        self.problem = ""

    def add_scrape(self, scrape: Scrape, *, counts_from_zero: bool) -> list[float] | None:
        """Add the next scrape, and return the increases since the previous scrape.

        Args:
            scrape: the next scrape.
            counts_from_zero: whether the counters of a new instance started at 0 in the ramp. Then
                the whole values of the first scrape count.

        Returns:
            The increase for each selector. None for a first scrape that does not count from zero,
            and for a scrape that does not count.

        Raises:
            ValueError: a counter is negative or not finite.
        """
        change = self._starts.add(scrape.at, scrape.started)
        self.restarted = False
        if change in UNMOVED and (sums := self._plain_rises(scrape)) is not None:
            return sums
        counters = self._counters(scrape)
        if change is ProcessChange.OTHER:
            self.problem = self._moved_start(scrape)
        elif self._before_fall and self._has_returned(counters, scrape):
            self._large_dips = MIN_DIPS
            self.problem = _several_processes(scrape.instance, "the counters fall and rise again")
        if not self._has_scrape and not self._is_unreadable:
            counts = counts_from_zero and self._is_new
            self._has_scrape, self._is_new = True, False
            rises = self._rises(counters, scrape)
            return rises if counts else None
        if self._is_unreadable:
            return None
        if change is ProcessChange.RESTARTED:
            return self._restart(counters, scrape)
        fallen = self._fallen(counters)
        if not fallen:
            self._dip_since, self._is_in_large_dip = None, False
            return self._rises(counters, scrape)
        return self._fell(fallen, counters, scrape, change)

    def _plain_rises(self, scrape: Scrape) -> list[float] | None:
        """The increases of an ordinary scrape, in one loop; None where anything is unusual."""
        unusual = self._dip_since is not None or self._is_in_large_dip or self._before_fall
        if unusual or not self._has_scrape or self._is_unreadable:
            return None
        sums, known, highest = [0.0] * len(self._selectors), self._roles, self._highest
        risen: dict[str, float] = {}
        for identity, value in scrape.values.items():
            roles = known.get(identity)
            if roles is None:
                return None
            if not roles:
                continue
            before = highest.get(identity)
            if before is None or not before <= value < inf:
                return None
            if value > before:
                risen[identity] = value
                for role in roles:
                    sums[role] += value - before
        highest.update(risen)
        self._size = max(self._size, len(scrape.values))
        self._remember(scrape.at, scrape.values)
        return sums

    def _remember(self, at: float, counters: Mapping[str, float]) -> None:
        """Keep the counters of the last minute."""
        recent = self._recent
        recent.append((at, counters))
        while len(recent) > 1 and recent[1][0] <= at - DIP_SECONDS:
            recent.popleft()

    @property
    def _is_unreadable(self) -> bool:
        """Whether several processes answer by turns, so that no increase is known."""
        return self._starts.moves > 0 or self._large_dips >= MIN_DIPS

    def _counters(self, scrape: Scrape) -> dict[str, float]:
        """The counters of a scrape that match a selector.

        Raises:
            ValueError: a counter is negative or not finite.
        """
        counters, known = {}, self._roles
        self._size = max(self._size, len(scrape.values))
        for identity, value in scrape.values.items():
            roles = known.get(identity)
            if roles is None:
                roles = self._learn(identity)
            if not roles:
                continue
            if not 0.0 <= value < inf:
                where = f"{identity[:120]} of {scrape.instance}"
                raise ValueError(f"{where} is not a count (finite, at least 0): {value}")
            counters[identity] = value
        return counters

    def _restart(self, counters: dict[str, float], scrape: Scrape) -> list[float]:
        """The increases after a restart: the whole values."""
        self.restarted = True
        self._highest, self._dip_since, self._is_in_large_dip = {}, None, False
        self._size, self._before_fall = len(scrape.values), {}
        self._recent.clear()
        return self._rises(counters, scrape)

    def _rises(self, counters: dict[str, float], scrape: Scrape) -> list[float]:
        """The increases over the highest values so far."""
        sums, highest = [0.0] * len(self._selectors), self._highest
        for identity, value in counters.items():
            rise = value - highest.get(identity, 0.0)
            if rise > 0.0:
                highest[identity] = value
                for role in self._roles[identity]:
                    sums[role] += rise
            elif identity not in highest:
                highest[identity] = value
        self._remember(scrape.at, counters)
        return sums

    def _fallen(self, counters: dict[str, float]) -> dict[str, tuple[float, float]]:
        """The highest value and the new value of each counter that is below its highest value."""
        highest = self._highest
        return {
            identity: (before, value)
            for identity, value in counters.items()
            if (before := highest.get(identity, value)) > value
        }

    def _fell(
        self,
        fallen: dict[str, tuple[float, float]],
        counters: dict[str, float],
        scrape: Scrape,
        change: ProcessChange,
    ) -> list[float] | None:
        """The increases of a scrape with fallen counters, where no start time shows a restart."""
        is_small = not self._is_in_large_dip and not self._is_long(scrape)
        if is_small and self._are_small(fallen):
            self._dip_since = scrape.at if self._dip_since is None else self._dip_since
            return self._rises(counters, scrape)
        if self._fall_is_restart:
            before_fall = self._older_counters(fallen)
            sums = self._restart(counters, scrape)
            self._before_fall, self._fell_at = before_fall, scrape.at
            return sums
        if change is ProcessChange.UNKNOWN and self.has_start_time:
            return None  # half a scrape: the next start time shows whether the process restarted
        if not self._is_in_large_dip:
            self._large_dips += 1
            self._is_in_large_dip = True
        self.problem = self._large_dip(fallen, scrape)
        return None

    def _older_counters(self, fallen: dict[str, tuple[float, float]]) -> dict[str, float]:
        """The fallen counters that are too high for a new process to reach within a minute."""
        oldest = self._recent[0][1] if self._recent else {}
        return {
            identity: before
            for identity, (before, _) in fallen.items()
            if before > MAX_SMALL_DIP / MAX_SMALL_PART and oldest.get(identity, 0.0) > before / 2
        }

    def _has_returned(self, counters: dict[str, float], scrape: Scrape) -> bool:
        """Whether the counters are back at the values before a fall, too soon for a new process."""
        if scrape.at - self._fell_at > DIP_SECONDS:
            self._before_fall = {}
            return False
        return all(
            counters.get(identity, 0.0) >= before for identity, before in self._before_fall.items()
        )

    def _is_long(self, scrape: Scrape) -> bool:
        """Whether the counters are below their highest values for longer than a small dip lasts."""
        return self._dip_since is not None and scrape.at - self._dip_since > DIP_SECONDS

    def _are_small(self, fallen: dict[str, tuple[float, float]]) -> bool:
        """Whether every fall is small: few events, a small part, or at most a minute's rise."""
        if not self._recent:
            return False
        oldest = self._recent[0][1]
        return all(
            before - value <= max(MAX_SMALL_DIP, MAX_SMALL_PART * before)
            or value >= oldest.get(identity, inf)
            for identity, (before, value) in fallen.items()
        )

    def _large_dip(self, fallen: dict[str, tuple[float, float]], scrape: Scrape) -> str:
        """A sentence about a large dip of a process that did not restart."""
        identity, (before, value) = max(
            fallen.items(), key=lambda item: (item[1][0] - item[1][1], item[0])
        )
        if self._large_dips >= MIN_DIPS:
            return _several_processes(scrape.instance, "the counters fall and rise again")
        started = self.has_start_time
        known = "its process did not restart" if started else "no start time shows a restart"
        return (
            f"{identity[:120]} of {scrape.instance} fell from {before:,.0f} to {value:,.0f}, and "
            f"{known}: the number of events of this counter in this step is unknown; query the "
            "replicas of Prometheus one by one, and compare this counter's values"
        )

    def _moved_start(self, scrape: Scrape) -> str:
        """A sentence about a start time that moved without a restart."""
        if self._starts.moves == 1:
            return (
                f"the start time of {scrape.instance} moved without a restart: several processes "
                "behind one address answer in turn, or a clock was set; check the scrape "
                "configuration"
            )
        return _several_processes(scrape.instance, "the start times alternate")

    def lacks(self, values: Mapping[str, float], needed: set[int]) -> bool:
        """Whether a needed selector matched counters of earlier scrapes, and matches none now.

        Args:
            values: the scrape's counters, by the metric name with the labels.
            needed: the positions of the selectors that must have counters, from 0.
        """
        if len(values) >= self._size:
            return False
        known = self._roles
        shown = {
            role
            for identity in values
            for role in (known[identity] if identity in known else self._learn(identity))
        }
        return not needed & self.matched_roles <= shown

    def counts_zero(self, role: int) -> bool:
        """Whether no counter for a selector means that no event of the selector occurred.

        A label value that never occurred has no series. But a missing series proves zero events
        only if other series of the same metric have every label name of the selector.

        Args:
            role: the position of the selector, from 0.
        """
        selector = self._selectors[role]
        return any(
            selector.asks_for <= labels
            for metric, labels in self._labels_of_metric.items()
            if selector.matches_name(metric)
        )

    def _learn(self, identity: str) -> tuple[int, ...]:
        """Return the positions of the selectors that match a series, and store the positions."""
        labels = labels_of(identity)
        roles = tuple(
            number for number, selector in enumerate(self._selectors) if selector.matches(labels)
        )
        self._roles[identity] = roles
        self.matched_roles.update(roles)
        if roles:
            names = self._labels_of_metric.setdefault(labels[NAME], set())
            names.update(name for name, value in labels.items() if value and name != NAME)
            self.unlabelled = self.unlabelled or without_label(labels, self._selectors)
        return roles


def _several_processes(instance: str, sign: str) -> str:
    """A sentence about several processes behind one address, and what shows them."""
    return (
        f"several processes behind one address: at {instance}, {sign}; the gate cannot tell the "
        "counts of the processes apart; scrape each process by its own address, or export the sum "
        "of the counts"
    )
