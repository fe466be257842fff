"""Every item of the deployment guide is decided by objectives, signed, or left out for a reason."""

import json
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
from guide_items import GuideItem, items_of
from in_process import gates
from proving import Place
from signing import command, sign, signing
from worlds import ROOT

from gates.coverage import guide_file, markdown_page, matrix, text_table
from gates.coverage.guide_file import ItemKind
from gates.coverage.matrix import Decider, Matrix
from gates.errors import ConfigurationError
from gates.model import ListedChecksObjective, LiveBuildObjective, LoadObjective, SignOffObjective
from gates.policy import policy_file

GUIDE = ROOT / "docs" / "guide.md"
ITEMS = ROOT / "policies" / "guide.toml"
POLICY = policy_file.load(ROOT / "policies" / "release.toml")
TEXT = """schema = 1
[sections.hour-1]
guide = "5, hour 1"
title = "Immediate validation"
[sections.hour-1.items]
error-rate = { kind = "checkbox", text = "Error rate: < 0.1%", objectives = ["error-ratio-hour-1"] }
payment = { kind = "checkbox", text = "Payment", objectives = ["smoke"], checks = ["smoke.payment"] }
celebration = { kind = "checkbox", text = "Celebration", why_not = "It decides nothing." }
"""  # noqa: E501 - lines of a TOML file


@pytest.fixture(scope="module")
def whole() -> Matrix:
    return matrix.build(guide_file.load(ITEMS), POLICY)


def built(folder: Path, text: str) -> Matrix:
    """The matrix of a guide file with this text."""
    (folder / "guide.toml").write_text(text)
    return matrix.build(guide_file.load(folder / "guide.toml"), POLICY)


def test_the_file_has_every_item_of_the_guide_and_no_other() -> None:
    listed = [
        GuideItem(int(section.guide.split(",")[0]), item.kind.value, item.text)
        for section in guide_file.load(ITEMS)
        for item in section.items
    ]
    assert listed == items_of(GUIDE)


def test_the_guide_has_its_hundred_checkboxes_and_58_bullets_below_them() -> None:
    kinds = Counter(item.kind for item in items_of(GUIDE))
    assert kinds["checkbox"] == 100
    assert kinds["sub_bullet"] == 58
    assert kinds["signature"] == 4
    assert sum(kinds.values()) == 353


def test_the_parser_of_the_guide_reads_each_form(tmp_path: Path) -> None:
    text = (
        "**Status:** ready\n## 1. First\n- [ ] **Box**\n  - Below\n## 3. Ramp\n```\n"
        "Time    Blue\n00:10   90%     10%      Watch\n```\n## 6. Back\n- Error rate\n```bash\n"
        "# 1. Stop\ncurl x\n```\n## 14. Time\n| Phase | Duration |\n|---|---|\n"
        "| **Total** | 3 hours |\n## 16. Names\n**Lead:** ____  Date: ___\n"
    )
    (tmp_path / "guide.md").write_text(text)
    assert items_of(tmp_path / "guide.md") == [
        (1, "checkbox", "Box"),
        (1, "sub_bullet", "Below"),
        (3, "row", "00:10 | 90% | 10% | Watch"),
        (6, "bullet", "Error rate"),
        (6, "step", "1. Stop"),
        (14, "row", "Total | 3 hours"),
        (16, "signature", "Lead"),
    ]


def test_no_item_is_uncovered(whole: Matrix) -> None:
    assert whole.problems == ()
    assert whole.totals()[Decider.NOBODY] == 0


def test_a_machine_verifies_over_a_hundred_of_the_158_checkboxes_and_bullets(whole: Matrix) -> None:
    kinds = (ItemKind.CHECKBOX, ItemKind.SUB_BULLET)
    counts = {decider: sum(whole.totals(kind)[decider] for kind in kinds) for decider in Decider}
    assert sum(counts.values()) == 158
    assert counts[Decider.MACHINE] > 100
    assert counts[Decider.REASON] <= 6
    assert all(row.item.why_not for row in whole.rows if row.decider is Decider.REASON)


def test_every_sign_off_and_trigger_of_the_policy_is_about_an_item(whole: Matrix) -> None:
    deciding = {decided.objective.name for decided in whole.objectives}
    # These bind the evidence to the build and to the policy, or judge load runs of any size.
    binding = (ListedChecksObjective, LiveBuildObjective, LoadObjective)
    others = {
        objective.name
        for stage in POLICY.stages
        for objective in stage.objectives
        if not isinstance(objective, binding) and objective.name not in deciding
    }
    assert others == set()


