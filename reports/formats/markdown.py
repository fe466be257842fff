"""Writes a decision as Markdown, for a pull request, a chat or the summary of a step.

Markup, links, mentions and references in a text from outside have no effect. Source:
GitHub Flavored Markdown 0.29, with the mentions, references and emoji that GitHub adds.
"""

import re
from collections import Counter

from gates.decision_document import DecisionDocument
from reports.formats.cases import (
    Case,
    CaseStatus,
    cases_of,
    clean,
    facts_of,
    title_of,
    warnings_of,
)
from reports.terminal import VERDICT_WORDS

# A comment on GitHub has at most 65,536 characters.
MAX_BYTES = 60_000
MAX_CELL_CHARACTERS = 1000
MAX_PASSED_OBJECTIVES = 40
MAX_LISTED_NAMES = 3
# The head of the table and empty lines.
FRAME_BYTES = 200
STATUS_WORDS = {
    CaseStatus.FAILED: "FAIL",
    CaseStatus.UNSURE: "UNSURE",
    CaseStatus.OVERRIDDEN: "OVERRIDDEN",
    CaseStatus.ADVISORY: "ADVISORY",
    CaseStatus.PASSED: "pass",
}
SPACE = "\u200b"  # no width: it ends a mention, a reference or an address, and is not shown
ESCAPES = str.maketrans(
    {letter: f"\\{letter}" for letter in "\\`*_[]~$!"}
    # A backslash before a vertical bar would still end the cell in some programs.
    | {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
    | {"@": f"@{SPACE}", "#": f"#{SPACE}"}
)
# Programs change an address into a link, and the name of an emoji into a picture.
ADDRESS = re.compile(r":(?=\S)|(?<=\bwww)(?=\.)", re.IGNORECASE)


def render(document: DecisionDocument, max_bytes: int = MAX_BYTES) -> str:
    """Write a decision as Markdown: findings that are not a pass, the next steps, and the facts.

    Args:
        document: the decision; its texts are untrusted.
        max_bytes: the largest size of the text. Findings that do not fit are left out, and the
            text states the number of these findings.
    """
    cases = cases_of(document)
    open_cases = [case for case in cases if not case.is_clean]
    head = f"### {escaped(title_of(document))}\n\n{_reason(document)}\n"
    tail = _passed(cases) + _advisory(cases) + _warnings(document) + _facts(document)
    room = max_bytes - _size(head + tail) - _size(_omitted(len(open_cases), document)) - FRAME_BYTES
    shown: list[Case] = []
    for case in open_cases:
        room -= _size(_row(case) + _steps([case]))
        if room < 0:
            break
        shown.append(case)
    omitted = _omitted(len(open_cases) - len(shown), document) if shown != open_cases else ""
    return head + _table(shown) + omitted + _steps(shown) + tail


def escaped(text: str) -> str:
    """Escape a text, so that Markdown shows every character as it is.

    Args:
        text: a text without control characters.
    """
    return ADDRESS.sub(rf"\g<0>{SPACE}", text).translate(ESCAPES)


def code(text: str) -> str:
    """Write a text as code, which a reader can copy; empty for an empty text.

    Args:
        text: a text without control characters.
    """
    if not text.strip():
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _reason(document: DecisionDocument) -> str:
    return f"**Reason:** {escaped(clean(document.decision.reason, MAX_CELL_CHARACTERS))}"


def _table(cases: list[Case]) -> str:
    head = "\n| verdict | objective | finding |\n| --- | --- | --- |\n"
    return head + "".join(map(_row, cases)) if cases else ""


def _row(case: Case) -> str:
    word = STATUS_WORDS[case.status]
    if case.status is CaseStatus.UNSURE:
        word = f"{word} ({case.measured.value.replace('_', ' ')})"
    if case.status is CaseStatus.ADVISORY:
        word = f"{word} {VERDICT_WORDS[case.verdict][0]}"
    sentence = escaped(clean(case.sentence, MAX_CELL_CHARACTERS))
    return f"| {word} | {escaped(case.name)} | {sentence} |\n"


def _steps(cases: list[Case]) -> str:
    """Write each next step once, with the names of its cases.

    A line never begins with a text from outside: such a line could become a list or a heading.
    """
    names: dict[str, list[str]] = {}
    for case in cases:
        if step := code(clean(case.next_step, MAX_CELL_CHARACTERS)):
            names.setdefault(step, []).append(case.name)
    lines = [
        f"- Next step for {_listed(cases_of_step)}: {step}\n"
        for step, cases_of_step in names.items()
    ]
    return f"\n{''.join(lines)}" if lines else ""


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_LISTED_NAMES
    rest = f" and {more} more" if more > 0 else ""
    return escaped(", ".join(names[:MAX_LISTED_NAMES])) + rest


def _omitted(number: int, document: DecisionDocument) -> str:
    command = code(clean(f"gates explain {document.entry_id}", MAX_CELL_CHARACTERS))
    return f"\n{number} more findings are not shown here. To see all findings, type: {command}\n"


def _passed(cases: tuple[Case, ...]) -> str:
    """Write the objectives that passed, each with the number of its findings."""
    passed = Counter(case.objective for case in cases if case.status is CaseStatus.PASSED)
    if not passed:
        return ""
    names = [
        escaped(name) if number == 1 else f"{escaped(name)} ({number})"
        for name, number in list(passed.items())[:MAX_PASSED_OBJECTIVES]
    ]
    more = len(passed) - len(names)
    rest = f" and {more} more objectives" if more > 0 else ""
    return f"\n**Passed ({passed.total()} of {len(cases)}):** {', '.join(names)}{rest}\n"


def _advisory(cases: tuple[Case, ...]) -> str:
    """Write the number of advisory findings, which do not count, for each verdict."""
    verdicts = [case.verdict for case in cases if case.status is CaseStatus.ADVISORY]
    words = [
        f"{verdicts.count(verdict)} {word}"
        for verdict, (word, _) in VERDICT_WORDS.items()
        if verdict in verdicts
    ]
    return f"\n**Advisory, not counted:** {', '.join(words)}\n" if words else ""


def _warnings(document: DecisionDocument) -> str:
    lines = [f"- Warning: {escaped(warning)}\n" for warning in warnings_of(document)]
    return f"\n{''.join(lines)}" if lines else ""


def _facts(document: DecisionDocument) -> str:
    facts = facts_of(document)
    shown = ("build", "at", "ledger_entry", "policy", "policy_sha256", "evidence_sha256")
    pairs = [
        f"{name.replace('_', ' ')} {code(clean(facts[name], MAX_CELL_CHARACTERS))}"
        for name in shown
        if name in facts
    ]
    return f"\nFacts: {', '.join(pairs)}\n"


def _size(text: str) -> int:
    return len(text.encode())
