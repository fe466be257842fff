"""Writes the top of the page: the decision, its reason and time, and what to do next."""

import shlex
from collections.abc import Iterator, Sequence

from gates.decision_document import DecisionDocument
from gates.ledger import (
    DecisionEntry,
    LedgerEntry,
    RampEndEntry,
    RampEnding,
    RampRollbackEntry,
    RollbackEntry,
)
from gates.model import Decision, Outcome, StageRole, Verdict
from gates.model.figures import significant
from gates.release_report.ramp_timeline import TONES, ending_words, share_now
from gates.release_report.report_input import ReportInput, moment_text
from reports.html.page import Fact, Line, NextStep, RatioChart, Summary
from reports.html.tone import Tone
from reports.terminal import WORDS

MAX_CAUSES = 3
NO_DECISION = "The gate has made no decision about this target yet."


def summary_of(
    source: ReportInput,
    document: DecisionDocument | None,
    entries: Sequence[LedgerEntry],
    charts: Sequence[RatioChart],
) -> Summary:
    """Write the top of the page from the newest decision about the target.

    Args:
        source: the ledger, policy and target that the page is written from.
        document: the newest decision about the target; None where the ledger has none.
        entries: the entries of the newest ramp, oldest first; may be empty.
        charts: the charts of the newest ramp; the first chart counts failed requests.
    """
    warnings = tuple(f"The ledger is damaged: {problem}" for problem in source.content.problems[:3])
    if document is None:
        return _without_decision(source, warnings)
    decision = document.decision
    rollback = _later_rollback(decision, entries)
    outcome = decision.outcome if rollback is None else Outcome.ROLLBACK
    return Summary(
        word=WORDS[outcome],
        tone=TONES[outcome],
        headline=_headline(decision, outcome, entries),
        reason=_capital(decision.reason if rollback is None else rollback),
        facts=(
            *_times(source, decision, outcome),
            Fact("Stage", f"{decision.stage}{_title(source, decision)}"),
            Fact("Target and release", f"{decision.target}: {decision.build}"),
            *_traffic(entries),
            *_bad_events(decision, charts),
            *_after_rollback(source, entries),
            Fact("Ledger entry", document.entry_id),
        ),
        next_steps=tuple(_next_steps(source, document, entries)),
        warnings=(*warnings, *(text for text in decision.warnings if not warnings)),
    )


def _without_decision(source: ReportInput, warnings: tuple[str, ...]) -> Summary:
    """Write the top of the page where the ledger has no decision about the target."""
    command = f"gates check STAGE --target {shlex.quote(source.name) if source.name else 'NAME'}"
    step = NextStep("Ask the gate about a stage.", command)
    return Summary("", Tone.PLAIN, NO_DECISION, "", (), (step,), warnings)


def _later_rollback(decision: Decision, entries: Sequence[LedgerEntry]) -> str | None:
    """Return why a rollback followed a GO or a HOLD; None without such a rollback."""
    if decision.outcome in (Outcome.NO_GO, Outcome.ROLLBACK):
        return None
    later: str | None = None
    for entry in entries:
        match entry:
            case RampRollbackEntry(at=float(at)) if at >= decision.at.timestamp():
                later = entry.why
            case RollbackEntry(at=float(at)) if at >= decision.at.timestamp() and not later:
                later = f"a rollback was carried out: {entry.proof}"
            case _:
                pass
    return later


def _headline(decision: Decision, outcome: Outcome, entries: Sequence[LedgerEntry]) -> str:
    """Write the decision as a sentence."""
    ending, stage = _ending(entries), decision.stage
    match outcome:
        case Outcome.GO if ending is not None and ending.ending is RampEnding.DONE:
            return "The ramp is complete, and green has all traffic."
        case Outcome.GO:
            return f"The release may go on past {stage}."
        case Outcome.HOLD:
            return (
                f"The release waits at {stage}: the gate cannot yet say that the release may go on."
            )
        case Outcome.NO_GO | Outcome.ROLLBACK:
            return _stopped(decision, outcome, entries)


