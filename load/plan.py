"""The plan of a load run: how many users when, and when each of them is due; fixed ahead."""

import random
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gates.errors import ConfigurationError

PROFILES = Path(__file__).with_name("profiles.toml")
JOURNEYS = Path(__file__).with_name("journeys.toml")
# What spawns at once fires at once.
SPAWNED_A_SECOND = 100
# What is shorter than this is a slip of --scale.
LEAST_PHASE_SECONDS = 0.2
MOST_USERS = 20_000
MOST_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run.

    Args:
        name: its name.
        start: seconds since the run began.
        end: the same.
        users_at_start: how many shoppers there are then.
        users_at_end: the same at its end; between, evenly.
        judged: which of the policy's limits apply to it: ``all``, those of ``answers`` (what was
            answered rightly, and without a gap), or none: empty.
    """

    name: str
    start: float
    end: float
    users_at_start: int
    users_at_end: int
    judged: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a generator needs to know ahead.

    Args:
        profile: the profile's name.
        seed: what the users' pauses and choices are drawn from.
        phases: in order, without gaps.
        least_pause: seconds between two requests of a user, at least.
        most_pause: the same, at most.
        patience: seconds after which a request is given up.
        slow: seconds after which an answer is too late, by the policy.
        stops_when_broken: whether the run ends with the first judged phase that breaks down.
    """

    profile: str
    seed: str
    phases: tuple[Phase, ...]
    least_pause: float
    most_pause: float
    patience: float
    slow: float
    stops_when_broken: bool = False

    @property
    def seconds(self) -> float:
        """How long the run takes."""
        return self.phases[-1].end

    @property
    def peak(self) -> int:
        """The most users there are at a time."""
        return max(max(one.users_at_start, one.users_at_end) for one in self.phases)

    def users_until(self, second: float) -> int:
        """How many users have begun by then."""
        return sum(begin <= second for begin, _ in self.active())

    def active(self) -> list[tuple[float, float]]:
        """For each user, from when until when; users come in order, and the last goes first."""
        return [(self.begins(number), self.ends(number)) for number in range(self.peak)]

    def due(self, user: int) -> Iterator[float]:
        """When a user's requests are due: seconds since the run began, fixed ahead.

        The first comes within one pause of the user's beginning, so that users who begin
        together do not ask together.
        """
        dice = random.Random(f"{self.seed}/{user}")  # noqa: S311 - pauses, not secrets
        moment = self.begins(user) + dice.uniform(0, self.most_pause)
        end = self.ends(user)
        while moment < end:
            yield moment
            moment += dice.uniform(self.least_pause, self.most_pause)

    def phase_at(self, second: float) -> int:
        """The number of the phase that holds this moment; the last one's for all beyond."""
        for number, phase in enumerate(self.phases):
            if second < phase.end:
                return number
        return len(self.phases) - 1

    def begins(self, user: int) -> float:
        """When a user comes, seconds since the run began."""
        for phase in self.phases:
            if phase.users_at_start > user:
                return phase.start
            if phase.users_at_end > user:
                rise = phase.users_at_end - phase.users_at_start
                share = (user + 1 - phase.users_at_start) / rise
                return phase.start + share * (phase.end - phase.start)
        return self.seconds

    def ends(self, user: int) -> float:
        """When a user leaves."""
        for phase in reversed(self.phases):
            if phase.users_at_end > user:
                return phase.end
            if phase.users_at_start > user:
                fall = phase.users_at_start - phase.users_at_end
                share = (phase.users_at_start - user) / fall
                return phase.start + share * (phase.end - phase.start)
        return 0.0

    def as_json(self) -> dict[str, Any]:
        """The plan for another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Plan":
        """What ``as_json`` gave."""
        phases = tuple(Phase(**phase) for phase in content["phases"])
        return cls(**{**content, "phases": phases})


def names() -> list[str]:
    """The profiles there are."""
    return list(_read(PROFILES))


def stage_of(profile: str) -> str:
    """The policy's stage that judges a profile."""
    return str(_read(PROFILES)[profile]["stage"])


def make(profile: str, seed: str, *, users: int | None, scale: float, slow: float) -> Plan:
    """The plan of a run.

    Args:
        profile: one of ``names()``.
        seed: what the users' pauses and choices are drawn from.
        users: the peak; None for the profile's own.
        scale: every phase takes so many times as long; pauses stay as they are.
        slow: seconds after which an answer is too late, by the policy.

    Raises:
        ConfigurationError: it is too large, too long, or too steep.
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
            )
        )
        at = until
    plan = Plan(
        profile=profile,
        seed=seed,
        phases=tuple(phases),
        least_pause=shopping["least_pause_seconds"],
        most_pause=shopping["most_pause_seconds"],
        patience=shopping["patience_seconds"],
        slow=slow,
        stops_when_broken=content.get("stops_when_broken", False),
    )
    _refuse(plan)
    return plan


def _refuse(plan: Plan) -> None:
    """Bounded in users and time, and no more users a second than can be brought in."""
    if plan.peak > MOST_USERS or plan.seconds > MOST_SECONDS:
        raise ConfigurationError(
            f"{plan.peak:,} users for {plan.seconds:,.0f} s: at most {MOST_USERS:,} for "
            f"{MOST_SECONDS:,.0f} s"
        )
    for phase in plan.phases:
        length = phase.end - phase.start
        if length < LEAST_PHASE_SECONDS:
            raise ConfigurationError(
                f"{phase.name} would last {length:.1f} s: at least {LEAST_PHASE_SECONDS:g} s"
            )
        if phase.users_at_end - phase.users_at_start > SPAWNED_A_SECOND * length:
            raise ConfigurationError(
                f"{phase.name} would bring in more than {SPAWNED_A_SECOND} users a second: "
                "take a larger --scale"
            )


def peak_of(profile: str, users: int | None) -> int:
    """How many users a run of the profile is for: what was asked for, or the profile's own."""
    return users or int(_read(PROFILES)[profile]["users"])


def length(profile: str) -> float:
    """How long a profile takes at scale 1, in seconds."""
    return float(sum(phase["seconds"] for phase in _read(PROFILES)[profile]["phases"]))


def needs() -> set[str]:
    """The capabilities a target needs for the journeys."""
    return set(_read(JOURNEYS)["needs"])


def journeys() -> dict[str, Any]:
    """Journeys by name, each with its weight and steps."""
    found: dict[str, Any] = _read(JOURNEYS)["journeys"]
    return found


def everyday() -> dict[str, Any]:
    """The journeys that both colours offer, likewise."""
    found: dict[str, Any] = _read(JOURNEYS)["everyday"]
    return found


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))
