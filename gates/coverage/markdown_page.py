"""Writes the matrix of the guide as a page of Markdown: ``docs/guide-coverage.md``."""

from collections.abc import Iterable, Sequence

from gates.coverage.guide_file import ItemKind
from gates.coverage.matrix import DecidingObjective, Matrix, MatrixRow
from gates.coverage.text_table import WORDS, sources_text, stages_text, totals_text
from gates.model import SignOffObjective

KINDS = {
    ItemKind.CHECKBOX: "checkboxes",
    ItemKind.SUB_BULLET: "bullets below checkboxes",
    ItemKind.BULLET: "other bullets: triggers, panels, alerts, severities, success metrics",
    ItemKind.ROW: "rows of tables",
    ItemKind.STEP: "steps",
    ItemKind.HEADING: "headings that state a number, a time or a goal",
    ItemKind.ANNOUNCEMENT: "statements to customers",
    ItemKind.COMMAND: "commands",
    ItemKind.SIGNATURE: "signatures",
}


def page(matrix: Matrix) -> str:
    """Return the text of the Markdown page, with a line break at the end.

    Args:
        matrix: the items of the guide with their objectives.
    """
    lines = [
        "# Coverage of the deployment guide",
        "",
        "`gates coverage --markdown` writes this page from `policies/guide.toml` and the policy; a",
        "test compares the page with these files. The page lists every item of",
        "[the guide](guide.md), the objectives that decide the item, and the source of their",
        "evidence. The last two tables list all objectives that decide items.",
        "",
        f"{totals_text(matrix)}.",
        "",
        *_totals(matrix),
        "",
    ]
    for part in matrix.sections:
        lines += [f"## {part.section.guide}: {part.section.title}", ""]
        lines += _table(("item", "decided by", "objectives"), (_row(row) for row in part.rows))
        lines.append("")
    lines += ["## Objectives", "", *_objectives(matrix), ""]
    lines += ["## Sign-offs", "", *_sign_offs(matrix)]
    return "\n".join(lines) + "\n"


def _totals(matrix: Matrix) -> list[str]:
    rows = []
    for kind in ItemKind:
        counts = matrix.totals(kind)
        numbers = [*(counts[decider] for decider in WORDS), sum(counts.values())]
        rows.append((KINDS[kind], *map(str, numbers)))
    return _table(("items", *WORDS.values(), "total"), rows)


def _row(row: MatrixRow) -> tuple[str, ...]:
    objectives = "; ".join(_objective(deciding) for deciding in row.deciding)
    if row.item.alerts:
        objectives += "; alert rules: " + ", ".join(f"`{name}`" for name in row.item.alerts)
    return row.item.text, row.decider.value, objectives or row.item.why_not or "nothing"


def _objective(deciding: DecidingObjective) -> str:
    if deciding.checks:
        checks = ", ".join(f"`{check}`" for check in deciding.checks)
        return f"`{deciding.objective.name}`: {checks}"
    return f"`{deciding.objective.name}` ({sources_text(deciding)})"


def _objectives(matrix: Matrix) -> list[str]:
    """List the objectives, with the sources of their evidence and the names of their stages."""
    rows = [
        (
            f"`{deciding.objective.name}`",
            deciding.objective.guide,
            sources_text(deciding),
            stages_text(matrix, deciding.stages),
        )
        for deciding in matrix.objectives
        if not isinstance(deciding.objective, SignOffObjective)
    ]
    return _table(("objective", "guide", "source", "stages"), rows)


def _sign_offs(matrix: Matrix) -> list[str]:
    """List the statements that people sign, with the reasons and the names of the stages."""
    rows = [
        (f"`{item.name}`", item.item, item.reason, stages_text(matrix, deciding.stages))
        for deciding in matrix.objectives
        if isinstance(item := deciding.objective, SignOffObjective)
    ]
    return _table(("name", "signed statement", "why no machine verifies it", "stages"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_line(heads), _line(["---"] * len(heads)), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells]
    return "| " + " | ".join(escaped) + " |"
