"""Groups observations: one finding a cause, with its places, the most severe first."""

from collections.abc import Iterable
from dataclasses import dataclass

from suites.probes.api import Observation
from suites.probes.rules import RULES, Rule
from suites.probes.severity import SEVERITIES, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """All observations of one cause.

    Args:
        first: the first observation of the cause, which is shown.
        places: the places of all observations, without doubles.
        count: the number of observations.
    """

    first: Observation
    places: tuple[str, ...]
    count: int

    @property
    def rule(self) -> Rule:
        """The weakness."""
        return RULES[self.first.rule]

    @property
    def severity(self) -> Severity:
        """How severe the weakness is."""
        return SEVERITIES[self.first.rule]

    @property
    def cause(self) -> str:
        """What the observations have in common."""
        return self.first.cause or self.first.place


def findings(observations: Iterable[Observation]) -> list[Finding]:
    """The findings among observations, one for each rule and cause."""
    groups: dict[tuple[str, str], list[Observation]] = {}
    for observation in observations:
        if observation.is_finding:
            key = (observation.rule, observation.cause or observation.place)
            groups.setdefault(key, []).append(observation)
    grouped = [
        Finding(group[0], tuple(dict.fromkeys(finding.place for finding in group)), len(group))
        for group in groups.values()
    ]
    return sorted(
        grouped, key=lambda finding: (-finding.severity.score, finding.first.rule, finding.cause)
    )
