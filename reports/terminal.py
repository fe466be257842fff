"""A decision for a person at a terminal: the answer first, then the findings, worst first."""

from datetime import UTC, datetime
from typing import Any

from gates.model import Decision, Finding, Outcome, Verdict

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


def decision(decided: Decision, entry_id: str, *, colours: bool, explain: str = "") -> str:
    """The text of a decision.

    Args:
        decided: what was decided.
        entry_id: its id in the ledger.
        colours: whether the terminal shows colours.
        explain: the command that explains it; empty for none.
    """
    word = _coloured(WORDS[decided.outcome], OUTCOME_COLOURS[decided.outcome], colours=colours)
    lines = [f"{word}  {decided.stage}  {decided.target}: {printable(decided.reason)}"]
    for finding in decided.findings:
        lines.extend(_finding(finding, colours=colours))
    lines += [f"WARNING: {printable(warning)}" for warning in decided.warnings]
    moment = decided.at.strftime("%Y-%m-%d %H:%M:%S UTC")
    if decided.time_scale != 1:
        lines.append(
            f"time scale {decided.time_scale:g}: every live duration is divided by it; "
            "a rehearsal, which proves nothing of production"
        )
    if decided.policy is not None:
        which = "installed" if decided.policy.installed else "NOT the installed one"
        lines.append(
            f"policy {printable(decided.policy.path)} ({which}), sha256:{decided.policy.digest}"
        )
    lines.append(f"build {printable(decided.build)}, {moment}, ledger entry {entry_id}")
    if explain:
        lines.append(f"explained by: {explain}")
    return "\n".join(lines)


def _finding(finding: Finding, *, colours: bool) -> list[str]:
    word, colour = VERDICT_WORDS[finding.verdict]
    shown = _coloured(f"{word:<7}", colour, colours=colours)
    lines = [f"  {shown} {finding.objective}: {printable(finding.sentence)}"]
    if finding.verdict is not Verdict.PASS:
        samples = sum(one.samples for one in finding.measurements)
        lines.append(
            f"          guide {finding.guide}; {finding.measured.value}, {samples} samples"
        )
    if finding.next_step:
        lines.append(f"          next: {printable(finding.next_step)}")
    return lines


def entry(entry_id: str, content: dict[str, Any]) -> str:
    """A line of the ledger's log."""
    match content.get("kind"):
        case "decision":
            said = f"{content.get('decision')}  {content.get('stage')}: {content.get('reason')}"
            when = str(content.get("at"))[:19]
        case "move":
            said = f"moved to {100 * float(content.get('share', 0)):g} % for {content.get('stage')}"
            when = _moment(content)
        case "rollback":
            done = str(content.get("proof") or _verified(content))
            said, when = f"rollback, {done}, {content.get('seconds')} s", _moment(content)
        case "ramp":
            said = f"ramp {content.get('event')} {content.get('how', '')} {content.get('why', '')}"
            when = _moment(content)
        case other:
            said, when = str(other), ""
    scale = content.get("time_scale", 1)
    rehearsed = f"  (time scale {scale:g})" if isinstance(scale, float | int) and scale != 1 else ""
    target = content.get("target", "")
    return printable(f"{entry_id}  {when:<19}  {target}  {said}{rehearsed}"[:300])


def _verified(content: dict[str, Any]) -> str:
    return "verified" if content.get("verified") else "NOT verified"


def _moment(content: dict[str, Any]) -> str:
    at = content.get("at")
    if not isinstance(at, float | int):
        return ""
    return datetime.fromtimestamp(at, UTC).isoformat()[:19]


def printable(text: str) -> str:
    """Text from outside without control characters, which could rewrite the screen."""
    return "".join(one if one.isprintable() else "�" for one in text)


def _coloured(text: str, colour: str, *, colours: bool) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colours else text
