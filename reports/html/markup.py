"""Builds the elements of the page; the function ``text`` escapes every text from outside."""

import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

# From these percentages on, a ratio has three digits, and then no decimals.
MIN_FOR_THREE_DIGITS, MIN_FOR_WHOLE = 10, 100
MAX_TEXT = 2_000
# Formatting characters that could reorder or hide the text around them (Unicode TR 36, TR 9).
HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Noncharacters and controls are shown as this character.
REPLACEMENT = "�"


def text(value: str, longest: int = MAX_TEXT) -> str:
    """Escape an untrusted text for an element or a quoted attribute.

    Args:
        value: the untrusted text.
        longest: the largest number of characters; the rest of the text is cut.
    """
    shown = value if len(value) <= longest else f"{value[:longest]}…"
    return escape(shown if shown.isprintable() else _visible(shown), quote=True)


def _visible(value: str) -> str:
    """Replace the control characters of a text; a line break stays a line break."""
    return "".join(
        letter
        if letter == "\n" or unicodedata.category(letter) not in HIDDEN_CATEGORIES
        else REPLACEMENT
        for letter in value
    )


def tag(name: str, content: str, **attributes: str) -> str:
    """Write an element of HTML.

    Args:
        name: the name of the element.
        content: the markup inside the element.
        attributes: the attributes with untrusted values. In a name, ``_`` becomes ``-``, and ``_``
            at the end is removed.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>"


def section(name: str, title: str, content: Iterable[str]) -> str:
    """Write a section of the page with its heading.

    Args:
        name: the id of the section.
        title: the heading of the section.
        content: the parts of the section, as markup.
    """
    heading = tag("h2", text(title), id=f"{name}-title")
    return tag("section", heading + "".join(content), id=name, aria_labelledby=f"{name}-title")


def table(caption: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table that scrolls inside its own box.

    Args:
        caption: the name of the table for a screen reader.
        headings: the names of the columns.
        rows: the cells of each row, as markup; the first cell is the heading of the row.
    """
    head = "".join(tag("th", text(heading), scope="col") for heading in headings)
    body = "".join(_row(list(cells)) for cells in rows)
    inner = (
        tag("caption", text(caption), class_="hidden")
        + tag("thead", tag("tr", head))
        + tag("tbody", body)
    )
    return tag(
        "div", tag("table", inner), class_="wide", role="region", aria_label=caption, tabindex="0"
    )


def _row(cells: list[str]) -> str:
    return tag(
        "tr",
        tag("th", cells[0], scope="row") + "".join(tag("td", cell) for cell in cells[1:]),
    )


def empty(sentence: str) -> str:
    """Write a sentence in place of a part of the page that has no data."""
    return tag("p", text(sentence), class_="empty")


def command(line: str) -> str:
    """Write a command line in a box, for a reader who wants to copy the command."""
    return tag("pre", tag("code", text(line)), class_="command", tabindex="0")


def clock(at: float) -> str:
    """Write the time of the day in UTC; empty for a moment that is out of range."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return ""


def per_cent(ratio: float) -> str:
    """Write a ratio in percent, with two or three significant digits.

    Args:
        ratio: the ratio, 0 to 1.
    """
    value = 100 * ratio
    digits = 3 if value >= MIN_FOR_THREE_DIGITS else 2  # 12.5 %, but 1.2 %
    return f"{value:.{digits}g} %" if value < MIN_FOR_WHOLE else f"{value:.0f} %"