def test_every_objective_names_a_section_of_the_guide() -> None:
    numbers = {str(item.section) for item in items_of(GUIDE)}
    objectives = {item.name: item.guide for stage in POLICY.stages for item in stage.objectives}
    named = {
        name: {part.strip().split(",")[0] for part in guide.split(";")}
        for name, guide in objectives.items()
    }
    assert {name for name, sections in named.items() if not sections <= numbers} == set()


def test_every_sign_off_says_why_no_machine_verifies_it() -> None:
    signed = [
        objective
        for stage in POLICY.stages
        for objective in stage.objectives
        if isinstance(objective, SignOffObjective)
    ]
    assert len(signed) == len({item.name for item in signed}) > 30
    assert [item.name for item in signed if not item.reason.endswith(".")] == []


def test_the_steps_of_the_ramp_and_green_ready_need_no_signature() -> None:
    unattended = [stage for stage in POLICY.stages if stage.share or stage == POLICY.ready]
    assert len(unattended) >= 13
    objectives = [item for stage in unattended for item in stage.objectives]
    assert [item.name for item in objectives if isinstance(item, SignOffObjective)] == []


def test_the_page_is_current(whole: Matrix) -> None:
    assert (ROOT / "docs" / "guide-coverage.md").read_text() == markdown_page.page(whole)


def test_the_guide_in_the_repository_is_what_the_page_links() -> None:
    assert "](guide.md)" in (ROOT / "docs" / "guide-coverage.md").read_text()
    assert GUIDE.read_text().startswith("# Phase 5: Production Deployment Guide\n")


def test_the_command_prints_every_item_and_the_totals(whole: Matrix) -> None:
    answer = gates("coverage")
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == text_table.totals_text(whole)
    assert answer.out.startswith("1, stage 1: Staging validation\n")
    assert max(len(line) for line in answer.out.splitlines()[:-1]) <= 100
    words = " ".join(answer.out.split())
    assert [row.item.text for row in whole.rows if row.item.text not in words] == []


def test_the_command_prints_json(whole: Matrix) -> None:
    document = json.loads(gates("coverage", "--json").out)
    items = [item for section in document["sections"] for item in section["items"]]
    assert len(items) == document["items"] == 353
    assert document["totals"]["uncovered"] == 0
    assert document["totals"] == {
        decider.value: number for decider, number in whole.totals().items()
    }
    (ports,) = [item for item in items if item["text"] == "Only necessary ports open (80, 443)"]
    assert ports["decided_by"] == "machine"
    assert ports["objectives"][0] == {
        "name": "security",
        "guide": "1, stage 1; 2, step 2",
        "sources": ["security suite"],
        "checks": ["security.ports"],
        "stages": ["security", "pre-deployment"],
        "reason": "",
    }


def test_the_command_prints_the_page() -> None:
    answer = gates("coverage", "--markdown")
    assert answer.code == 0
    assert answer.out == (ROOT / "docs" / "guide-coverage.md").read_text()


def test_json_and_markdown_together_are_refused() -> None:
    assert gates("coverage", "--json", "--markdown").code == 2


def test_a_small_guide_is_covered(tmp_path: Path) -> None:
    small = built(tmp_path, TEXT)
    assert small.problems == ()
    assert [row.decider.value for row in small.rows] == ["machine", "machine", "reason"]
    assert text_table.matrix_text(small).splitlines() == [
        "5, hour 1: Immediate validation",
        "  machine           Error rate: < 0.1%",
        "                    error-ratio-hour-1: live metrics; hour-1",
        "  machine           Payment",
        "                    smoke: smoke suite; " + ", ".join(small.rows[1].deciding[0].stages),
        "  reason            Celebration",
        "                    reason: It decides nothing.",
        "",
        text_table.totals_text(small),
    ]
    assert text_table.totals_text(small) == (
        "3 items of the guide: 2 verified by machine, 0 verified by machine and signed by people, "
        "0 signed by people, 1 not decided, for a stated reason, 0 uncovered"
    )


