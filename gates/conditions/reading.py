"""Reading sample sets: is there an answer, is it fresh, and what goes into the record of it."""

from collections.abc import Sequence

from gates.model import Evidence, Measured, Measurement, SampleSet, Target
from gates.statistics import newest_sample


def sample_set(evidence: Evidence, selector: str, window_seconds: float) -> SampleSet:
    """The answer to a selector, which the command line has asked beforehand."""
    return evidence.samples[key(selector, window_seconds)]


def key(selector: str, window_seconds: float) -> str:
    """Names one answer among the evidence's samples."""
    return f"{selector}[{int(window_seconds)}s]"


def for_slot(selector: str, target: Target, *, baseline: bool = False) -> str:
    """The selector of the target's series, or of its baseline's."""
    return selector.replace("$slot", target.baseline_slot if baseline else target.slot)


def age_seconds(answer: SampleSet) -> float | None:
    """The age of the newest sample at the moment of the query."""
    newest = newest_sample(answer.series)
    return None if newest is None else answer.evaluated_at - newest


def blindness(answers: Sequence[SampleSet], max_age_seconds: float) -> tuple[Measured, str]:
    """Why these answers cannot be judged: (OK, "") when they can."""
    for answer in answers:
        if answer.measured is not Measured.OK:
            return answer.measured, f"{answer.query}: {answer.problem}"
        age = age_seconds(answer)
        if age is None:
            return Measured.NO_DATA, f"{answer.query}: series without samples"
        if age > max_age_seconds:
            said = f"the newest sample is {age:.0f} s old, limit {max_age_seconds:.0f} s"
            return Measured.STALE, f"{answer.query}: {said}"
        if age < -max_age_seconds:
            return Measured.ERROR, f"{answer.query}: a sample from the future"
    return Measured.OK, ""


def measurement(answer: SampleSet, value: str) -> Measurement:
    """The record of one answer."""
    return Measurement(
        source=answer.source,
        query=answer.query,
        window_seconds=answer.window.total_seconds(),
        samples=sum(len(one.samples) for one in answer.series),
        age_seconds=age_seconds(answer),
        value=value,
    )


def look_again(answer: SampleSet) -> str:
    """The line that shows the same answer."""
    return f"curl -sG {answer.source}/api/v1/query --data-urlencode 'query={answer.query}'"
