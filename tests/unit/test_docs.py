"""The documents say what there is: options, markers, stages, conditions, messages, help texts."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from in_process import gates
from worlds import ROOT, environment, run

from gates.policy import policy_file as policy
from gates.sources import SOURCES
from reports.formats import FORMATS
from suites.pytest_plugin.marks import CATEGORIES, SUITES
from testbed.faults import FAULTS

REFERENCE = (ROOT / "docs" / "reference.md").read_text()
README = (ROOT / "README.md").read_text()
MESSAGES = (ROOT / "docs" / "messages.md").read_text()


TEXTS = (".py", ".md", ".toml", ".yaml", ".txt", ".json", "")
NOT_OURS = ("out", "node_modules", "__pycache__")
# A heading, the line below it, and at least one row.
WHOLE_TABLE = re.compile(r"\|.*\|\n\|(?: *:?-+:? *\|)+\n\|")


COMMANDS = (
    "gates check", "gates watch", "gates ramp", "gates rollback", "gates rehearse", "gates sign",
    "gates revoke", "gates status", "gates record", "gates backtest", "gates explain", "gates log",
    "gates report", "gates test-policy", "gates stages", "gates coverage", "gates lint",
    "gates init", "gates doctor", "gates serve", "gates",
    "load run", "load shop", "load worker", "suites.collector",
    "suites.backup take", "suites.backup verify", "suites.backup restore-check",
    "nightly run", "nightly acknowledge", "nightly report",
)  # a list of short values # fmt: skip
HELP_TEXTS = """
import contextlib, io, json, runpy, sys
texts = {}
for command in sys.argv[1:]:
    module, *arguments = command.split()
    sys.argv = [module, *arguments, "--help"]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        runpy.run_module(module, run_name="__main__")
    texts[command] = shown.getvalue()
print(json.dumps(texts))
"""


@pytest.fixture(scope="module")
def help_texts() -> dict[str, str]:
    """The help text of each command, from one process: starting many takes a minute."""
    done = subprocess.run(
        [sys.executable, "-c", HELP_TEXTS, *COMMANDS],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        check=True,
        timeout=60,
    )
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(command: str, help_texts: dict[str, str]) -> None:
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", help_texts[command])) - {"--help"}
    assert options
    assert sorted(option for option in options if f"`{option}`" not in REFERENCE) == []


def test_every_option_of_the_plugin_is_documented() -> None:
    group = run("pytest", "--help").out.split("verification of a deployed Kirana Store:")[1]
    ours = re.findall(r"^  (--[a-z-]+)", group.split("\n\n")[0].split("\nallure")[0], re.MULTILINE)
    named = {
        "--target",
        "--targets",
        "--policy",
        "--run-id",
        "--check",
        "--out",
        "--remove-ended-runs",
    }
    assert named <= set(ours)
    assert [path for path in ours[:7] if f"`{path}`" not in REFERENCE] == []


def test_markers_stages_conditions_sources_and_renderers_are_documented() -> None:
    stages = [stage.name for stage in policy.load(ROOT / "policies" / "release.toml").stages]
    reports = ROOT / "reports"
    modules = [*reports.glob("[a-z]*.py"), *(reports / "formats").glob("[a-z]*.py")]
    # The modules of the folder "html" are parts of one renderer.
    renderers = [*(path.stem for path in modules), "html"]
    names = [*FORMATS, *SUITES, *CATEGORIES, *stages, *policy.KINDS, *SOURCES, *renderers]
    assert [name for name in names if f"`{name}`" not in REFERENCE] == []


def test_every_environment_variable_is_documented() -> None:
    sources = [
        path.read_text() for folder in ("gates", "suites") for path in (ROOT / folder).rglob("*.py")
    ]
    named = {name for text in sources for name in re.findall(r'"(KIRANA_[A-Z_]+|NO_COLOR)"', text)}
    assert named
    assert [name for name in named if f"`{name}`" not in REFERENCE] == []


def test_every_documented_message_is_in_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "gates").rglob("*.py"))
    code = code.replace("{outcome.value}", "failed").replace("was {result.outcome.value", "was sk")
    spoken = re.findall(r"^\| (`.*?`) \|", MESSAGES, re.MULTILINE)
    assert len(spoken) >= 20
    words = [phrase for cell in spoken for phrase in re.findall(r"`([^`]*)`", cell)]
    fixed = [phrase.split("…")[0].strip() for phrase in words]
    composed = {
        "failed in run",
        "error in run",
        "was skipped",
        "was xfailed",
        "was xpassed",
        "was not applicable",
        "was inconclusive",
        "was reported twice",
        "must be under",
        "must be over",
        "is damaged",
    }
    assert [phrase for phrase in fixed if phrase not in composed and phrase not in code] == []


def test_the_help_in_the_readme_is_the_help() -> None:
    shown = gates("--help", variables={"COLUMNS": "80"}).out.strip()
    assert shown in README


def test_every_local_link_leads_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text())
        assert [link for link in links if not (path.parent / link).exists()] == [], path


def test_every_table_is_whole() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
        cut = [table.split("\n")[0] for table in tables if not WHOLE_TABLE.match(table)]
        assert cut == [], path


def test_make_help_names_what_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE))
    assert {"verify", "test"} <= named
    assert [name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_no_document_names_a_host_of_a_registry_or_a_path_of_a_machine() -> None:
    wrong = re.compile(r"https?://(?:\S*pypi\S*|\S*npmjs\S*|deb\.)|/work/|/root/|/home/")
    assert [path for path in files_of_the_project() if wrong.search(path.read_text())] == [
        Path(__file__)
    ]


def files_of_the_project() -> Iterator[Path]:
    """The text files of the checkout, without what was installed or written by a run."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name in (".ci", ".github") or (not name.startswith(".") and name not in NOT_OURS)
        ]
        for name in names:
            path = Path(folder, name)
            if path.suffix in TEXTS and (name == ".gitignore" or not name.startswith(".")):
                yield path


def test_the_faults_read_as_sentences() -> None:
    assert [fault.name for fault in FAULTS if not fault.breaks or fault.breaks.endswith(".")] == []


def test_the_glossary_defines_the_words_of_the_field() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text()
    rows = re.findall(r"^\| (?!term|---)([^|]+) \| ([^|]+) \| ([^|]+) \|$", glossary, re.MULTILINE)
    terms = " / ".join(term for term, _, _ in rows)
    words = [
        "indicator", "objective", "bad events / total events", "minimum events", "scrape",
        "increase", "counter", "time series", "label", "range selector", "canary", "baseline",
        "rollback trigger", "traffic weight", "ramp step", "bake time", "burn-in", "result",
        "run record", "finding", "verdict", "decision", "evidence", "fault", "negative control",
    ]  # a list of short values # fmt: skip
    assert [word for word in words if word not in terms] == []
    assert [term for term, meaning, _ in rows if not meaning.endswith(".")] == []
    assert len(glossary.splitlines()) <= 100
