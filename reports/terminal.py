"""Writes a decision as text for a terminal: first the decision, then the findings."""

from datetime import UTC, datetime
from itertools import groupby

from gates.ledger import (
    DecisionEntry,
    LedgerEntry,
    LedgerRecord,
    MoveEntry,
    OtherEntry,
    RampEndEntry,
    RampEventEntry,
    RampResumptionEntry,
    RampRollbackEntry,
    RampStartEntry,
    RecoveryEntry,
    RevocationEntry,
    RollbackEntry,
    SignOffEntry,
)
from gates.model import Advisory, Decision, Finding, Outcome, Override, SignOffKind, Verdict

MOMENT_LENGTH = len("2026-01-01T00:00:00")
MAX_ENTRY = 300
# An objective with more passed checks than this has one line for all of them.
MAX_PASSES_OF_CHECKS = 3
# Separates the sentence of a pass from a note that the reader must know.
NOTE = "; "
# Characters that no encoding can write (The Unicode Standard, section 23.6).
FIRST_SURROGATE, LAST_SURROGATE = "\ud800", "\udfff"

WORDS = {
    Outcome.GO: "GO",
    Outcome.HOLD: "HOLD",
    Outcome.NO_GO: "NO-GO",
    Outcome.ROLLBACK: "ROLLBACK",
}
OUTCOME_COLOURS = {
    Outcome.GO: "32;1",
    Outcome.HOLD: "33;1",
    Outcome.NO_GO: "31;1",
    Outcome.ROLLBACK: "31;1",
}
VERDICT_WORDS = {
    Verdict.FAIL: ("FAIL", "31"),
    Verdict.INCONCLUSIVE: ("UNSURE", "33"),
    Verdict.PASS: ("pass", "32"),
}


def decision_text(decision: Decision, entry_id: str, *, colours: bool, explain: str = "") -> str:
    """Write a decision as lines of text: the decision, the findings, the warnings, the facts.

    Args:
        decision: the decision; its texts are untrusted.
        entry_id: the id of the decision's entry in the ledger.
        colours: whether the text has escape sequences for colours.
        explain: the command that explains the decision; empty for a text without this line.
    """
    word = _coloured(WORDS[decision.outcome], OUTCOME_COLOURS[decision.outcome], colours=colours)
    lines = [f"{word}  {decision.stage}  {decision.target}: {printable(decision.reason)}"]
    for _, group in groupby(decision.findings, _key_of_passes):
        findings = list(group)
        if len(findings) > MAX_PASSES_OF_CHECKS:
            lines.append(_passes_of_checks(findings, colours=colours))
            continue
        for finding in findings:
            lines.extend(_finding(finding, colours=colours))
    lines += [f"WARNING: {printable(warning)}" for warning in decision.warnings]
    moment = decision.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    if decision.time_scale != 1:
        lines.append(
            f"time scale {decision.time_scale:g}: every live duration is divided by this number; "
            "this is a rehearsal, which proves nothing about production"
        )
    if decision.policy is not None:
        source = "installed" if decision.policy.installed else "NOT the installed policy"
        lines.append(
            f"policy {printable(decision.policy.path)} ({source}), sha256:{decision.policy.digest}"
        )
    lines.append(f"build {printable(decision.build)}, {moment}, ledger entry {entry_id}")
    if explain:
        lines.append(f"explained by: {explain}")
    return "\n".join(lines)


def _key_of_passes(finding: Finding) -> object:
    """Return the key by which findings are joined: the objective for a passed check.

    Every other finding has its own key, and so its own line. A pass with a note has its own line,
    too: the check failed before, or the note names older violations.
    """
    has_note = NOTE in finding.sentence
    if finding.verdict is Verdict.PASS and finding.counts and finding.subjects and not has_note:
        return finding.objective
    return id(finding)


def _passes_of_checks(findings: list[Finding], *, colours: bool) -> str:
    """Write one line for all passed checks of an objective."""
    word, colour = VERDICT_WORDS[Verdict.PASS]
    ages = [
        measurement.age_seconds
        for finding in findings
        for measurement in finding.measurements
        if measurement.age_seconds is not None
    ]
    checks = sum(len(finding.subjects) for finding in findings)
    oldest = f", the oldest {max(ages):.0f} s ago" if ages else ""
    shown = _coloured(f"{word:<7}", colour, colours=colours)
    return f"  {shown} {findings[0].objective}: {checks} checks passed{oldest}"


def _finding(finding: Finding, *, colours: bool) -> list[str]:
    word, colour = VERDICT_WORDS[finding.verdict]
    if finding.override is not None:
        word = f"{word}, OVERRIDDEN"
    if finding.advisory is not None:
        word = f"{word}, ADVISORY"
    shown = _coloured(f"{word:<7}", colour, colours=colours)
    lines = [f"  {shown} {finding.objective}: {printable(finding.sentence)}"]
    if finding.verdict is not Verdict.PASS:
        samples = sum(measurement.samples for measurement in finding.measurements)
        lines.append(
            f"          guide {finding.guide}; {finding.measured.value}, {samples} samples"
        )
    if finding.override is not None:
        lines.extend(_override(finding.override))
    if finding.advisory is not None:
        lines.append(f"          advisory, not counted: {trial_text(finding.advisory)}")
    if finding.next_step:
        lines.append(f"          next: {printable(finding.next_step)}")
    return lines


