"""Reads the newest ramp of a target from the ledger: its moves, decisions and rollbacks."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gates.ledger import (
    DecisionEntry,
    LedgerEntry,
    MoveEntry,
    RampEndEntry,
    RampEnding,
    RampEventEntry,
    RampResumptionEntry,
    RampRollbackEntry,
    RampStartEntry,
    RollbackEntry,
)
from gates.model import Decision, Outcome
from gates.release_report.report_input import ReportInput
from reports.html.page import Ramp, RampEvent, TrafficMove
from reports.html.tone import Tone
from reports.terminal import WORDS

MAX_EVENTS = 200
TONES = {
    Outcome.GO: Tone.GOOD,
    Outcome.HOLD: Tone.WAIT,
    Outcome.NO_GO: Tone.BAD,
    Outcome.ROLLBACK: Tone.BAD,
}
SYMBOLS = {Outcome.GO: "✓", Outcome.HOLD: "‖", Outcome.NO_GO: "✕", Outcome.ROLLBACK: "↩"}
ENDINGS = {
    RampEnding.DONE: (Tone.GOOD, "the ramp is complete"),
    RampEnding.HELD: (Tone.WAIT, "the ramp waits for a person; the traffic stays where it is"),
    RampEnding.STOPPED: (Tone.BAD, "the ramp was stopped; the traffic stays where it is"),
    RampEnding.ROLLED_BACK: (Tone.BAD, "blue has all traffic again"),
    RampEnding.NOT_ROLLED_BACK: (Tone.BAD, "the rollback failed: move all traffic to blue now"),
    RampEnding.LEFT: (Tone.WAIT, "the ramp could not go on; the traffic stays where it is"),
    RampEnding.MOVED_BY_OTHERS: (Tone.WAIT, "somebody else moved the traffic"),
}
NO_RAMP = "The ledger has no ramp of this target."


def ramp_of(source: ReportInput) -> Ramp:
    """Read the moves and events of the newest ramp of the target.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    entries = ramp_entries(source)
    moves = list(_moves(entries))
    if not moves:
        return Ramp(NO_RAMP)
    events = _merged(_events(entries))
    last = max(moves[-1].at, *(event.at for event in events))
    has_ended = any(isinstance(entry, RampEndEntry | RollbackEntry) for entry in entries)
    until = last if has_ended else max(last, source.now.timestamp())
    shown = events[-MAX_EVENTS:]
    return Ramp("", tuple(moves), until, tuple(shown), len(events) - len(shown))


def ramp_entries(source: ReportInput) -> list[LedgerEntry]:
    """Return the target's entries since its newest ramp began, and all later decisions.

    The decisions are about any target, such as the baseline after a rollback.
    """
    entries = [record.entry for record in source.content.records]
    starts = [
        number
        for number, entry in enumerate(entries)
        if isinstance(entry, RampStartEntry) and entry.target == source.name
    ]
    if not starts:
        return []
    return [
        entry
        for entry in entries[starts[-1] :]
        if entry.target == source.name or isinstance(entry, DecisionEntry)
    ]


def share_now(entries: Sequence[LedgerEntry]) -> tuple[float, float] | None:
    """Return green's share of the traffic (0 to 1), and since when green has this share.

    If a later step sets the same share again, the time is that of the first of these moves. If two
    moves in a row belong to the same step, the time is that of the second move, because the first
    move was perhaps not made.

    Args:
        entries: the entries of the newest ramp, oldest first.

    Returns:
        The share, and seconds since the epoch; None where no entry is a move.
    """
    changes = [
        (share, entry.at)
        for entry, share, is_new in _with_shares(entries)
        if is_new and isinstance(entry, MoveEntry | RollbackEntry) and entry.at is not None
    ]
    return changes[-1] if changes else None


def _with_shares(
    entries: Sequence[LedgerEntry],
) -> Iterator[tuple[LedgerEntry, float, bool]]:
    """Yield each entry, green's share of the traffic after it, and whether it changed the share."""
    share: float | None = None
    step = ""
    for entry in entries:
        is_new = False
        match entry:
            case MoveEntry():
                before, share = share, min(1.0, max(0.0, entry.share))
                is_new = share != before or entry.stage == step
                step = entry.stage
            case RollbackEntry(moved=True):
                share, step, is_new = 0.0, "", True
            case _:
                pass
        yield entry, share or 0.0, is_new


