"""No decision depends on the words of a message, because an editor may change them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from worlds import ROOT

PACKAGES = ("gates", "suites", "load", "reports", "nightly", "rehearsal")
TEXTS = frozenset({"sentence", "message", "reason", "problem"})
LISTS = frozenset({f"{text}s" for text in TEXTS})
# Prometheus itself writes the words about a store that is too large, and a renderer looks for a
# separator of notes; neither is a sentence of ours.
KNOWN = {"gates/evidence/metrics/reader.py", "reports/terminal.py"}


def places(source: str) -> list[int]:
    """The lines on which a text is searched in the message of an object, or in a list of them."""
    tree = ast.parse(source)
    found = set(_searches(tree, set()))
    for node in ast.walk(tree):
        loops = node.generators if hasattr(node, "generators") else [node]
        names = {
            loop.target.id
            for loop in loops
            if isinstance(loop, ast.comprehension | ast.For)
            and isinstance(loop.target, ast.Name)
            and isinstance(loop.iter, ast.Attribute)
            and loop.iter.attr in LISTS
        }
        found |= set(_searches(node, names)) if names else set()
    return sorted(found)


def _searches(tree: ast.AST, messages: set[str]) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            searched = node.comparators[0]
            is_search = any(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops)
            is_text = isinstance(searched, ast.Attribute) and searched.attr in TEXTS
            is_message = isinstance(searched, ast.Name) and searched.id in messages
            if is_search and (is_text or is_message):
                yield node.lineno


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
    assert places('wrong = [text for text in file.problems if ": access" in text]') == [1]
    assert places('known = "a" in names') == []
