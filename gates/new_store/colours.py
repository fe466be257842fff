"""Finds the label that tells green and blue apart in Prometheus, and its value for green."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gates.model import ServedBuild
from gates.sources.series_names import Labels

# Usual labels of the colours, the likeliest first.
USUAL = (
    "slot",
    "track",
    "colour",
    "color",
    "deployment",
    "release",
    "variant",
    "role",
    "stage",
    "version",
    "app_version",
    "namespace",
    "pod_template_hash",
    "rollouts_pod_template_hash",
)
# Usual values, where health does not say which value is green's.
GREEN_VALUES = ("green", "canary", "candidate", "new", "next", "preview", "v2")
COLOURS = 2


@dataclass(frozen=True, slots=True)
class Colours:
    """The label that tells the time series of green and blue apart, and its two values.

    Args:
        label: the name of the label; empty where no label tells the colours apart.
        green: the value of the label for green; empty where the value is not known.
        blue: the value of the label for blue; empty where the value is not known.
        reason: why this label and these values were chosen, for a person.
    """

    label: str
    green: str
    blue: str
    reason: str


NO_COLOURS = Colours("", "", "", "no label of the request counter tells green and blue apart")


def colours_of(
    series: Sequence[Labels], other_labels: frozenset[str], served: Sequence[ServedBuild]
) -> Colours:
    """Find the label of a counter of requests that tells green and blue apart.

    Args:
        series: the labels of each time series of the counter.
        other_labels: labels that are known to have another meaning, such as the status.
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
    """Return the deployment, release and version that a health answer names."""
    release = (build.build.release, build.build.version) if build.build else ()
    return tuple(name for name in (build.deployment, *release) if name)


def _of_health(
    label: str, values: Sequence[str], names: Sequence[tuple[str, ...]]
) -> Colours | None:
    """Find the colours: a health answer must name a value of the label; None if no answer does."""
    first, second = values
    green = next((value for value in values if names and value in names[0]), "")
    if green:
        blue = second if green == first else first
        return Colours(label, green, blue, f"green's health answer contains {green!r}")
    blue = next((value for value in values if len(names) > 1 and value in names[1]), "")
    if blue:
        green = second if blue == first else first
        reason = f"blue's health answer contains {blue!r}"
        return Colours(label, green, blue, reason)
    return None


def _usual(two: Mapping[str, Sequence[str]]) -> Colours:
    """Guess the colours from common names of labels and values, without a health answer."""
    label = next((label for label in USUAL if label in two), "")
    if not label:
        return NO_COLOURS
    first, second = two[label]
    green = next((value for value in two[label] if value in GREEN_VALUES), "")
    if not green:
        reason = (
            "stores often use this label for the colour, but no health answer contains "
            "a value of the label; set slot in [metrics] of the target file to green's value"
        )
        return Colours(label, "", "", reason)
    blue = second if green == first else first
    return Colours(
        label,
        green,
        blue,
        "guessed from common names: stores often use this label for the colour, and "
        f"{green!r} often means green",
    )
