"""What a person reads when a check fails."""

import re
from pathlib import Path

import pytest
from thorough import THOROUGH
from worlds import TestWorld, recorded, run

MOST_LINES = 15
LIBRARIES = ("urllib3", "site-packages/requests", "site-packages/pymongo", "http/client")


def block(out: str, check: str) -> list[str]:
    """The lines of one failure, from its heading to the next part of the output."""
    text = re.split(rf"^{re.escape(check)}: ", out, flags=re.MULTILINE)[1]
    end = re.search(r"^(_{3}|={3}|-{3}|left behind)", text, re.MULTILINE)
    assert end is not None
    return f"{check}: {text[: end.start()]}".rstrip().splitlines()


def parts(lines: list[str]) -> dict[str, str]:
    """The labelled lines of a block."""
    return dict(re.findall(r"^  (\w+): (.*)$", "\n".join(lines), re.MULTILINE))


@pytest.mark.parametrize("workers", [(), ("-n", "2")] if THOROUGH else [()])
def test_a_failure_is_short_and_names_check_expectation_and_exchange(
    world: TestWorld, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    chosen = [
        part for name in ("cart", "order", "payment") for part in ("--check", f"smoke.{name}")
    ]
    with world.fault("orders.http_500"), world.fault("cart.whole_rupees"):
        done = world.pytest(tmp_path, "-q", *chosen, *workers)
    assert done.code == 1
    assert [name for name in LIBRARIES if name in done.out] == []
    for check in ("smoke.cart", "smoke.order", "smoke.payment"):
        assert len(block(done.out, check)) + 1 <= MOST_LINES
        assert re.search(rf"^(FAILED|ERROR) {check} suites/smoke/", done.out, re.MULTILINE)
    order = parts(block(done.out, "smoke.order"))
    expected = "place_order responds with status 201, and the body has the documented shape"
    assert order["expected"] == expected
    assert order["seen"].startswith("status 500; status 500 is not documented")
    assert order["exchange"].startswith("POST /api/orders got status 500 in 0.")
    assert order["again"].startswith('curl -i -X POST -H "Authorization: Bearer $TOKEN"')
    assert order["at"].startswith("suites/smoke/test_shopping.py:")
    cart = parts(block(done.out, "smoke.cart"))
    assert cart["expected"].startswith("assert lines == [(product.product_id, product.name, 2")
    assert re.search(r"12300.*12345", cart["seen"])
    assert cart["exchange"].startswith("DELETE /api/cart got status 204 in 0.")
    assert cart["again"].endswith("/api/cart")
    assert "in order (" in parts(block(done.out, "smoke.payment"))["at"]
    assert recorded(tmp_path)["smoke.payment"] == "failed"


@pytest.mark.slow  # proof-suites runs it
def test_no_answer_shows_no_frame_of_a_library_and_a_traceback_on_request(
    world: TestWorld, tmp_path: Path
) -> None:
    with world.fault("search.slow"):
        done = world.pytest(tmp_path / "a", "-q", "--check", "smoke.search")
        long = world.pytest(tmp_path / "b", "-q", "--check", "smoke.search", "--tb=long")
    assert (done.code, long.code) == (1, 1)
    assert [name for name in LIBRARIES if name in done.out + long.out] == []
    printed_parts = parts(block(done.out, "smoke.search"))
    assert printed_parts["seen"].startswith("no answer within 3.")
    assert printed_parts["exchange"].startswith("GET /api/search?q=")
    assert '"""The best-selling product' in long.out or "def test_search(" in long.out


MODULE = """
import pytest
from suites.pytest_plugin.marks import check

@check("smoke.login", needs="auth")
def test_secret(target):
    assert target.secrets["webhook_key"] == "the secret"

@check("smoke.health", needs="auth")
def test_long():
    pytest.fail("\\n".join(f"line {number}" for number in range(40)), pytrace=False)

@check("smoke.cart", needs="auth")
def test_long_comparison():
    assert list(range(1000)) == list(range(1, 1001))

@check("smoke.order", needs="auth")
def test_long_error():
    raise RuntimeError("\\n".join(f"{number} " * 1000 for number in range(40)))
"""


def test_long_messages_are_cut_and_secrets_are_masked(world: TestWorld, tmp_path: Path) -> None:
    module = tmp_path / "test_bad.py"
    module.write_text(MODULE)
    done = world.pytest(tmp_path / "out", "-q", f"--rootdir={tmp_path}", str(module), CI="1")
    assert done.code == 1, done.out
    assert world.state["environment"]["KIRANA_WEBHOOK_KEY"] not in done.out
    for check in ("login", "health", "cart", "order"):
        lines = block(done.out, f"smoke.{check}")
        assert len(lines) + 1 <= MOST_LINES
        assert max(map(len, lines)) < 400
    assert parts(block(done.out, "smoke.login"))["exchange"] == "none before the failure"


@pytest.mark.parametrize("chosen", [("-m", "smoke"), ("--check", "smoke.login")])
@pytest.mark.slow  # proof-suites runs it
def test_outside_of_the_root_it_says_what_to_type(
    world: TestWorld, tmp_path: Path, chosen: tuple[str, str]
) -> None:
    done = run(
        "pytest",
        *chosen,
        "--target",
        "green",
        folder=tmp_path,
        variables={"KIRANA_TARGETS": str(world.targets)},
    )
    assert done.code == 5
    assert f"There are no checks in {tmp_path}. Type:  pytest --pyargs suites" in done.out