def trial_text(advisory: Advisory) -> str:
    """Write until when an advisory objective does not count, and who owns the objective.

    Args:
        advisory: the trial of the objective; its texts are untrusted.
    """
    until = advisory.until.strftime("%Y-%m-%d %H:%M UTC")
    return f"until {until}, owner: {printable(advisory.owner)}"


def _override(override: Override) -> list[str]:
    """Write who signed the override, the reason, and the end of the override."""
    signers = [
        f"          by {printable(person)}, ledger entry {printable(entry)}: {printable(reason)}"
        for person, reason, entry in zip(
            override.people, override.reasons, override.entries, strict=False
        )
    ]
    until = override.until.strftime("%Y-%m-%d %H:%M:%S UTC")
    return [f"          overridden until {until}", *signers]


def entry_line(record: LedgerRecord) -> str:
    """Write an entry of the ledger as one line of ``gates log``.

    Args:
        record: an entry of the ledger, with its id.
    """
    moment, event = entry_event(record.entry)
    line = f"{record.entry_id}  {moment:<{MOMENT_LENGTH}}  {record.entry.target}  {event}"
    return printable(line[:MAX_ENTRY])


def entry_event(content: LedgerEntry) -> tuple[str, str]:
    """Write the moment of a ledger entry, and its event, as two texts.

    Args:
        content: an entry of the ledger; its texts are untrusted.

    Returns:
        The moment in UTC, empty where it is unknown; and the event.
    """
    scale = 1.0
    match content:
        case DecisionEntry():
            decision = content.document.decision
            scale = decision.time_scale
            event = f"{decision.outcome.value}  {decision.stage}: {decision.reason}"
            moment = decision.at.isoformat()[:MOMENT_LENGTH]
        case SignOffEntry() | RevocationEntry():
            event, moment = _signing(content)
        case RecoveryEntry():
            event, moment = f"recovered  a line of {content.size} bytes was cut", ""
        case OtherEntry():
            scale = content.time_scale
            event, moment = content.kind or "unknown entry", ""
        case _:
            scale = content.time_scale
            event, moment = _event(content), _moment(content.at)
    return moment, event + (f"  (time scale {scale:g})" if scale != 1 else "")


def _event(content: MoveEntry | RollbackEntry | RampEventEntry) -> str:
    match content:
        case MoveEntry():
            return f"moved to {100 * content.share:g} % for {content.stage}"
        case RollbackEntry():
            seconds = "unknown time" if content.seconds is None else f"{content.seconds:g} s"
            return f"rollback, {content.proof}, {seconds}"
        case RampStartEntry():
            return "ramp began"
        case RampResumptionEntry():
            return f"ramp resumed at {content.stage}"
        case RampRollbackEntry():
            return f"ramp rollback  {content.why}"
        case RampEndEntry():
            ending = "" if content.ending is None else content.ending.value.replace("_", " ")
            details = "; ".join(text for text in (ending, content.why) if text)
            return f"ramp ended: {details}" if details else "ramp ended"


def _signing(content: SignOffEntry | RevocationEntry) -> tuple[str, str]:
    """Write the event and the moment of a sign-off, an override or a revocation."""
    if isinstance(content, RevocationEntry):
        event = f"revocation of {content.revoked} by {content.person.name}: {content.note}"
        return event, content.at.isoformat()[:MOMENT_LENGTH]
    signed = content.sign_off
    kind = "override of" if signed.kind is SignOffKind.OVERRIDE else "sign-off of"
    until = signed.expires_at.isoformat()[:MOMENT_LENGTH]
    event = (
        f"{kind} {signed.item} for {signed.stage} of {signed.build} by {signed.person.name} "
        f"until {until}: {signed.note}"
    )
    return event, signed.at.isoformat()[:MOMENT_LENGTH]


def _moment(at: float | None) -> str:
    """Write a time of the ledger in UTC; empty where the time is unknown or out of range."""
    try:
        return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat()[:MOMENT_LENGTH]
    except (ValueError, OverflowError, OSError):
        return ""


def printable(text: str) -> str:
    """Replace the control characters of a text, which could overwrite the screen.

    Args:
        text: an untrusted text.
    """
    return "".join(letter if letter.isprintable() else _replaced(letter) for letter in text)


def _replaced(letter: str) -> str:
    """Return the substitute for a control character; a lone surrogate is escaped."""
    is_surrogate = FIRST_SURROGATE <= letter <= LAST_SURROGATE
    return f"\\u{ord(letter):04x}" if is_surrogate else "�"


def _coloured(text: str, colour: str, *, colours: bool) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colours else text
