"""Reads the items of the deployment guide, and the names of the objectives of each item."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from gates.errors import ConfigurationError
from gates.policy.toml_table import NAME, Table, one_of, read

SCHEMA = 1
MAX_ITEMS, MAX_TEXT = 2_000, 500
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class ItemKind(Enum):
    """The form that an item has in the guide."""

    CHECKBOX = "checkbox"
    SUB_BULLET = "sub_bullet"  # a bullet below a checkbox
    BULLET = "bullet"
    ROW = "row"  # of a table
    STEP = "step"
    HEADING = "heading"  # a heading that states a number, a time or a goal
    ANNOUNCEMENT = "announcement"  # a statement to customers
    COMMAND = "command"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class GuideItem:
    """An item of the guide.

    Args:
        name: the id of the item: the name of its section, a dot, and the item's own name.
        kind: the form of the item in the guide.
        text: the text of the item in the guide.
        objectives: the names of the objectives that decide the item; empty where no objective
            decides the item.
        checks: the ids of the checks that verify the item; empty where every check of the item's
            objectives verifies the item.
        stages: the names of the stages at which the item is decided; empty for every stage that
            has an objective of the item.
        alerts: the names of the alert rules that the item describes; the policy must require each
            of these rules.
        why_not: the stated reason why no objective decides the item; empty where an objective
            decides the item, or where the file states no reason.
    """

    name: str
    kind: ItemKind
    text: str
    objectives: tuple[str, ...]
    checks: tuple[str, ...]
    stages: tuple[str, ...]
    alerts: tuple[str, ...]
    why_not: str


@dataclass(frozen=True, slots=True)
class GuideSection:
    """A section of the guide.

    Args:
        name: the section's name.
        guide: the section's number and part in the guide, such as ``5, hour 1``.
        title: the title of the section in the guide.
        items: the items in the guide's order.
    """

    name: str
    guide: str
    title: str
    items: tuple[GuideItem, ...]


def load(path: Path) -> tuple[GuideSection, ...]:
    """Read the items of the guide from a file.

    Args:
        path: the TOML file, such as ``policies/guide.toml``.

    Returns:
        The sections in the order of the file; each has at least one item.

    Raises:
        ConfigurationError: the file cannot be read, or has a mistake; the message names the file
            and, for a wrong value, the key of the value.
    """
    top, _ = read(path)
    if top.whole("schema", 1, SCHEMA) != SCHEMA:
        raise top.error("schema", f"expected {SCHEMA}")
    table = top.table("sections")
    sections = tuple(_section(name, table.table(name)) for name in table.left())
    top.end()
    count = sum(len(section.items) for section in sections)
    if not 1 <= count <= MAX_ITEMS:
        raise ConfigurationError(
            f"{path}: the file has {count} items; expected 1 to {MAX_ITEMS} items"
        )
    return sections


def _section(name: str, table: Table) -> GuideSection:
    if not NAME.match(name):
        raise table.error("", f"expected a name like hour-1, got {name!r}"[:200])
    stages = _names(table, "stages")
    section = GuideSection(
        name=name,
        guide=_line(table, "guide"),
        title=_line(table, "title"),
        items=tuple(_items(name, stages, table.table("items"))),
    )
    table.end()
    if not section.items:
        raise table.error("items", "expected at least one item")
    return section


def _items(section: str, stages: tuple[str, ...], table: Table) -> Iterator[GuideItem]:
    for name in table.left():
        if not NAME.match(name):
            raise table.error(name, "expected a name like error-rate")
        content = table.table(name)
        yield _item(f"{section}.{name}", stages, content)
        content.end()


def _item(name: str, stages: tuple[str, ...], table: Table) -> GuideItem:
    """Read one item; an item without stages has the stages of its section."""
    item = GuideItem(
        name=name,
        kind=ItemKind(one_of(table, "kind", [kind.value for kind in ItemKind])),
        text=_line(table, "text"),
        objectives=_names(table, "objectives"),
        checks=_names(table, "checks"),
        stages=_names(table, "stages") or stages,
        alerts=_names(table, "alerts"),
        why_not=_line(table, "why_not") if "why_not" in table.left() else "",
    )
    if item.objectives and item.why_not:
        reason = "the item has objectives; remove why_not, or remove the objectives"
        raise table.error("why_not", reason)
    if item.checks and not item.objectives:
        raise table.error(
            "checks", "the item has checks and no objective; add an objective, or remove checks"
        )
    if item.alerts and not item.objectives:
        raise table.error(
            "alerts", "the item has alerts and no objective; add an objective, or remove alerts"
        )
    return item


def _names(table: Table, key: str) -> tuple[str, ...]:
    """Read a list of names; the list may be empty or missing."""
    if key not in table.left():
        return ()
    if table.peek(key) == []:
        table.take(key, list, "a list of texts")
        return ()
    return table.texts(key)


def _line(table: Table, key: str) -> str:
    """Read a text of one line; refuse control characters and a text that is too long."""
    text = table.text(key)
    if len(text) > MAX_TEXT or CONTROL_CHARACTERS.search(text):
        raise table.error(key, f"expected a single line of at most {MAX_TEXT} characters")
    return text
