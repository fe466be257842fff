"""Changes of code that mutation tools do not make: mistakes that people make in a web store.

Each function takes a parsed module and yields changes of its source text. A change is made by
offsets in the text, so that the rest of the file stays as it is.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

# Methods of a collection whose first argument is a filter.
FILTERED = frozenset(
    {
        "find",
        "find_one",
        "update_one",
        "update_many",
        "delete_one",
        "delete_many",
        "find_one_and_update",
        "find_one_and_delete",
        "find_one_and_replace",
        "replace_one",
        "count_documents",
        "distinct",
    }
)
WIDER = 10
# ``integer(query, name, default, maximum)`` of the store.
DEFAULT_POSITION = 2


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a source text.

    Args:
        operator: the name of the operator.
        start: the offset of the first character that is replaced.
        end: the offset after the last character that is replaced.
        text: the new text.
    """

    operator: str
    start: int
    end: int
    text: str

    def applied(self, source: str) -> str:
        """The source text with the change."""
        return source[: self.start] + self.text + source[self.end :]


class Source:
    """A parsed module with the offsets of its nodes.

    Args:
        text: the source text; ASCII, because the parser counts bytes.

    Raises:
        ValueError: the text is not ASCII.
    """

    def __init__(self, text: str) -> None:
        if not text.isascii():
            raise ValueError("the offsets of a text that is not ASCII are not known")
        self.text = text
        self.tree = ast.parse(text)
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """The offsets of a node."""
        start = self._lines[node.lineno - 1] + node.col_offset
        return start, self._lines[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)

    def code(self, node: ast.expr | ast.stmt) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.text[start:end]

    def change(self, operator: str, node: ast.expr | ast.stmt, text: str) -> Change:
        """Replace a node by a text."""
        return Change(operator, *self.span(node), text)


def drop_effect(source: Source) -> Iterator[Change]:
    """Leave out a statement that only has an effect, such as an awaited write."""
    for statement in _effects(source):
        yield source.change("drop_effect", statement, "pass")


def repeat_effect(source: Source) -> Iterator[Change]:
    """Do an effect twice."""
    for statement in _effects(source):
        code = source.code(statement)
        if "\n" not in code:
            yield source.change("repeat_effect", statement, f"{code}; {code}")


def drop_filter_clause(source: Source) -> Iterator[Change]:
    """Leave out a clause of a query's filter."""
    for call in _calls(source):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name in FILTERED and call.args and isinstance(call.args[0], ast.Dict):
            clauses = call.args[0]
            for left_out in range(len(clauses.keys)):
                yield source.change("drop_filter_clause", clauses, _dict(source, clauses, left_out))


def swap_ids(source: Source) -> Iterator[Change]:
    """Exchange two neighbouring arguments, or two values of a document, that both hold ids."""
    for call in _calls(source):
        for first, second in pairwise(call.args):
            codes = source.code(first), source.code(second)
            if all(_is_id(code) for code in codes) and codes[0] != codes[1]:
                start, end = source.span(first)[0], source.span(second)[1]
                yield Change("swap_ids", start, end, f"{codes[1]}, {codes[0]}")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Dict):
            yield from _swapped_values(source, node)


def widen_limit(source: Source) -> Iterator[Change]:
    """Make a limit of a module ten times as large: a time, a count or a length."""
    for statement in source.tree.body:
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id.isupper()
            and _is_amount(statement.value)
        ):
            code = source.code(statement.value)
            yield source.change("widen_limit", statement.value, f"{WIDER} * {code}")


def remove_index(source: Source) -> Iterator[Change]:
    """Leave out an index, or let it be no longer unique."""
    for call in _calls(source):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "create_index"):
            continue
        yield source.change("remove_index", call, "None")
        for keyword in call.keywords:
            if keyword.arg == "unique":
                yield source.change("remove_index", keyword.value, "False")


def ignore_query_parameter(source: Source) -> Iterator[Change]:
    """Take the default of a query parameter, whatever the caller sent."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In):
            if source.code(node.comparators[0]).endswith(".query"):
                yield source.change("ignore_query_parameter", node, "False")
        elif isinstance(node, ast.Call) and (default := _default(source, node)):
            yield source.change("ignore_query_parameter", node, default)


OPERATORS: tuple[Callable[[Source], Iterator[Change]], ...] = (
    drop_effect,
    repeat_effect,
    drop_filter_clause,
    swap_ids,
    widen_limit,
    remove_index,
    ignore_query_parameter,
)


def changes(text: str) -> list[Change]:
    """Every change of a module, sorted by operator, then by its position in the text.

    Args:
        text: the module's source text.

    Raises:
        ValueError: the text is not ASCII.
    """
    source = Source(text)
    return [change for operator in OPERATORS for change in operator(source)]


def _calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def _effects(source: Source) -> Iterator[ast.Expr]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Await | ast.Call):
            yield node


def _dict(source: Source, clauses: ast.Dict, left_out: int) -> str:
    """The text of a dict without one of its items."""
    items = [
        f"**{source.code(value)}" if key is None else f"{source.code(key)}: {source.code(value)}"
        for number, (key, value) in enumerate(zip(clauses.keys, clauses.values, strict=True))
        if number != left_out
    ]
    return "{" + ", ".join(items) + "}"


def _swapped_values(source: Source, node: ast.Dict) -> Iterator[Change]:
    values = [value for value in node.values if _is_id(source.code(value))]
    for first, second in pairwise(values):
        codes = source.code(first), source.code(second)
        if codes[0] != codes[1]:
            (start, first_end), (second_start, end) = source.span(first), source.span(second)
            between = source.text[first_end:second_start]
            yield Change("swap_ids", start, end, f"{codes[1]}{between}{codes[0]}")


def _is_id(code: str) -> bool:
    """Whether a name, or the key of a document, ends like the name of an id."""
    return "\n" not in code and code.rstrip("\"'])").endswith("id")


def _is_amount(value: ast.expr) -> bool:
    is_number = isinstance(value, ast.Constant) and type(value.value) in (int, float)
    is_duration = (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "timedelta"
    )
    return is_number or is_duration


def _default(source: Source, call: ast.Call) -> str:
    """The default that a call reads a query parameter with; empty for other calls."""
    function = source.code(call.func)
    if function.endswith(".query.get"):
        return source.code(call.args[1]) if len(call.args) > 1 else "None"
    if call.args and source.code(call.args[0]).endswith(".query") and function == "integer":
        return source.code(call.args[DEFAULT_POSITION])
    return ""
