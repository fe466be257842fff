"""Which label tells the colours apart in Prometheus, and which of its values is green's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gates.model import ServedBuild
from gates.sources.series_names import Labels

# Usual labels of the colours, the likeliest first.
USUAL = (
    "slot", "track", "colour", "color", "deployment", "release", "variant", "role", "stage",
    "version", "app_version", "namespace", "pod_template_hash", "rollouts_pod_template_hash",
)  # fmt: skip
# Usual values, where health does not say which value is green's.
GREEN_VALUES = ("green", "canary", "candidate", "new", "next", "preview", "v2")
COLOURS = 2


@dataclass(frozen=True, slots=True)
class Colours:
    """How the series of the two colours are told apart.

    Args:
        label: the label; empty where no label has two values.
        green: green's value; empty where it is not known.
        blue: blue's value; empty where it is not known.
        reason: why this label and these values were chosen, for a person.
    """

    label: str
    green: str
    blue: str
    reason: str


NO_COLOURS = Colours("", "", "", "no label of the request counter has exactly two values")


def colours_of(
    series: Sequence[Labels], other_labels: frozenset[str], served: Sequence[ServedBuild]
) -> Colours:
    """The label of the colours among the labels of some series.

    Args:
        series: the series of a counter of requests.
        other_labels: labels that are known to mean something else, such as the status.
        served: the health answers of green and, where known, of blue.
    """
    values: dict[str, set[str]] = {}
    for labels in series:
        for label, value in labels.items():
            values.setdefault(label, set()).add(value)
    everywhere = {label for label in values if all(label in labels for labels in series)}
    two = {
        label: sorted(values_of_label)
        for label, values_of_label in values.items()
        if len(values_of_label) == COLOURS and label in everywhere and label not in other_labels
    }
    names = [_names_of(build) for build in served]
    for label in (*USUAL, *sorted(two.keys() - set(USUAL))):
        if label in two and (colours := _of_health(label, two[label], names)):
            return colours
    return _usual(two)


def _names_of(build: ServedBuild) -> tuple[str, ...]:
    """The names under which a store knows itself."""
    release = (build.build.release, build.build.version) if build.build else ()
    return tuple(name for name in (build.deployment, *release) if name)


def _of_health(
    label: str, values: Sequence[str], names: Sequence[tuple[str, ...]]
) -> Colours | None:
    """The colours where a value of the label is a name in a health answer."""
    first, second = values
    green = next((value for value in values if names and value in names[0]), "")
    if green:
        blue = second if green == first else first
        return Colours(label, green, blue, f"the health answer names the deployment {green!r}")
    blue = next((value for value in values if len(names) > 1 and value in names[1]), "")
    if blue:
        green = second if blue == first else first
        reason = f"the baseline's health answer names the deployment {blue!r}"
        return Colours(label, green, blue, reason)
    return None


def _usual(two: Mapping[str, Sequence[str]]) -> Colours:
    """The colours where health names none of the values."""
    label = next((label for label in USUAL if label in two), "")
    if not label:
        return NO_COLOURS
    first, second = two[label]
    green = next((value for value in two[label] if value in GREEN_VALUES), "")
    if not green:
        reason = "a usual label, but no health answer has its values: say which value is green's"
        return Colours(label, "", "", reason)
    blue = second if green == first else first
    return Colours(label, green, blue, f"a usual label, and {green!r} is a usual name of green")
