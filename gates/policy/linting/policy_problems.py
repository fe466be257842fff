"""Finds mistakes of a valid policy: rules whose effect differs from their text."""

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from gates.model import (
    AvailabilityObjective,
    ChecksObjective,
    ComparisonObjective,
    EventIndicator,
    ListedChecksObjective,
    LiveBuildObjective,
    LoadObjective,
    NoFailedChecksObjective,
    Objective,
    Part,
    Policy,
    RatioObjective,
    RestartsObjective,
    RollbackObjective,
    ServedBuildObjective,
    ShareObjective,
    SignOffObjective,
    ThroughputObjective,
    TrafficObjective,
    TriggerObjective,
)
from gates.model.selector import NAME, matchers_of
from gates.policy.linting import bucket_problems as bucket_linting
from gates.policy.linting import stage_problems as stage_linting
from gates.statistics import RULE_OF_THREE, extra_matchers, metric_name

# Names of metrics that count bad events, and good events.
BAD = re.compile(r"_(errors|failures|misses)(_total)?\Z")
GOOD = re.compile(r"_bucket\Z|_(hits|successes)(_total)?\Z")
# An objective that is still on trial after this time is a requirement that nobody decides about.
MAX_TRIAL = timedelta(days=31)
# Values of labels that say that an event went well: the statuses of HTTP, and words.
GOOD_STATUSES = ("200", "201", "202", "204", "301", "302", "304", "307", "308", "2xx", "3xx")
GOOD_WORDS = ("captured", "paid", "placed", "success", "succeeded", "ok", "OK")
# A value that no system has.
UNKNOWN = "an unknown value"
# Values of labels that say that an event went badly.
FAILURES = ("500", "502", "503", "504", "5xx", "failed", "failure", "error", "ERROR")
REQUIRED = "required.toml"
FAMILY = re.compile(r"_(bucket|count|sum|total)\Z")
CHECK = re.compile(r'\bcheck\(\s*"([a-z][a-z0-9_.]*)"')


def problems(policy: Policy, suites: Path | None) -> list[str]:
    """Return a sentence for each mistake of the policy.

    Args:
        policy: a policy that could be read.
        suites: the folder of the suites; None where the suites are not installed.
    """
    sentences: list[str] = []
    objectives = {
        objective.name: objective for stage in policy.stages for objective in stage.objectives
    }
    required = {objective.name for stage in policy.stages for objective in stage.required}
    for objective in objectives.values():
        sentences += [
            f"objectives.{objective.name}: {problem}" for problem in _objective(objective)
        ]
    for stage in policy.stages:
        sentences += [
            f"stages.{stage.name}: {problem}" for problem in stage_linting.problems(stage)
        ]
    if suites is not None:
        for objective in objectives.values():
            if isinstance(objective, ChecksObjective) and objective.name in required:
                sentences += [
                    f"objectives.{objective.name}: {problem}"
                    for problem in _check_set(objective, suites)
                ]
        known = written_checks(suites)
        for objective in objectives.values():
            if isinstance(objective, ChecksObjective | NoFailedChecksObjective):
                sentences += [
                    f"objectives.{objective.name}: no suite has a check {check!r}"
                    for check in objective.checks
                    if check not in known
                ]
    return sentences


def trial_problems(policy: Policy, now: datetime) -> list[str]:
    """Return a sentence for each advisory objective whose trial ends too late.

    Args:
        policy: a policy that could be read.
        now: the present time, UTC. A trial may end at most 31 days later.
    """
    trials = {name: trial for stage in policy.stages for name, trial in stage.advisories.items()}
    latest = (now + MAX_TRIAL - timedelta(days=1)).date()
    return [
        f"objectives.{name}: expires: the trial lasts more than {MAX_TRIAL.days} days from now; "
        f"set {latest} or an earlier date"
        for name, trial in trials.items()
        if trial.until > now + MAX_TRIAL
    ]


def written_checks(suites: Path) -> set[str]:
    """Return the ids of the checks that the test files of the suites define."""
    return {
        check for path in suites.rglob("test_*.py") for check in CHECK.findall(path.read_text())
    }


def _check_set(objective: ChecksObjective, suites: Path) -> Iterator[str]:
    """If the set has checks of a suite, yield a sentence for each missing required check."""
    for suite, required in tomllib.loads((suites / REQUIRED).read_text()).items():
        if written_checks(suites / suite) & set(objective.checks):
            for missing in [check for check in required if check not in objective.checks]:
                yield (
                    f"the check set has checks of the {suite} suite, but not {missing}, "
                    "which the suite requires; add this check"
                )


