"""What a scan found, tried, and could not try."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from suites.probes.api import Observation
from suites.scanner.sending import NotAllowedError, ShareOverError, UnreachableError
from suites.scanner.session import LoginFailedError
from suites.scanner.survey.account import ServiceLostError

MAX_PROBLEM = 300


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that a rule could not try.

    Args:
        rule: the weakness.
        reason: why the rule could not try it, with the operation where there is one.
    """

    rule: str
    reason: str


@dataclass(slots=True)
class ScanResult:
    """The result of a scan.

    Args:
        findings: the observations that are findings, oldest first.
        places: the number of places at which each rule was tried.
        gaps: what each rule could not try.
        problems: the parts that could not be tested; with a problem, *nothing found* would be
            untrue.
        notes: operations that refuse a valid call for their own reason, such as an unknown id.
        on_finding: called after each finding, so that results are written as they come.
    """

    findings: list[Observation] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    gaps: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    on_finding: Callable[["ScanResult"], None] | None = None

    def add(self, outcomes: Iterable[Observation | Gap], place: str) -> None:
        """Run an attack to its end, or to the point where the service stops it.

        Args:
            outcomes: what the attack yields.
            place: the operation, for messages.

        Raises:
            NotAllowedError: the time of the scan is over.
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
            self.problem(f"{place}: the attack had an error: {type(error).__name__}: {error}")

    def note(self, outcome: Observation | Gap) -> None:
        """Add one outcome."""
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
        """Add a part that could not be tested."""
        if text[:MAX_PROBLEM] not in self.problems:
            self.problems.append(text[:MAX_PROBLEM])
