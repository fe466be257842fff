"""A second store is set up by ``gates init``, passes ``gates doctor``, and goes through a ramp."""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import pytest
from commands import Done, run
from second_store import OPENAPI, SecondStore, second_store
from secured_prometheus import USER, Certificates, kept_texts, prometheus, web_config

from gates.model import Access
from gates.sources.http import get

pytestmark = pytest.mark.slow

WORD = "pass" + "word" * 2
VARIABLES = {"KIRANA_TEAS_LOGIN": f"{USER}:{WORD}"}
MAX_EDITED_LINES = 10
# The bake of ten minutes takes so many seconds.
SCALE = "30"
MAX_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Site:
    """The store, its Prometheus, and the folder in which a person sets the gate up."""

    folder: Path
    store: SecondStore
    prometheus: str
    access: Access

    def gates(self, *arguments: str) -> Done:
        """Run a command in a process of its own, as the person does."""
        places = ("--targets", str(self.folder / "targets"), "--policy", str(self.policy))
        return run("gates", *arguments, *places, variables=VARIABLES)

    @property
    def policy(self) -> Path:
        return self.folder / "policies" / "teas.toml"

    def init(self) -> Done:
        urls = self.store.urls
        return self.gates(
            "init",
            "--url",
            urls["canary"],
            "--prometheus",
            self.prometheus,
            "--baseline-url",
            urls["stable"],
            "--control",
            urls["control"],
            "--openapi",
            str(OPENAPI),
            "--target",
            "canary",
            "--baseline",
            "stable",
        )

    def ramp(self, out: str) -> Done:
        return self.gates(
            "ramp",
            "--target",
            "canary",
            "--baseline",
            "stable",
            "--out",
            str(self.folder / out),
            "--time-scale",
            SCALE,
            "--hold",
            "600s",
        )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    files = Certificates.write(tmp_path)
    access = Access(5.0, credentials=VARIABLES["KIRANA_TEAS_LOGIN"], ca_file=files.ca)
    web = web_config(files, WORD, with_client=False)
    with (
        second_store() as store,
        prometheus(tmp_path / "prometheus", web, store.scrapes(), access) as url,
    ):
        yield Site(tmp_path, store, url, access)


def edit(file: Path, ca_file: Path) -> int:
    """Log in by hand: take the comment signs away from two lines and a head; the edited lines."""
    before = file.read_text()
    text = before.replace("# [access.prometheus]", "[access.prometheus]")
    text = re.sub(r'# credentials = ".*', 'credentials = "KIRANA_TEAS_LOGIN"', text)
    text = re.sub(r"# ca_file = .*", f'ca_file = "{ca_file}"', text)
    file.write_text(text)
    changes = unified_diff(before.splitlines(), text.splitlines(), n=0, lineterm="")
    return sum(line.startswith("+") and not line.startswith("+++") for line in changes)


def wait_for_scrapes(site: Site) -> None:
    """Wait until both colours were scraped twice."""
    query = f"{site.prometheus}/api/v1/query?query=count(count_over_time(up[1m])>2)"
    until = time.monotonic() + MAX_WAIT_SECONDS
    while b',"2"]' not in get(query, site.access, max_bytes=10_000).body:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_a_second_store_is_set_up_and_ramped(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    first = site.init()
    assert first.code == 3, first.out + first.err
    assert "access.prometheus.ca_file" in first.out
    wait_for_scrapes(site)
    edited = edit(site.folder / "targets" / "canary.toml", site.folder / "ca.pem")
    second = site.init()
    assert second.code == 0, second.out + second.err
    assert "suite smoke: does not apply" in second.out
    assert "label 'track'; green is 'canary', blue is 'stable'" in second.out
    doctor = site.gates("doctor", "--target", "canary")
    assert doctor.code == 0, doctor.out + doctor.err
    up = site.ramp("go")
    assert up.code == 0, up.out + up.err
    assert site.store.weights == {"stable": 0.0, "canary": 1.0}
    site.store.weights.update(stable=1.0, canary=0.0)
    site.store.colours["canary"].failing = 0.2
    down = site.ramp("back")
    assert down.code == 4, down.out + down.err
    assert site.store.weights == {"stable": 1.0, "canary": 0.0}
    with capsys.disabled():
        sys.stdout.write(f"\nlines edited by hand: {edited} (at most {MAX_EDITED_LINES})\n")
    assert edited <= MAX_EDITED_LINES
    folders = ("targets", "policies", "go", "back")
    texts = [text for name in folders for text in kept_texts(site.folder / name)]
    texts += [text for done in (first, second, doctor, up, down) for text in (done.out, done.err)]
    assert len(texts) > 20
    assert [text for text in texts if any(secret in text for secret in site.access.secrets)] == []