def _moves(entries: Sequence[LedgerEntry]) -> Iterator[TrafficMove]:
    for entry in entries:
        match entry:
            case MoveEntry():
                yield TrafficMove(entry.at, min(1.0, max(0.0, entry.share)))
            case RollbackEntry(moved=True, at=float(at)):
                yield TrafficMove(at, 0.0)
            case _:
                pass


def _events(entries: Sequence[LedgerEntry]) -> Iterator[RampEvent]:
    """Yield the events of the ramp, each with green's share at its moment."""
    for entry, share, is_new in _with_shares(entries):
        event = _move(entry, is_new=is_new) if isinstance(entry, MoveEntry) else _event(entry)
        if event is not None:
            yield replace(event, share=share)


def _event(entry: LedgerEntry) -> RampEvent | None:
    """Write the event of a ledger entry; None for an entry that is no event of a ramp."""
    match entry:
        case DecisionEntry():
            return _decision(entry.document.decision)
        case RollbackEntry(at=float(at)):
            seconds = "" if entry.seconds is None else f" in {entry.seconds:.1f} s"
            tone = Tone.GOOD if entry.verified else Tone.BAD
            word = "MOVED BACK" if entry.moved else "NOT MOVED"
            return RampEvent(at, tone, word, "", 0.0, f"{entry.proof}{seconds}")
        case RampStartEntry() | RampResumptionEntry() | RampRollbackEntry() | RampEndEntry():
            return _ramp_event(entry)
    return None


def _move(entry: MoveEntry, *, is_new: bool) -> RampEvent:
    share = f"{100 * entry.share:g} %"
    if is_new:
        return RampEvent(
            entry.at, Tone.PLAIN, "MOVE", "", 0.0, f"green gets {share} for {entry.stage}"
        )
    detail = f"{entry.stage} begins; green keeps {share}"
    return RampEvent(entry.at, Tone.PLAIN, "STEP", "", 0.0, detail)


def _ramp_event(entry: RampEventEntry) -> RampEvent | None:
    """Write the event of a ramp's start, resumption, rollback or end; None without a time."""
    match entry:
        case RampStartEntry(at=float(at)):
            steps = "" if entry.steps is None else f" with {entry.steps} steps"
            return RampEvent(at, Tone.PLAIN, "BEGIN", "", 0.0, f"the ramp began{steps}")
        case RampResumptionEntry(at=float(at)):
            detail = f"the ramp went on at {entry.stage}"
            return RampEvent(at, Tone.PLAIN, "RESUMED", "", 0.0, detail)
        case RampRollbackEntry(at=float(at)):
            return RampEvent(at, Tone.BAD, "ROLLBACK", "↩", 0.0, entry.why)
        case RampEndEntry(at=float(at)):
            tone, words = ending_words(entry.ending)
            why = f": {entry.why}" if entry.why else ""
            return RampEvent(at, tone, "END", "", 0.0, f"{words}{why}")
    return None


def ending_words(ending: RampEnding | None) -> tuple[Tone, str]:
    """Return how the page shows the ending of a ramp: the tone (such as good or bad) and the words.

    Args:
        ending: the ending in the ledger; None where this version of the gate does not
            know the ending.
    """
    return (Tone.PLAIN, "the ramp ended") if ending is None else ENDINGS[ending]


def _decision(decision: Decision) -> RampEvent:
    outcome = decision.outcome
    detail = f"{decision.stage} of {decision.target}: {decision.reason}"
    moment = decision.at.timestamp()
    return RampEvent(moment, TONES[outcome], WORDS[outcome], SYMBOLS[outcome], 0.0, detail)


def _merged(events: Iterator[RampEvent]) -> list[RampEvent]:
    """Join equal holds in a row into one event, which has the newest reason."""
    merged: list[RampEvent] = []
    for event in events:
        if merged and _is_repeated(merged[-1], event):
            merged[-1] = replace(merged[-1], detail=event.detail)
        else:
            merged.append(event)
    return merged


def _is_repeated(before: RampEvent, event: RampEvent) -> bool:
    stage = event.detail.partition(":")[0]
    return before.word == event.word == "HOLD" and before.detail.partition(":")[0] == stage
