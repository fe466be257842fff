"""Lint of target files, and the policies that a target accepts."""

import hashlib
from pathlib import Path

import pytest
from in_process import gates
from proving import passing
from worlds import ROOT

GREEN = (ROOT / "targets" / "green.toml").read_text()
POLICY = (ROOT / "policies" / "release.toml").read_bytes()
DIGEST = hashlib.sha256(POLICY).hexdigest()

WRONG = {
    "a host of examples": ('api = "http://127.0.0.1:5001"', 'api = "http://shop.example:5001"',
                           "addresses.api: 'http://shop.example:5001' is a placeholder"),
    "a digest of zeros": ("sha256:08ed378cc04fcedf358679a1b519475a", "sha256:" + "0" * 32,
                          "expected.digest"),
    "a word to replace": ('edge_http = "http://green.localhost:8088"',
                          'edge_http = "http://changeme:8088"', "addresses.edge_http"),
    "an unknown capability": ('"auth", "catalogue"', '"auth", "telepathy", "catalogue"',
                              "'telepathy' is not a known capability"),
    "an unknown suite": ('allowed = ["smoke"', 'allowed = ["smoek"',
                         "'smoek' is not a known suite"),
    "processes of an unknown suite": ("{ integration = 2, security = 2 }", "{ integrations = 2 }",
                                      "suites.processes.integrations: cannot have processes"),
    "no process": ("{ integration = 2, security = 2 }", "{ integration = 0 }",
                   "suites.processes.integration: expected a whole number from 1 to 8"),
    "processes without a suite": ("{ integration = 2, security = 2 }", "2",
                                  "suites.processes: expected a table"),
}  # a table, one row a line # fmt: skip


@pytest.mark.parametrize("name", list(WRONG))
def test_a_target_file_that_is_not_filled_in_is_found(tmp_path: Path, name: str) -> None:
    old, new, message = WRONG[name]
    assert old in GREEN
    (tmp_path / "green.toml").write_text(GREEN.replace(old, new))
    done = gates("lint", "--targets", str(tmp_path))
    assert done.code == 2
    assert message in done.out


def test_the_example_is_full_of_placeholders(tmp_path: Path) -> None:
    example = (ROOT / "targets" / "production.example.toml").read_text()
    (tmp_path / "production.toml").write_text(example)
    done = gates("lint", "--targets", str(tmp_path))
    assert done.code == 2
    assert done.out.count("is a placeholder") >= 8


def test_what_a_target_needs_and_this_machine_lacks_is_listed(tmp_path: Path) -> None:
    (tmp_path / "green.toml").write_text(GREEN.replace(":5001", ":9").replace("../out", "./none"))
    assert gates("lint", "--targets", str(tmp_path)).code == 0
    done = gates("lint", "--targets", str(tmp_path), "--target", "green")
    assert done.code == 2
    assert "the environment variable KIRANA_DATABASE_URI is not set" in done.out
    assert "addresses.edge_ca_file" in done.out
    assert "addresses.api: http://127.0.0.1:9 cannot be reached: Connection refused" in done.out


def test_a_production_target_must_pin_its_policies(tmp_path: Path) -> None:
    text = GREEN.replace("production = false", "production = true")
    text = "".join(x for x in text.splitlines(keepends=True) if not x.startswith("secrets_file"))
    (tmp_path / "green.toml").write_text(text)
    done = gates("lint", "--targets", str(tmp_path))
    assert done.code == 2
    assert "a production target needs [policy] accepted" in done.out
    (tmp_path / "green.toml").write_text(text + f'\n[policy]\naccepted = ["sha256:{DIGEST}"]\n')
    assert gates("lint", "--targets", str(tmp_path)).code == 0


def test_a_target_is_judged_by_the_policies_it_accepts_alone(tmp_path: Path) -> None:
    with passing(tmp_path) as place:
        path = place.folder / "targets" / "green.toml"
        text = path.read_text()
        path.write_text(text + f'\n[policy]\naccepted = ["sha256:{DIGEST}"]\n')
        place.prepare_again()
        assert place.ask("green-ready").code == 0
        other = place.folder / "other.toml"
        other.write_bytes(POLICY + b"# changed\n")
        place.policy = other
        answer = place.ask("green-ready")
    assert answer.code == 2
    assert "does not accept the policy" in answer.err


def test_the_digest_to_pin_is_printed() -> None:
    assert f"sha256:{DIGEST}" in gates("stages").out
