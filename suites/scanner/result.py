"""The result of a scan: findings, tried rules, and everything that could not be tried."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from suites.probes.api import Observation
from suites.scanner.sending import NotAllowedError, ShareOverError, UnreachableError
from suites.scanner.session import LoginFailedError
from suites.scanner.survey.account import ServiceLostError

MAX_PROBLEM = 300


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a rule that the scan could not try.

    Args:
        rule: the name of the rule, such as ``sql-injection``.
        reason: why the scan could not try this part, and the operation if only one is concerned.
    """

    rule: str
    reason: str


@dataclass(slots=True)
class ScanResult:
    """The result of a scan, which grows while the scan runs.

    Args:
        findings: the observations that are findings, oldest first.
        places: the number of places at which each rule was tried, keyed by rule.
        gaps: the reasons why a rule could not be tried somewhere, keyed by rule.
        problems: the parts that could not be tested; a scan with problems never ends with
            *nothing found*.
        notes: operations that were left out, or that refuse a valid request, with the reason.
        on_finding: a function that is called with this result after each finding, or None.
    """

    findings: list[Observation] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    on_finding: Callable[["ScanResult"], None] | None = None

    def add(self, outcomes: Iterable[Observation | Gap], place: str) -> None:
        """Run an attack and add its outcomes; an error of the attack becomes a problem.

        Args:
            outcomes: the observations and gaps that the attack yields while it runs.
            place: the name of the operation or attack, for messages.

        Raises:
            NotAllowedError: the scan has sent too many requests, or its time is over.
            ServiceLostError: the service does not answer any more.
        """
        try:
            for outcome in outcomes:
                self.note(outcome)
        except (NotAllowedError, ServiceLostError):
            raise
        except (UnreachableError, LoginFailedError, ShareOverError) as error:
            self.problem(f"{place}: {error}")
        except Exception as error:  # noqa: BLE001 - one broken attack must not lose the scan
            self.problem(
                f"{place}: the attack ended with an error: {type(error).__name__}: {error}"
            )

    def note(self, outcome: Observation | Gap) -> None:
        """Add one observation or gap, and report a finding to ``on_finding``."""
        if isinstance(outcome, Gap):
            reasons = self.gaps.setdefault(outcome.rule, [])
            if outcome.reason not in reasons:
                reasons.append(outcome.reason)
            return
        self.places[outcome.rule] = self.places.get(outcome.rule, 0) + 1
        if outcome.is_finding:
            self.findings.append(outcome)
            if self.on_finding:
                self.on_finding(self)

    def problem(self, text: str) -> None:
        """Add a sentence about a part that could not be tested, unless it was added before."""
        if text[:MAX_PROBLEM] not in self.problems:
            self.problems.append(text[:MAX_PROBLEM])
