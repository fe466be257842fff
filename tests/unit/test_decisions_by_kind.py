"""No decision depends on the words of a message, because an editor may change them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from worlds import ROOT

PACKAGES = ("gates", "suites", "load", "reports", "nightly", "rehearsal")
TEXTS = frozenset({"sentence", "message", "reason", "problem"})
COMPARING = frozenset({"startswith", "endswith", "removeprefix", "removesuffix", "find", "index"})
LISTS = frozenset({f"{text}s" for text in TEXTS})
# No decision depends on these searches: advice follows a query that was too large, and one without
# buckets; a renderer looks for a separator of notes; the recorder leaves out a repeated name; and
# the reason of a refused order is a code of the API.
KNOWN = {
    "gates/evidence/metrics/reader.py",
    "gates/sources/missing_buckets.py",
    "reports/terminal.py",
    "suites/pytest_plugin/recorder.py",
    "suites/consistency/test_baskets.py",
}


def places(source: str) -> list[int]:
    """The lines on which a text is searched in the message of an object, or in a list of them."""
    tree = ast.parse(source)
    lines = set(_searches(tree, set()))
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
        lines |= set(_searches(node, names)) if names else set()
    return sorted(lines)


def _is_message(node: ast.AST) -> bool:
    """Whether a node is an attribute or a variable with a name of messages."""
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in TEXTS


def _searches(tree: ast.AST, messages: set[str]) -> Iterator[int]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in COMPARING
            and _is_message(node.func.value)
        ):
            yield node.lineno
        if isinstance(node, ast.Compare) and _is_message(node.left):
            is_equality = any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
            compared = node.comparators[0]
            is_text = isinstance(compared, ast.Constant) and bool(compared.value)
            is_constant = isinstance(compared, ast.Name) and compared.id.isupper()
            if is_equality and (is_text or is_constant):
                yield node.lineno
        if isinstance(node, ast.Compare):
            searched = node.comparators[0]
            is_search = any(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops)
            is_text = isinstance(searched, ast.Attribute) and searched.attr in TEXTS
            is_message = isinstance(searched, ast.Name) and searched.id in messages
            if is_search and (is_text or is_message):
                yield node.lineno


def test_no_decision_depends_on_the_words_of_a_message() -> None:
    modules = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in Path(ROOT, package).rglob("*.py")
        if places(path.read_text())
    }
    assert modules == KNOWN


def test_a_search_in_a_message_is_found() -> None:
    assert places('is_open = " answers" in observation.sentence') == [1]
    assert places('wrong = [text for text in file.problems if ": access" in text]') == [1]
    assert places('known = "a" in names') == []
    assert places('unsure = problem.startswith("inconclusive")') == [1]
    assert places("is_native = answer.problem == NATIVE") == [1]
    assert places('is_well = answer.problem == ""') == []