def _objective(objective: Objective) -> Iterator[str]:
    match objective:
        case RatioObjective():
            yield from bucket_linting.problems(objective.indicator)
            yield from _direction(objective.indicator.selected, part_is_good=not objective.below)
            yield from _successes(objective.indicator, part_is_good=not objective.below)
            yield from stage_linting.too_many(
                objective.minimum_events, objective.window.total_seconds()
            )
        case ComparisonObjective():
            yield from _counters(objective.indicator)
            if (
                objective.minimum_events
                and objective.minimum_events < RULE_OF_THREE / objective.terms.limit
            ):
                yield (
                    f"minimum_events: {objective.minimum_events} events cannot show a ratio "
                    f"under {100 * objective.terms.limit:g} %; set at least "
                    f"{RULE_OF_THREE / objective.terms.limit:.0f}, by the rule of three"
                )
        case TriggerObjective():
            yield from _counters(objective.indicator)
            yield from stage_linting.too_many(
                objective.minimum_events, objective.window.total_seconds()
            )
            if objective.minimum_events * (1 - objective.over) < 1:
                yield (
                    "over: if there are just minimum_events events, only a ratio of 100 % exceeds "
                    "this limit; set a lower limit"
                )
        case (
            ChecksObjective()
            | NoFailedChecksObjective()
            | ListedChecksObjective()
            | ServedBuildObjective()
            | LoadObjective()
            | LiveBuildObjective()
            | ShareObjective()
            | TrafficObjective()
            | RestartsObjective()
            | ThroughputObjective()
            | AvailabilityObjective()
            | SignOffObjective()
            | RollbackObjective()
        ):
            return
        case _:
            assert_never(objective)


def _counters(indicator: EventIndicator) -> Iterator[str]:
    """Yield the problems of the counters of bad events, or of good events."""
    is_good = indicator.part is Part.GOOD
    yield from bucket_linting.problems(indicator)
    yield from _one_family(indicator.selected, indicator.total)
    yield from _direction(indicator.selected, part_is_good=is_good)
    yield from _successes(indicator, part_is_good=is_good)


def _successes(indicator: EventIndicator, *, part_is_good: bool) -> Iterator[str]:
    """Yield a sentence if the selector of bad events also selects good events."""
    part, whole = indicator.selected, indicator.total
    if part_is_good or _family(part) != _family(whole):
        return
    extra = extra_matchers(part, whole).matchers
    if not extra:
        yield (
            f"the selector bad in [indicators.{indicator.name}] has the same matchers as total, so "
            "every event counts as bad; add a matcher that selects the bad events"
        )
    for label, accepts in extra:
        if well := _accepted_successes(accepts):
            yield (
                f"the selector bad in [indicators.{indicator.name}] accepts {well[0]!r} for the "
                f"label {label!r}, but this is the value of a good event; exclude this value"
            )


def _accepted_successes(accepts: Callable[[str], bool]) -> list[str]:
    """Return the values of good events that a matcher of bad events accepts by mistake.

    A matcher that excludes the good events accepts unknown values, so that an unknown status counts
    as bad. Such a matcher must exclude all good HTTP statuses, or at least one word for success.

    Args:
        accepts: a function that returns whether the matcher accepts a value of its label.
    """
    statuses = [value for value in GOOD_STATUSES if accepts(value)]
    words = [value for value in GOOD_WORDS if accepts(value)]
    if accepts(UNKNOWN) and (not statuses or len(words) < len(GOOD_WORDS)):
        return []
    return statuses + words


def _one_family(part: str, whole: str) -> Iterator[str]:
    """Yield a sentence if the selector ``part`` lacks the metric or a matcher of ``whole``."""
    names = [_family(text) for text in (part, whole)]
    if names[0] != names[1]:
        yield (
            f"the selectors of bad (or good) events and of total are of different metrics: "
            f"{names[0]} and {names[1]}; use one metric"
        )
    matchers = [
        {matcher.parts for matcher in matchers_of(text) if matcher.label != NAME}
        for text in (part, whole)
    ]
    if not matchers[1] <= matchers[0]:
        yield (
            "the selector of bad (or good) events does not have every matcher of total, so it may "
            "select other events; add the missing matchers"
        )


def _family(selector: str) -> str:
    """Return the name of a metric without an ending such as ``_bucket`` or ``_total``."""
    return FAMILY.sub("", metric_name(selector))


def _direction(selector: str, *, part_is_good: bool) -> Iterator[str]:
    """Yield a sentence if the limit has the wrong direction for the events that it limits."""
    name = metric_name(selector)
    if part_is_good and (BAD.search(name) or _selects_failures(selector)):
        yield (
            "the wrong direction: the objective counts failures, and requires more failures than "
            "the limit; correct the direction, or the indicator"
        )
    if not part_is_good and GOOD.search(name):
        yield (
            "the wrong direction: the objective counts good events, and requires fewer good events "
            "than the limit; correct the direction, or the indicator"
        )


def _selects_failures(selector: str) -> bool:
    """Return whether a matcher accepts a value of bad events, and no value of good events."""
    tests = [matcher.test() for matcher in matchers_of(selector) if matcher.label != NAME]
    return any(
        any(accepts(value) for value in FAILURES) and not _accepted_successes(accepts)
        for accepts in tests
    )
