"""No credential of a whole run is in any file it leaves."""

from pathlib import Path

from worlds import ROOT, TestWorld, results

ALL = "smoke or integration or security"


def test_no_credential_is_in_any_file_of_a_run(world: TestWorld, tmp_path: Path) -> None:
    noted, out = tmp_path / "credentials", tmp_path / "out"
    # A fault makes some checks fail, so that messages and reports of failures are looked at too.
    assert world.testbed("fault", "on", "tokens.unverified", "--on", "green").code == 0
    try:
        done = world.pytest(out, "-m", ALL, "-q", "-p", "spying", CREDENTIALS_FILE=str(noted),
                            PYTHONPATH=str(ROOT / "tests"))  # fmt: skip
    finally:
        world.testbed("fault", "off", "tokens.unverified", "--on", "green")
    assert done.code == 1
    assert results(out)["security.auth.tokens"] == "failed"
    environment = world.state["environment"]
    secrets = {value for name, value in environment.items() if name.endswith("_KEY")}
    credentials = set(noted.read_text().split("\n")) - {""} | secrets
    assert len(credentials) > 100
    texts = [path.read_text(errors="replace") for path in out.rglob("*") if path.is_file()]
    assert len(texts) > 70
    texts.append(done.out + done.err)
    assert [one[:6] for one in credentials if any(one in text for text in texts)] == []
