"""Findings that somebody accepted for a time, as ``accepted_findings.toml`` lists them."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from suites.probes.api import Observation
from suites.probes.rules import RULES

FILE = Path(__file__).parent.parent / "accepted_findings.toml"


class AcceptedFindingsError(Exception):
    """The file is wrong; the text names the entry."""


@dataclass(frozen=True, slots=True)
class AcceptedFinding:
    """One accepted finding.

    Args:
        rule: the weakness.
        place: operation and parameter, as the finding names them.
        owner: the person who is responsible for the acceptance.
        reason: why the finding is accepted.
        expires: the first day on which the acceptance no longer counts.
    """

    rule: str
    place: str
    owner: str
    reason: str
    expires: date


def read(path: Path = FILE) -> tuple[AcceptedFinding, ...]:
    """The accepted findings of a file.

    Raises:
        AcceptedFindingsError: an entry has other keys or values than the five needed keys.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
    return tuple(_entry(number, entry) for number, entry in enumerate(entries, 1))


def _entry(number: int, entry: dict[str, object]) -> AcceptedFinding:
    texts = {name: entry.get(name) for name in ("rule", "place", "owner", "reason")}
    expires = entry.get("expires")
    if set(entry) != {*texts, "expires"} or not all(
        isinstance(text, str) and text.strip() for text in texts.values()
    ):
        raise AcceptedFindingsError(f"entry {number}: expected {', '.join(texts)} and expires")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise AcceptedFindingsError(f"entry {number}: expires must be a date like 2026-12-31")
    if texts["rule"] not in RULES:
        raise AcceptedFindingsError(f"entry {number}: no rule {texts['rule']!r}")
    return AcceptedFinding(expires=expires, **{name: str(text) for name, text in texts.items()})


def still_open(
    observations: Iterable[Observation],
    accepted: Iterable[AcceptedFinding],
    today: date | None = None,
) -> list[Observation]:
    """The findings without an acceptance, or with an expired acceptance."""
    day = today or datetime.now(UTC).date()
    places = {(entry.rule, entry.place) for entry in accepted if entry.expires > day}
    return [
        observation
        for observation in observations
        if observation.is_finding and (observation.rule, observation.place) not in places
    ]
