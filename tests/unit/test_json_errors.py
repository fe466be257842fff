"""With ``--json`` a program can read every answer: an error is JSON on stdout, too."""

import json

import pytest
from in_process import gates

ERRORS = {
    "an unknown stage": (("check", "ramp-11", "--target", "green", "--json"), 2, "ramp-11"),
    "an unknown target": (("check", "ramp-10", "--target", "grene", "--json"), 2, "grene"),
    "an unknown policy": (
        ("watch", "--target", "green", "--policy", "none.toml", "--json"),
        2,
        "none.toml",
    ),
    "an unknown option": (("check", "--json", "--nothing"), 2, "the following arguments"),
    "a format": (
        ("check", "ramp-11", "--target", "green", "--format", "json"),
        2,
        "ramp-11",
    ),
    "a format with an equals sign": (
        ("check", "ramp-11", "--target", "green", "--format=json"),
        2,
        "ramp-11",
    ),
    "a recording": (("backtest", "none.jsonl", "--json"), 2, "none.jsonl"),
    "a status": (("status", "--stage", "none", "--json"), 2, "none"),
    "a guide": (("coverage", "--guide", "none.toml", "--json"), 2, "none.toml"),
    "an explanation": (("explain", "none", "--format", "json"), 2, "none"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_json_on_stdout_and_a_line_on_stderr(name: str) -> None:
    arguments, code, word = ERRORS[name]
    done = gates(*arguments)
    content = json.loads(done.out)
    assert done.code == code
    assert (content["kind"], content["schema"], content["program"]) == ("error", 1, "gates")
    assert content["exit_code"] == code
    assert word in content["error"]
    assert content["error"][:50] in done.err.replace("\n", " ")


def test_without_json_an_error_is_no_json() -> None:
    done = gates("check", "ramp-11", "--target", "green")
    assert (done.code, done.out) == (2, "")
    assert gates("check", "--help", "--json").out.startswith("usage")
