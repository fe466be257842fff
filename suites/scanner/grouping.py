"""Group the observations of a scan into findings: one for each cause, most severe first."""

from collections.abc import Iterable
from dataclasses import dataclass

from suites.probes.api import Observation
from suites.probes.rules import RULES, Rule
from suites.probes.severity import SEVERITIES, Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """All observations of one weakness that have the same cause.

    Args:
        first: the first observation, which reports show for the whole finding.
        places: the places of all observations, each place once.
        count: the number of observations.
    """

    first: Observation
    places: tuple[str, ...]
    count: int

    @property
    def rule(self) -> Rule:
        """The rule that the service breaks."""
        return RULES[self.first.rule]

    @property
    def severity(self) -> Severity:
        """The severity of the weakness."""
        return SEVERITIES[self.first.rule]

    @property
    def cause(self) -> str:
        """The cause that the observations have in common; without a cause, the first place."""
        return self.first.cause or self.first.place


def findings(observations: Iterable[Observation]) -> list[Finding]:
    """Return the findings among observations, one for each rule and cause, most severe first."""
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