def _stopped(decision: Decision, outcome: Outcome, entries: Sequence[LedgerEntry]) -> str:
    """Write a NO-GO or a ROLLBACK as a sentence."""
    share, stage = share_now(entries), decision.stage
    if is_rollback_failed(entries):
        return f"The rollback failed at {stage}: green may still have traffic of customers."
    if entries and share is not None and share[0] == 0:
        when = "at" if outcome is decision.outcome else "after"
        return f"The release was stopped {when} {stage}, and blue has all traffic again."
    if outcome is Outcome.NO_GO:
        return f"The release must not go on past {stage}."
    return f"The release failed at {stage}: all traffic must go to blue."


def is_rollback_failed(entries: Sequence[LedgerEntry]) -> bool:
    """Return whether the newest ramp ended with a rollback that failed.

    Args:
        entries: the entries of the newest ramp, oldest first.
    """
    ending = _ending(entries)
    return ending is not None and ending.ending is RampEnding.NOT_ROLLED_BACK


def _ending(entries: Sequence[LedgerEntry]) -> RampEndEntry | None:
    """Find the end of the newest ramp; None while the ramp is under way."""
    last = [entry for entry in entries if not isinstance(entry, DecisionEntry)][-1:]
    return next((entry for entry in last if isinstance(entry, RampEndEntry)), None)


def _capital(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:]}"


def _times(source: ReportInput, decision: Decision, outcome: Outcome) -> Iterator[Fact]:
    """Write the time of the decision, and since when the gate has made the same decision."""
    decided, since = moment_text(decision.at), _since(source, decision)
    if outcome is not decision.outcome:
        yield Fact("Newest decision", f"{WORDS[decision.outcome]}, {decided}")
        return
    yield Fact("Decided", decided)
    if decided != since:
        yield Fact("The same decision since", since)


def _since(source: ReportInput, decision: Decision) -> str:
    """Write since when every decision on this target has had this outcome and this stage."""
    since = decision.at
    for record in reversed(source.content.records):
        entry = record.entry
        if not isinstance(entry, DecisionEntry) or entry.target != decision.target:
            continue
        earlier = entry.document.decision
        if (earlier.outcome, earlier.stage) != (decision.outcome, decision.stage):
            break
        since = min(since, earlier.at)
    return moment_text(since)


def _title(source: ReportInput, decision: Decision) -> str:
    """Write the title of the decision's stage; empty for a stage of another policy."""
    titles = (stage.title for stage in source.policy.stages if stage.name == decision.stage)
    title = next(titles, "")
    return f": {title}" if title else ""


def _traffic(entries: Sequence[LedgerEntry]) -> Iterator[Fact]:
    """Write the traffic shares from the ledger, the end of the ramp, and the newest rollback."""
    share = share_now(entries)
    if share is not None:
        green, at = 100 * share[0], share[1]
        value = f"green {green:g} %, blue {100 - green:g} %, since {moment_text(at)}"
        yield Fact("Share of the traffic (from the ledger)", value)
    ending = _ending(entries)
    if ending is not None:
        yield Fact("Ramp", f"{ending_words(ending.ending)[1]}, {moment_text(ending.at)}")
    rollbacks = [entry for entry in entries if isinstance(entry, RollbackEntry)]
    for rollback in rollbacks[-1:]:
        seconds = "" if rollback.seconds is None else f" in {rollback.seconds:.1f} s"
        witnesses = " by the balancer and by Prometheus" if rollback.verified else ""
        value = f"{rollback.proof}{witnesses}{seconds}, {moment_text(rollback.at)}"
        yield Fact("Rollback", value)


def _bad_events(decision: Decision, charts: Sequence[RatioChart]) -> Iterator[Fact]:
    """Write the counts of bad events: of the first chart, and of each objective that failed."""
    failed = {
        finding.objective
        for finding in decision.findings
        if finding.verdict is Verdict.FAIL and finding.counts
    }
    for chart in [*charts[:1], *(other for other in charts[1:] if other.objective in failed)]:
        for line in chart.lines:
            label = (
                f"{_capital(chart.title)} on {line.colour}, "
                "from the start of the ramp to the decision"
            )
            yield Fact(label, _count(line))


