"""Reads the items of the deployment guide from its Markdown, without any code of ``gates``."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SECTION = re.compile(r"## (\d+)\. ")
HEADING = re.compile(r"#{2,3} (.+)")
BOLD_LINE = re.compile(r"\*\*(.+)\*\*")
SIGNATURE = re.compile(r"\*\*(.+):\*\* _+ +Date: _+")
MILESTONE = re.compile(r"\*\*Milestone:\*\* (.+)")
TIME = re.compile(r"(\d\d:\d\d|\d+ min|\[\d\d:\d\d\]) ")
ANNOUNCEMENT = re.compile(r"✓ |(Expected downtime|Rollback ready|Impact): ")
SEPARATOR = re.compile(r"\|[-|]+\|")
# The sections whose bold lines and third-level headings state something: a time, a number.
BOLD_SECTIONS = {3, 4, 7, 8}
STATING_HEADINGS = (
    "Pre-Deployment (2-3 hours before)",
    "Immediate Rollback (< 5 minutes)",
    "Alert Rules (27 total)",
    "Pre-Deployment Notification (24 hours before)",
    "During Deployment (Status Updates Every 30 min)",
    "Post-Deployment (Success Notification)",
)
STEP_SECTIONS = {2, 4, 6}
SUB_BULLET_SECTIONS = {1, 2}
COMMAND_SECTION = 13


class GuideItem(NamedTuple):
    """An item: the number of its section, its kind, and its text without Markdown."""

    section: int
    kind: str
    text: str


def items_of(guide: Path) -> list[GuideItem]:
    """Every item of the guide, in its order."""
    section, in_code, items = 0, False, list[GuideItem]()
    for line in guide.read_text().splitlines():
        if line.startswith("```"):
            in_code = not in_code
        elif number := SECTION.match(line):
            section = int(number[1])
        elif section:
            read = _in_code(section, line) if in_code else _outside(section, line)
            items += [GuideItem(section, kind, plain(text)) for kind, text in read]
    return items


def plain(text: str) -> str:
    """The text without marks of Markdown, and with the same separator between all columns."""
    return re.sub(r" {2,}", " | ", text.replace("**", "").replace("✅ ", "").strip())


def _in_code(section: int, line: str) -> Iterator[tuple[str, str]]:
    if section in STEP_SECTIONS and line.startswith("# "):
        yield "step", line[2:]
    elif section == COMMAND_SECTION and line and not line.startswith("# "):
        yield "command", re.sub(r" +", " ", line)
    elif TIME.match(line):
        yield "row", line
    elif ANNOUNCEMENT.match(line):
        yield "announcement", line


def _outside(section: int, line: str) -> Iterator[tuple[str, str]]:
    heading = HEADING.fullmatch(line)
    if line.startswith("- [ ] "):
        yield "checkbox", line[6:]
    elif line.startswith("  - ") and section in SUB_BULLET_SECTIONS:
        yield "sub_bullet", line[4:]
    elif line.startswith("- "):
        yield "bullet", line[2:]
    elif line.startswith("| ") and not SEPARATOR.fullmatch(line):
        cells = " | ".join(cell.strip() for cell in line.split("|") if cell.strip())
        if not cells.startswith(("Phase | ", "Feature | ")):
            yield "row", cells
    elif heading and heading[1] in STATING_HEADINGS:
        yield "heading", heading[1]
    elif signature := SIGNATURE.fullmatch(line):
        yield "signature", signature[1]
    elif milestone := MILESTONE.fullmatch(line):
        yield "heading", milestone[1]
    elif section in BOLD_SECTIONS and (bold := BOLD_LINE.fullmatch(line)):
        yield "heading", bold[1]