UNCOVERED = [
    ('objectives = ["error-ratio-hour-1"]', "objectives = []", "no objective decides the item"),
    (', objectives = ["error-ratio-hour-1"]', "", "no objective decides the item"),
    ("error-ratio-hour-1", "error-ratio-hour-2", "did you mean 'error-ratio-hour-1'?"),
    ("error-ratio-hour-1", "zzz", "the policy has no objective 'zzz'"),
    ('"smoke.payment"', '"smoke.paymnt"', "did you mean 'smoke.payment'?"),
    ('"smoke.payment"', '"security.xss"', "no objective of the item has a check 'security.xss'"),
    (
        '["smoke"]',
        '["smoke", "security"]',
        "the item's list of checks has no check of the objective security",
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), UNCOVERED)
def test_an_uncovered_item_fails_the_command(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in TEXT
    (tmp_path / "guide.toml").write_text(TEXT.replace(old, new))
    for option in ((), ("--json",), ("--markdown",)):
        answer = gates("coverage", "--guide", str(tmp_path / "guide.toml"), *option)
        assert answer.code == 1
    assert problem in gates("coverage", "--guide", str(tmp_path / "guide.toml")).out


def test_a_policy_without_an_objective_of_the_guide_fails_the_command(tmp_path: Path) -> None:
    text = (ROOT / "policies" / "release.toml").read_text()
    changed = text.replace("errors-trigger", "other-trigger")
    (tmp_path / "policy.toml").write_text(changed)
    answer = gates("coverage", "--policy", str(tmp_path / "policy.toml"))
    assert answer.code == 1
    assert "the policy has no objective 'errors-trigger'; did you mean" in answer.out


REFUSED = [
    ("schema = 1", "schema = 2", "schema"),
    ("schema = 1", "schema = 1\nextra = 1", "extra: unknown key"),
    ('kind = "checkbox"', 'kind = "box"', "expected one of"),
    ('text = "Payment"', 'text = ""', "expected a text"),
    ('text = "Payment"', 'text = "Pay\\nment"', "expected a single line"),
    ('text = "Payment"', f'text = "{"x" * 501}"', "expected a single line"),
    ('why_not = "', 'objectives = ["smoke"], why_not = "', "the item has objectives"),
    (
        'why_not = "It decides nothing."',
        'checks = ["smoke.payment"]',
        "has checks and no objective",
    ),
    ('objectives = ["smoke"]', 'objectives = ["smoke", "smoke"]', "twice"),
    ('objectives = ["smoke"]', 'objectives = "smoke"', "expected a list of texts"),
    ('why_not = "It decides nothing."', 'alerts = ["ApiDown"]', "has alerts and no objective"),
    ("celebration =", '"Cele bration" =', "expected a name like error-rate"),
    ("celebration = {", 'celebration = { owner = "me",', "owner: unknown key"),
    ("[sections.hour-1]", "[sections.hour-1", "not TOML"),
    ('guide = "5, hour 1"\n', "", "guide: missing"),
]


@pytest.mark.parametrize(("old", "new", "problem"), REFUSED)
def test_a_wrong_file_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigurationError, match=problem) as refusal:
        built(tmp_path, TEXT.replace(old, new, 1))
    assert str(tmp_path / "guide.toml") in str(refusal.value)


def test_a_guide_without_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="0 items; expected 1 to"):
        built(tmp_path, "schema = 1\n[sections]\n")


def test_a_section_without_items_is_refused(tmp_path: Path) -> None:
    text = TEXT.split("error-rate", maxsplit=1)[0]
    with pytest.raises(ConfigurationError, match="expected at least one item"):
        built(tmp_path, text)


def test_the_command_refuses_a_missing_file(tmp_path: Path) -> None:
    answer = gates("coverage", "--guide", str(tmp_path / "guide.toml"))
    assert answer.code == 2
    assert "cannot be read" in answer.err


def test_the_environment_names_the_guide(tmp_path: Path) -> None:
    (tmp_path / "guide.toml").write_text(TEXT)
    answer = gates("coverage", variables={"KIRANA_GUIDE": str(tmp_path / "guide.toml")})
    assert answer.code == 0
    assert answer.out.splitlines()[-1].startswith("3 items of the guide: 2 verified by machine")


STAGES = [
    ('title = "Immediate', 'stages = ["hour-3"]\ntitle = "Immediate', "no stage 'hour-3'"),
    (
        'title = "Immediate',
        'stages = ["staging"]\ntitle = "Immediate',
        "hour-1.error-rate: no objective of the item belongs to the stage staging",
    ),
    (
        'checks = ["smoke.payment"]',
        'checks = ["smoke.payment"], stages = ["hour-1", "hour-4"]',
        "hour-1.payment: no objective of the item belongs to the stage hour-1 or hour-4",
    ),
]


