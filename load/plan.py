"""The plan of a load run, fixed before the run: its users, and when each request is due."""

import random
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gates.errors import ConfigurationError
from gates.evidence.load_record import Judged
from gates.sources.json_values import Amount, Count

PROFILES = Path(__file__).with_name("profiles.toml")
JOURNEYS = Path(__file__).with_name("journeys.toml")
# Users who start at the same moment also send their requests at the same moment.
MAX_SPAWN_RATE = 100
# A shorter phase is a mistake in --scale.
MIN_PHASE_SECONDS = 0.2
MAX_USERS = 20_000
MAX_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a run.

    Args:
        name: the name of the phase.
        start: the start of the phase, in seconds since the run began.
        end: the end of the phase, in seconds since the run began.
        users_at_start: the number of users at the start of the phase.
        users_at_end: the number of users at the end; the number changes evenly during the phase.
        judged: the limits of the policy that apply: ``all``; ``answers``, which are the share of
            correct responses and the gaps between them; or an empty text for no limits.
        is_recovery: whether the phase follows a spike, so that the recovery time begins with it.
    """

    name: str
    start: Amount
    end: Amount
    users_at_start: Count
    users_at_end: Count
    judged: Judged
    is_recovery: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The users of a run, and the moments at which their requests are due.

    Args:
        profile: the name of the profile.
        seed: the seed of the users' pauses and choices.
        phases: the phases in their order, without gaps.
        min_pause: the shortest time between two requests of a user, in seconds.
        max_pause: the longest time between two requests of a user, in seconds.
        patience: the time after which a request counts as unanswered, in seconds.
        slow: the time after which a response counts as late by the policy, in seconds.
        stops_when_broken: whether the run ends after the first phase with too many bad requests.
        reads_memory: whether the run reads the target's memory.
    """

    profile: str
    seed: str
    phases: tuple[Phase, ...]
    min_pause: Amount
    max_pause: Amount
    patience: Amount
    slow: Amount
    stops_when_broken: bool = False
    reads_memory: bool = False

    @property
    def seconds(self) -> float:
        """The length of the run, in seconds."""
        return self.phases[-1].end

    @property
    def peak(self) -> int:
        """The largest number of users at any time."""
        return max(max(phase.users_at_start, phase.users_at_end) for phase in self.phases)

    def users_until(self, second: float) -> int:
        """Return the number of users who have started until a second of the run."""
        return sum(begin <= second for begin, _ in self.active())

    def active(self) -> list[tuple[float, float]]:
        """Return when each user starts and ends, in seconds; the first user ends last."""
        return [(self.begins(number), self.ends(number)) for number in range(self.peak)]

    def due(self, user: int) -> Iterator[float]:
        """Yield the moments at which a user's requests are due, in seconds since the run began.

        The first request is due within one pause of the user's start, so that users who start
        together do not send their requests together.
        """
        dice = random.Random(f"{self.seed}/{user}")  # noqa: S311 - pauses, not secrets
        moment = self.begins(user) + dice.uniform(0, self.max_pause)
        end = self.ends(user)
        while moment < end:
            yield moment
            moment += dice.uniform(self.min_pause, self.max_pause)

    def phase_at(self, second: float) -> int:
        """Return the index of the phase at a second of the run; after the end, the last phase."""
        for number, phase in enumerate(self.phases):
            if second < phase.end:
                return number
        return len(self.phases) - 1

    def begins(self, user: int) -> float:
        """Return the moment at which a user starts, in seconds since the run began."""
        for phase in self.phases:
            if phase.users_at_start > user:
                return phase.start
            if phase.users_at_end > user:
                rise = phase.users_at_end - phase.users_at_start
                share = (user + 1 - phase.users_at_start) / rise
                return phase.start + share * (phase.end - phase.start)
        return self.seconds

    def ends(self, user: int) -> float:
        """Return the moment at which a user ends, in seconds since the run began."""
        for phase in reversed(self.phases):
            if phase.users_at_end > user:
                return phase.end
            if phase.users_at_start > user:
                fall = phase.users_at_start - phase.users_at_end
                share = (phase.users_at_start - user) / fall
                return phase.start + share * (phase.end - phase.start)
        return 0.0


