"""Reads ``accepted_findings.toml``, the findings that somebody accepted for a limited time."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from suites.probes.api import Observation
from suites.probes.rules import RULES

FILE = Path(__file__).parent.parent / "accepted_findings.toml"


class AcceptedFindingsError(Exception):
    """The file of accepted findings is wrong; the message has the number of the entry."""


@dataclass(frozen=True, slots=True)
class AcceptedFinding:
    """One finding that somebody accepted for a limited time.

    Args:
        rule: the name of the weakness, as in ``suites/probes/rules.py``.
        place: the operation and the parameter, as the finding names them.
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
    """Return all accepted findings of a file, including expired findings.

    Raises:
        AcceptedFindingsError: the file is not TOML, or an entry lacks one of the five keys, or has
            an unknown key or a wrong value.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
    except ValueError as error:
        raise AcceptedFindingsError(f"{path} is not a TOML file in UTF-8: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AcceptedFindingsError(f"{path}: expected tables [[accepted]]")
    return tuple(_entry(number, entry) for number, entry in enumerate(entries, 1))


def _entry(number: int, entry: dict[str, object]) -> AcceptedFinding:
    texts = {name: entry.get(name) for name in ("rule", "place", "owner", "reason")}
    expires = entry.get("expires")
    if set(entry) != {*texts, "expires"} or not all(
        isinstance(text, str) and text.strip() for text in texts.values()
    ):
        raise AcceptedFindingsError(
            f"entry {number}: expected the keys {', '.join(texts)} and expires, no other key, and "
            "no empty text"
        )
    if not isinstance(expires, date) or isinstance(expires, datetime):
        raise AcceptedFindingsError(f"entry {number}: expires must be a date like 2026-12-31")
    if texts["rule"] not in RULES:
        raise AcceptedFindingsError(f"entry {number}: no rule has the name {texts['rule']!r}")
    return AcceptedFinding(expires=expires, **{name: str(text) for name, text in texts.items()})


def still_open(
    observations: Iterable[Observation],
    accepted: Iterable[AcceptedFinding],
    today: date | None = None,
) -> list[Observation]:
    """Return each finding that was never accepted, or whose acceptance has expired.

    Args:
        observations: the observations, with and without a finding.
        accepted: the accepted findings.
        today: the day of the comparison; None for the present day in UTC.
    """
    day = today or datetime.now(UTC).date()
    places = {(entry.rule, entry.place) for entry in accepted if entry.expires > day}
    return [
        observation
        for observation in observations
        if observation.is_finding and (observation.rule, observation.place) not in places
    ]
