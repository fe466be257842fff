"""What a run of some checks leaves in files and on sale; ``make proof-suites`` has a whole run."""

import pytest
from observed_run import ObservedRun, observe
from worlds import TestWorld

CHECKS = ("security.auth.tokens", "smoke.login", "smoke.payment", "search.autocomplete")
MAX_SECONDS = 20.0

pytestmark = pytest.mark.slow  # proof-suites runs it


@pytest.fixture(scope="module")
def some_checks(world: TestWorld, tmp_path_factory: pytest.TempPathFactory) -> ObservedRun:
    chosen = [part for check in CHECKS for part in ("--check", check)]
    return observe(world, tmp_path_factory.mktemp("some"), *chosen)


def test_no_credential_is_in_any_file_of_a_run(some_checks: ObservedRun) -> None:
    assert len(some_checks.credentials) > 10
    assert len(some_checks.texts()) > 5
    assert some_checks.exposed() == []


def test_a_credential_in_a_file_is_found(some_checks: ObservedRun) -> None:
    leaked = some_checks.out / "leaked"
    leaked.write_text(f"token {min(some_checks.credentials)}")
    try:
        assert some_checks.exposed() == [min(some_checks.credentials)[:6]]
    finally:
        leaked.unlink()


def test_products_of_a_run_are_on_sale_for_seconds(some_checks: ObservedRun) -> None:
    assert some_checks.inserted() == {"unlisted"}
    assert set(some_checks.shown_seconds()) == {"test_autocomplete"}
    assert max(some_checks.shown_seconds().values()) < MAX_SECONDS