@dataclass(frozen=True, slots=True)
class Journey:
    """A sequence of requests that one user sends.

    Args:
        weight: how often users choose this journey, relative to the other journeys.
        steps: the names of steps in ``load.steps.STEPS``; each step is one request.
    """

    weight: Amount
    steps: tuple[str, ...]


def names() -> list[str]:
    """Return the names of the profiles."""
    return list(_read(PROFILES))


def make(profile: str, seed: str, *, users: int | None, scale: float, slow: float) -> Plan:
    """Make the plan of a run.

    Args:
        profile: one of ``names()``.
        seed: the seed of the users' pauses and choices.
        users: the largest number of users; None for the number of the profile.
        scale: the factor that multiplies the length of each phase, but not the pauses.
        slow: the time after which a response counts as late by the policy, in seconds.

    Raises:
        ConfigurationError: the plan has too many users, is too long, has a phase that is too short,
            or starts users too fast.
    """
    content, shopping = _read(PROFILES)[profile], _read(JOURNEYS)
    peak, at, phases = peak_of(profile, users), 0.0, []
    for phase in content["phases"]:
        until = at + phase["seconds"] * scale
        phases.append(
            Phase(
                name=phase["name"],
                start=at,
                end=until,
                users_at_start=round(phase["from"] * peak),
                users_at_end=round(phase["to"] * peak),
                judged=phase.get("judged", ""),
                is_recovery=phase.get("is_recovery", False),
            )
        )
        at = until
    plan = Plan(
        profile=profile,
        seed=seed,
        phases=tuple(phases),
        min_pause=shopping["min_pause_seconds"],
        max_pause=shopping["max_pause_seconds"],
        patience=shopping["patience_seconds"],
        slow=slow,
        stops_when_broken=content.get("stops_when_broken", False),
        reads_memory=content.get("reads_memory", False),
    )
    _refuse(plan)
    return plan


def _refuse(plan: Plan) -> None:
    """Refuse a plan that goes beyond a limit.

    Raises:
        ConfigurationError: the plan has too many users, is too long, has a phase that is too short,
            or starts users too fast.
    """
    if plan.peak > MAX_USERS or plan.seconds > MAX_SECONDS:
        raise ConfigurationError(
            f"the plan has {plan.peak:,} users for {plan.seconds:,.0f} s; the limit is "
            f"{MAX_USERS:,} users for {MAX_SECONDS:,.0f} s: use a smaller --users or --scale"
        )
    for phase in plan.phases:
        length = phase.end - phase.start
        if length < MIN_PHASE_SECONDS:
            raise ConfigurationError(
                f"phase {phase.name} lasts {length:.3g} s; a phase needs {MIN_PHASE_SECONDS:g} s "
                "or more: use a larger --scale"
            )
        if phase.users_at_end - phase.users_at_start > MAX_SPAWN_RATE * length:
            raise ConfigurationError(
                f"phase {phase.name} starts more than {MAX_SPAWN_RATE} users a second: use a "
                "larger --scale"
            )


def peak_of(profile: str, users: int | None) -> int:
    """Return the peak: the requested number of users; for None, the profile's number."""
    return users or int(_read(PROFILES)[profile]["users"])


def length(profile: str) -> float:
    """Return the length of a profile in seconds, at the scale 1."""
    return float(sum(phase["seconds"] for phase in _read(PROFILES)[profile]["phases"]))


def needs() -> set[str]:
    """Return the names of the capabilities that a target needs for the journeys."""
    return set(_read(JOURNEYS)["needs"])


def journeys() -> dict[str, Journey]:
    """Return every journey of a load run, keyed by its name."""
    return _journeys("journeys")


def everyday() -> dict[str, Journey]:
    """Return the journeys that both colours offer, keyed by their names."""
    return _journeys("everyday")


def _journeys(table: str) -> dict[str, Journey]:
    return {
        name: Journey(journey["weight"], tuple(journey["steps"]))
        for name, journey in _read(JOURNEYS)[table].items()
    }


@lru_cache
def _read(path: Path) -> Mapping[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
