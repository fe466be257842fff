"""A policy that is read again and again is parsed again exactly when a byte of it has changed."""

import os
import shutil
import threading
from pathlib import Path

import pytest
from worlds import ROOT

from gates.errors import ConfigurationError
from gates.model import Policy
from gates.policy import policy_file
from gates.policy.policy_reader import PolicyReader

POLICIES = ROOT / "policies"
INCLUDED = "indicators/prometheus-client.toml"
LOAD = policy_file.load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A policy that includes a set of indicators."""
    return Path(shutil.copy(POLICIES / "starting.toml", tmp_path))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The policy files that are parsed from here on."""
    paths: list[Path] = []

    def load(path: Path) -> Policy:
        paths.append(path)
        return LOAD(path)

    monkeypatch.setattr(policy_file, "load", load)
    return paths


def _rename(path: Path, name: str) -> None:
    """Give a policy another name of the same length; its time stays."""
    before = path.stat()
    path.write_text(path.read_text().replace('name = "starting"', f'name = "{name}"', 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def test_an_unchanged_policy_is_parsed_once(path: Path, parsed: list[Path]) -> None:
    reader = PolicyReader()
    first, second = reader.load(path), reader.load(path)
    assert first is second
    assert first == LOAD(path)
    assert parsed == [path]


def test_each_path_has_its_own_policy(path: Path) -> None:
    reader, release = PolicyReader(), POLICIES / "release.toml"
    names = [reader.load(each).name for each in (path, release, path)]
    assert names == ["starting", "kirana-release", "starting"]


def test_a_changed_byte_is_noticed_though_size_and_time_stay(path: Path) -> None:
    reader = PolicyReader()
    first = reader.load(path)
    _rename(path, "gnitrats")
    second = reader.load(path)
    assert (first.name, second.name) == ("starting", "gnitrats")
    assert first.digest != second.digest


def test_a_set_of_indicators_that_appears_beside_the_policy_is_noticed(path: Path) -> None:
    reader = PolicyReader()
    first = reader.load(path)
    beside = path.parent / INCLUDED
    beside.parent.mkdir()
    beside.write_text((POLICIES / INCLUDED).read_text() + "# ours\n")
    second = reader.load(path)
    assert first.digest != second.digest
    assert second == LOAD(path)


def test_a_policy_that_cannot_be_read_any_more_is_refused(path: Path) -> None:
    reader, text = PolicyReader(), path.read_text()
    first = reader.load(path)
    path.write_text("[")
    with pytest.raises(ConfigurationError, match="not TOML"):
        reader.load(path)
    path.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        reader.load(path)
    path.write_text(text)
    assert reader.load(path) == first


def test_a_policy_that_changes_while_it_is_read_is_not_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, text = PolicyReader(), path.read_text()
    # The file has its old content while the reader looks, and another while the file is parsed.
    moments = iter(["gnitrats", "starting"])

    def load(changing: Path) -> Policy:
        changing.write_text(text.replace('"starting"', f'"{next(moments)}"', 1))
        return LOAD(changing)

    monkeypatch.setattr(policy_file, "load", load)
    assert reader.load(path).name == "gnitrats"
    path.write_text(text)
    assert reader.load(path).name == "starting"


def test_a_policy_in_a_pipe_is_read_once(path: Path) -> None:
    """A shell passes the output of a command as such a file."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(path.read_bytes())
    try:
        assert PolicyReader().load(Path(f"/dev/fd/{reading}")).name == "starting"
    finally:
        os.close(reading)


def test_a_pipe_among_the_sets_of_indicators_is_not_opened(path: Path) -> None:
    folder = path.parent / "indicators"
    folder.mkdir()
    os.mkfifo(folder / "pipe.toml")
    reader = threading.Thread(target=PolicyReader().load, args=(path,), daemon=True)
    reader.start()
    reader.join(3)
    assert not reader.is_alive()
