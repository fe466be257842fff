"""Findings somebody accepted for a time: accepted_findings.toml, and what it leaves open."""

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
class Accepted:
    """One accepted finding.

    Args:
        rule: the weakness.
        place: operation and parameter, as the finding names it.
        owner: who answers for it.
        reason: why it is accepted.
        expires: from this day on it counts again.
    """

    rule: str
    place: str
    owner: str
    reason: str
    expires: date


def read(path: Path = FILE) -> tuple[Accepted, ...]:
    """The accepted findings of a file.

    Raises:
        AcceptedFindingsError: an entry lacks something, or has something else.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
    return tuple(_entry(number, entry) for number, entry in enumerate(entries, 1))


def _entry(number: int, entry: dict[str, object]) -> Accepted:
    texts = {name: entry.get(name) for name in ("rule", "place", "owner", "reason")}
    expires = entry.get("expires")
    if set(entry) != {*texts, "expires"} or not all(
        isinstance(one, str) and one.strip() for one in texts.values()
    ):
        raise AcceptedFindingsError(f"entry {number}: expected {', '.join(texts)} and expires")
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise AcceptedFindingsError(f"entry {number}: expires is no date like 2026-12-31")
    if texts["rule"] not in RULES:
        raise AcceptedFindingsError(f"entry {number}: no rule {texts['rule']!r}")
    return Accepted(expires=expires, **{name: str(one) for name, one in texts.items()})


def still_open(
    observations: Iterable[Observation],
    accepted: Iterable[Accepted],
    today: date | None = None,
) -> list[Observation]:
    """What was found and is not accepted, or not any longer."""
    day = today or datetime.now(UTC).date()
    known = {(one.rule, one.place) for one in accepted if one.expires > day}
    return [one for one in observations if one.found and (one.rule, one.place) not in known]
