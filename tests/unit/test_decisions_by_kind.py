"""No decision depends on the words of a message, because an editor may change them."""

import ast
from pathlib import Path

from worlds import ROOT

PACKAGES = ("gates", "suites", "load", "reports", "nightly", "rehearsal")
TEXTS = frozenset({"sentence", "message", "reason", "problem"})
# Prometheus itself writes the words about a store that is too large, and a renderer looks for a
# separator of notes; neither is a sentence of ours.
KNOWN = {"gates/evidence/metrics/reader.py", "reports/terminal.py"}


def places(source: str) -> list[int]:
    """The lines on which a text is searched in the message of an object."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops)
        and isinstance(node.comparators[0], ast.Attribute)
        and node.comparators[0].attr in TEXTS
    ]


def test_no_decision_depends_on_the_words_of_a_message() -> None:
    found = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in Path(ROOT, package).rglob("*.py")
        if places(path.read_text())
    }
    assert found == KNOWN


def test_a_search_in_a_message_is_found() -> None:
    assert places('is_open = " answers" in observation.sentence') == [1]
    assert places('known = "a" in names') == []