def _count(line: Line) -> str:
    ratio = f" ({significant(100 * line.bad / line.total, 2)} %)" if line.total else ""
    return f"{line.bad:,.0f} of {line.total:,.0f}{ratio}"


def _after_rollback(source: ReportInput, entries: Sequence[LedgerEntry]) -> Iterator[Fact]:
    """Write the newest decision about the baseline after a rollback."""
    stage = source.policy.after_rollback
    decisions = [
        entry.document.decision
        for entry in entries
        if isinstance(entry, DecisionEntry)
        and stage
        and entry.document.decision.stage == stage.name
    ]
    for decision in decisions[-1:]:
        answer = f"{WORDS[decision.outcome]}: {decision.reason}"
        yield Fact(f"After the rollback, {decision.target}", answer)


def _next_steps(
    source: ReportInput, document: DecisionDocument, entries: Sequence[LedgerEntry]
) -> Iterator[NextStep]:
    """Write what a person should do next, the most urgent step first."""
    decision, name = document.decision, source.name
    share = share_now(entries)
    is_stopped = decision.outcome in (Outcome.NO_GO, Outcome.ROLLBACK)
    has_traffic = share is not None and share[0] > 0
    if is_rollback_failed(entries) or (is_stopped and has_traffic):
        back = f"gates rollback --target {shlex.quote(name)} --baseline blue"
        yield NextStep("Green may still have traffic. Move all traffic to blue.", back)
    match decision.outcome:
        case Outcome.GO:
            yield _after_go(source, decision, entries)
        case Outcome.HOLD:
            yield from _causes(decision, Verdict.INCONCLUSIVE)
            again = f"gates check {shlex.quote(decision.stage)} --target {shlex.quote(name)}"
            yield NextStep("Then ask the gate again.", again)
        case Outcome.NO_GO | Outcome.ROLLBACK:
            yield from _causes(decision, Verdict.FAIL)
            yield NextStep(
                "Repair the cause, deploy a new build to green, and begin the release again."
            )
    explain = f"gates explain {document.entry_id} --out {shlex.quote(str(source.out))}"
    yield NextStep("To see the evidence of this decision again:", explain)


def _after_go(source: ReportInput, decision: Decision, entries: Sequence[LedgerEntry]) -> NextStep:
    """Write the next step after a GO."""
    ending = _ending(entries)
    if ending is not None and ending.ending is not RampEnding.DONE:
        return NextStep("Read in the timeline why the ramp ended before its last step.")
    if entries and ending is None:
        return NextStep("The ramp is under way and goes on by itself. Nothing needs to be done.")
    stages = list(source.policy.stages)
    numbers = [number for number, stage in enumerate(stages) if stage.name == decision.stage]
    following = stages[numbers[0] + 1 :] if numbers else []
    if numbers and stages[numbers[0]].role is StageRole.READY and not entries:
        return NextStep("Begin the ramp.", f"gates ramp --target {shlex.quote(source.name)}")
    coming = [stage for stage in following if stage.role is not StageRole.AFTER_ROLLBACK]
    if not coming:
        return NextStep("This was the last stage of the policy. Nothing needs to be done.")
    return NextStep(
        f"The next stage is {coming[0].name}: {coming[0].title}.",
        f"gates check {coming[0].name} --target {shlex.quote(source.name)}",
    )


def _causes(decision: Decision, verdict: Verdict) -> Iterator[NextStep]:
    """Write the findings that led to the decision, each with its next step."""
    causes = [
        finding for finding in decision.findings if finding.verdict is verdict and finding.counts
    ]
    for finding in causes[:MAX_CAUSES]:
        # The reason is on the page already.
        why = "" if finding.sentence == decision.reason else f": {finding.sentence}"
        yield NextStep(f"Examine {finding.objective}{why}.", finding.next_step)
    if len(causes) > MAX_CAUSES:
        yield NextStep(f"Examine {len(causes) - MAX_CAUSES:,} more findings below.")
