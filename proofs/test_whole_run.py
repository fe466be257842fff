"""``make proof-suites``: a whole run leaves no credential, and shows its products for seconds."""

import pytest
import tests_path  # noqa: F401 - what lies in tests/support
from observed_run import ObservedRun, observe
from worlds import TestWorld

ALL = "smoke or integration or security"
# Each of these tests looks at what shoppers see, which needs products that shoppers see.
OF_VISIBILITY = {
    "test_autocomplete",
    "test_catalogue",
    "test_facets",
    "test_no_text_runs",
    "test_saved",
    "test_text",
}
# A look takes a second or two, that of saved searches waits for a cache; the machine may be busy.
MAX_SECONDS = 20.0


@pytest.fixture(scope="module")
def whole_run(world: TestWorld, tmp_path_factory: pytest.TempPathFactory) -> ObservedRun:
    return observe(world, tmp_path_factory.mktemp("whole"), "-m", ALL, "-n", "2")


def test_no_credential_is_in_any_file_of_a_run(whole_run: ObservedRun) -> None:
    assert len(whole_run.credentials) > 100
    assert len(whole_run.texts()) > 70
    assert whole_run.exposed() == []


def test_products_of_a_run_are_on_sale_for_seconds(whole_run: ObservedRun) -> None:
    assert whole_run.inserted() == {"unlisted"}
    assert set(whole_run.shown_seconds()) == OF_VISIBILITY
    assert max(whole_run.shown_seconds().values()) < MAX_SECONDS