@pytest.mark.parametrize(("old", "new", "problem"), STAGES)
def test_an_item_is_decided_at_the_stages_that_it_names(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert any(problem in sentence for sentence in built(tmp_path, TEXT.replace(old, new)).problems)


def test_an_item_may_name_other_stages_than_its_section(tmp_path: Path) -> None:
    text = TEXT.replace('title = "Immediate', 'stages = ["hour-1"]\ntitle = "Immediate')
    text = text.replace('["smoke.payment"]', '["smoke.payment"], stages = ["hour-2"]')
    changed = built(tmp_path, text)
    assert changed.problems == ()
    stages = [deciding.stages for row in changed.rows for deciding in row.deciding]
    assert stages == [("hour-1",), ("hour-2",)]


def test_each_row_of_the_ramp_is_decided_at_its_own_step(whole: Matrix) -> None:
    rows = {row.item.text: row for row in whole.rows if row.item.kind is ItemKind.ROW}
    row = rows["00:20 | 80% | 20% | Check error rates < 0.5%"]
    assert [(decided.objective.name, decided.stages) for decided in row.deciding] == [
        ("traffic-share", ("ramp-20",)),
        ("errors-against-blue", ("ramp-20",)),
    ]


def test_the_guide_names_every_alert_rule_of_the_policy(whole: Matrix) -> None:
    levels = {level.severity: level.alerts for level in POLICY.alert_levels}
    named = {row.item.text: row.item.alerts for row in whole.rows if row.item.alerts}
    assert len(named["Alert Rules (27 total)"]) == 27
    assert set(named["Alert Rules (27 total)"]) == set(chain(*levels.values()))
    assert named["Critical Alerts (Immediate PagerDuty)"] == levels["critical"]
    assert named["Warning Alerts (Slack + Email)"] == levels["warning"]
    assert named["Info Alerts (Email Daily)"] == levels["info"]
    single = [names for names in named.values() if len(names) == 1]
    assert len(single) == len(set(single)) == 14


def test_an_alert_rule_that_the_policy_does_not_require_is_a_problem(tmp_path: Path) -> None:
    text = TEXT.replace('["smoke.payment"]', '["smoke.payment"], alerts = ["ApiDown", "ApiDwn"]')
    assert built(tmp_path, text).problems == (
        (
            "hour-1.payment: the policy does not require the alert rule 'ApiDwn'; did you mean "
            "'ApiDown'?"
        ),
    )


SIGNED_GUIDE = """schema = 1
[sections.people]
guide = "12"
title = "People"
stages = ["people"]
[sections.people.items]
version = { kind = "checkbox", text = "Version", objectives = ["served-build"] }
team = { kind = "checkbox", text = "Team", objectives = ["team-informed"] }
both = { kind = "checkbox", text = "Both", objectives = ["smoke", "team-informed"] }
none = { kind = "checkbox", text = "None", why_not = "It decides nothing." }
"""


def states(place: Place) -> dict[str, str]:
    """The state of each item of the small guide in the place's ledger."""
    path = place.folder / "guide.toml"
    path.write_text(SIGNED_GUIDE)
    done = command(place, "coverage", "--guide", str(path), "--json")
    assert done.code == 0, done.err
    (section,) = json.loads(done.out)["sections"]
    return {item["text"]: item["state"] for item in section["items"]}


def test_the_state_of_an_item_is_that_of_its_worst_objective(tmp_path: Path) -> None:
    with signing(tmp_path) as place:
        assert states(place) == {"Version": "open", "Team": "open", "Both": "open", "None": ""}
        assert place.ask("people").code == 3
        assert states(place) == {"Version": "verified", "Team": "open", "Both": "open", "None": ""}
        assert sign(place).code == 0
        signed = {"Version": "verified", "Team": "signed", "Both": "signed", "None": ""}
        assert states(place) == signed
        place.keep_run(place.run_of("r2", **{"smoke.login": "failed"}), "r2")
        assert place.ask("people").code == 1
        assert states(place) == {**signed, "Both": "failed"}


def test_the_states_are_printed_with_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "guide.toml").write_text(SIGNED_GUIDE)
    with signing(tmp_path) as place:
        assert sign(place).code == 0
        done = command(place, "coverage", "--guide", str(tmp_path / "guide.toml"))
    lines = done.out.splitlines()
    assert "  people            signed: Team" in lines
    assert "  machine           open: Version" in lines
    assert "  reason            None" in lines
    assert lines[-1] == (
        "in the ledger: 0 verified, 1 signed, 0 overridden, 2 open, 0 expired, 0 failed"
    )


def test_an_edited_line_of_the_ledger_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "guide.toml").write_text(SIGNED_GUIDE)
    with signing(tmp_path) as place:
        assert sign(place).code == 0
        path = place.out / "ledger.jsonl"
        path.write_text(path.read_text().replace("Asha Rao", "Ben Levy"))
        done = command(place, "coverage", "--guide", str(tmp_path / "guide.toml"))
    assert "  people            signed: Team" not in done.out.splitlines()
    assert "WARNING" in done.err


def test_an_unknown_target_is_refused() -> None:
    done = gates("coverage", "--target", "gren")
    assert done.code == 2
    assert "Did you mean green?" in done.err
