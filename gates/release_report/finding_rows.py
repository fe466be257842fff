"""Writes the findings of a decision, worst first, with measurements and newest raw samples."""

from collections.abc import Iterator, Sequence

from gates.model import Evidence, Finding, Measurement, Override, SampleSet, Series, Verdict
from gates.release_report.report_input import moment_text
from reports.html.markup import clock
from reports.html.page import Fact, FindingRow, Findings, MeasuredValue
from reports.html.tone import Tone
from reports.terminal import VERDICT_WORDS, WORDS, trial_text

MAX_FINDINGS = 300
# Only the worst findings show raw samples.
MAX_FINDINGS_WITH_SAMPLES = 12
MAX_MEASUREMENTS, MAX_SERIES, MAX_SAMPLES = 8, 6, 8
MAX_LABELS = 200
TONES = {Verdict.FAIL: Tone.BAD, Verdict.INCONCLUSIVE: Tone.WAIT, Verdict.PASS: Tone.GOOD}
ORDER = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


def findings_of(findings: Sequence[Finding], evidence: Evidence | None) -> Findings:
    """Write findings as rows, worst first; the passed checks of an objective share one row.

    Args:
        findings: the findings of a decision.
        evidence: the evidence of the decision; None where the evidence could not be read.
    """
    ordered = sorted(_joined(findings), key=_rank)
    rows = tuple(
        _row(finding, evidence if number < MAX_FINDINGS_WITH_SAMPLES else None)
        for number, finding in enumerate(ordered[:MAX_FINDINGS])
    )
    return Findings(_counts(findings), rows, max(0, len(ordered) - MAX_FINDINGS))


def _rank(finding: Finding) -> int:
    """Return the sort key of a finding, worst first; an advisory finding counts as a pass."""
    return ORDER.index(Verdict.PASS if finding.advisory else finding.verdict)


def _counts(findings: Sequence[Finding]) -> str:
    words = {Verdict.FAIL: "failed", Verdict.INCONCLUSIVE: "unsure", Verdict.PASS: "passed"}
    required = [finding for finding in findings if finding.advisory is None]
    trials = [finding.verdict for finding in findings if finding.advisory is not None]
    verdicts = [finding.verdict for finding in required]
    counts = ", ".join(f"{verdicts.count(verdict):,} {words[verdict]}" for verdict in ORDER)
    overridden = sum(finding.override is not None for finding in required)
    apart = ", ".join(
        f"{trials.count(verdict):,} {words[verdict]}" for verdict in ORDER if verdict in trials
    )
    advisory = f" Advisory, not counted: {apart}." if trials else ""
    return f"{counts}{f', {overridden} of them overridden' if overridden else ''}.{advisory}"


def _joined(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the findings, with all passed checks of an objective joined into one finding."""
    passes: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.verdict is Verdict.PASS and finding.subjects and finding.counts:
            passes.setdefault(finding.objective, []).append(finding)
        else:
            yield finding
    for objective, members in passes.items():
        yield _as_one(objective, members)


def _as_one(objective: str, members: Sequence[Finding]) -> Finding:
    first = members[0]
    if len(members) == 1:
        return first
    subjects = tuple(subject for member in members for subject in member.subjects)
    measurements = dict.fromkeys(value for member in members for value in member.measurements)
    return Finding(
        objective,
        first.guide,
        first.measured,
        first.verdict,
        f"{len(subjects)} checks passed",
        "",
        tuple(measurements),
        first.breach,
        subjects,
    )


def _row(finding: Finding, evidence: Evidence | None) -> FindingRow:
    word = VERDICT_WORDS[finding.verdict][0]
    tone = TONES[finding.verdict]
    if finding.override is not None:
        tone, word = Tone.WAIT, f"{word}, overridden"
    if finding.advisory is not None:
        tone, word = Tone.PLAIN, f"{word}, advisory"
    return FindingRow(
        tone=tone,
        word=word,
        objective=finding.objective,
        sentence=finding.sentence,
        facts=tuple(_facts(finding)),
        next_step=finding.next_step,
        measurements=tuple(
            _measured(value, evidence) for value in finding.measurements[:MAX_MEASUREMENTS]
        ),
        subjects=finding.subjects,
    )


def _facts(finding: Finding) -> Iterator[Fact]:
    yield Fact("Guide", finding.guide)
    yield Fact("State of the data", finding.measured.value)
    if finding.verdict is Verdict.FAIL:
        yield Fact("A fail means", WORDS[finding.breach])
    if finding.override is not None:
        yield Fact("Overridden", _override(finding.override))
    if finding.advisory is not None:
        yield Fact("Advisory, not counted", trial_text(finding.advisory))


def _override(override: Override) -> str:
    signers = zip(override.people, override.reasons, override.entries, strict=False)
    people = "; ".join(f"{person}: {reason} ({entry})" for person, reason, entry in signers)
    return f"until {moment_text(override.until)} by {people}"


def _measured(value: Measurement, evidence: Evidence | None) -> MeasuredValue:
    facts = [Fact("Source", value.source), Fact("Value", value.value)]
    if value.window_seconds is not None:
        facts.append(Fact("Window", f"{value.window_seconds:,.0f} s"))
    facts.append(Fact("Samples", f"{value.samples:,}"))
    if value.age_seconds is not None:
        facts.append(Fact("Newest sample", f"{value.age_seconds:,.1f} s old"))
    answer = _answer(value, evidence)
    command = f"curl -sG {value.source}/api/v1/query --data-urlencode 'query={value.query}'"
    is_query = value.source.startswith(("http://", "https://")) and "[" in value.query
    return MeasuredValue(
        tuple(facts),
        value.query,
        command if is_query else "",
        tuple(map(_series, answer.series[:MAX_SERIES])) if answer else (),
    )


def _answer(value: Measurement, evidence: Evidence | None) -> SampleSet | None:
    """Find the samples of a measurement in the evidence; None where they are not stored."""
    answers = evidence.samples.values() if evidence else ()
    return next(
        (
            answer
            for answer in answers
            if answer.query == value.query and answer.source == value.source
        ),
        None,
    )


def _series(series: Series) -> str:
    """Write the labels and the newest samples of a time series as text."""
    labels = ", ".join(f"{name}={value}" for name, value in sorted(series.labels.items()))
    samples = " ".join(f"{clock(at)}={value:g}" for at, value in series.samples[-MAX_SAMPLES:])
    return f"{labels[:MAX_LABELS]}\n  {samples}"
