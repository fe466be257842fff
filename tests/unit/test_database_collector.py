"""The collector: which checks it makes, what it compares, and the record that it writes."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import bson
import pytest
from commands import ROOT, environment
from shop_data import MemoryShop, honest

from gates.errors import ConfigurationError
from gates.evidence.suite_runs import read_run
from gates.model import (
    LEFT_NOTHING,
    CheckOutcome,
    CheckResult,
    Measured,
    RunState,
    Sample,
    SampleSet,
    Series,
)
from gates.policy import policy_file, target_file
from gates.sources.prometheus import Prometheus
from suites.collector import __main__ as command
from suites.collector import acknowledged, collection, differences
from suites.collector.acknowledged import AcknowledgedIds, UnmeasuredError
from suites.database.invariants import INVARIANTS, ConfirmedViolations
from suites.database.view import View, Violation

NOW = datetime.now(UTC)
TARGET = target_file.load("green", ROOT / "targets")
LIMIT = 1000
PASSWORD = token_hex(8)


def view() -> View:
    """A view of an honest shop."""
    return View(MemoryShop(honest()), LIMIT)  # type: ignore[arg-type]


def test_acknowledged_orders_and_payments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text(
        '{"at": 1000.5, "order": "ord_1"}\n{"at": 1001, "payment": "pay_1"}\n{"at": 1002, "ord'
    )
    assert acknowledged.read(path) == AcknowledgedIds(
        {
            "orders": {"ord_1": datetime.fromtimestamp(1000.5, UTC)},
            "payments": {"pay_1": datetime.fromtimestamp(1001, UTC)},
        }
    )


@pytest.mark.parametrize("line", ["{", "[]", '{"at": 1}', '{"at": "x", "order": "o"}', "{}"])
def test_a_malformed_file_of_acknowledgements_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_text(f'{{"at": 1, "order": "ord_1"}}\n{line}\n')
    with pytest.raises(ConfigurationError, match="line 2 is malformed"):
        acknowledged.read(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        acknowledged.read(tmp_path / "none")


def test_an_acknowledged_order_that_is_not_stored_is_named() -> None:
    ids = AcknowledgedIds({"orders": {"ord_1": NOW, "ord_9": NOW}, "payments": {"pay_1": NOW}})
    messages = acknowledged.missing_documents(view(), ids)
    assert [message.splitlines() for message in messages] == [
        [
            f"1 of 2 acknowledged orders are not in the database: ord_9 of {NOW:%H:%M:%SZ}",
            '  again: db.orders.find({_id: {$in: ["ord_9"]}})',
        ]
    ]
    stored = acknowledged.of_ids({"ord_1", "ord_2"}, {"pay_1"})
    assert acknowledged.missing_documents(view(), stored) == []


def series(*values: float) -> Series:
    """A time series with a sample each five seconds."""
    samples = tuple(Sample(5.0 * number, value) for number, value in enumerate(values))
    return Series(labels={}, samples=samples)


@pytest.mark.parametrize(
    ("values", "increase"),
    [
        ((3, 5, 9), 6),
        ((3,), 0),
        ((), 0),
        ((5, 7, 1, 4), 6),
    ],
)
def test_the_increase_of_a_counter(values: tuple[float, ...], increase: float) -> None:
    assert acknowledged.increase(series(*values)) == increase


class Counting:
    """A collection with so many documents."""

    def __init__(self, count: int) -> None:
        self._count = count

    def count_documents(self, query: Mapping[str, object]) -> int:
        """How many documents of customers there are."""
        assert query["traffic"] == "customer"
        return self._count


def counters(monkeypatch: pytest.MonkeyPatch, answer: SampleSet) -> None:
    """Let Prometheus give this answer."""
    monkeypatch.setattr(Prometheus, "samples", lambda *_: answer)


def sample_set(*all_series: Series, problem: str = "") -> SampleSet:
    """An answer of Prometheus."""
    return SampleSet(
        query="q",
        source="http://prometheus",
        window=timedelta(seconds=60),
        evaluated_at=0.0,
        measured=Measured.ERROR if problem else Measured.OK,
        problem=problem,
        series=all_series,
    )


def test_fewer_documents_than_the_counters_counted_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counters(monkeypatch, sample_set(series(0, 4), series(10, 12)))
    shop = {"orders": Counting(6), "payments": Counting(5)}
    messages = acknowledged.too_few_documents(shop, TARGET, NOW)  # type: ignore[arg-type]
    assert len(messages) == 1
    assert messages[0].startswith("payments: the store acknowledged 6 documents since")
    assert messages[0].endswith("the database has only 5")


def test_counters_that_cannot_be_read_are_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    counters(monkeypatch, sample_set(problem="refused"))
    with pytest.raises(UnmeasuredError, match="refused"):
        acknowledged.too_few_documents({}, TARGET, NOW)  # type: ignore[arg-type]


def test_the_collector_makes_every_check_of_integrity_and_replication() -> None:
    assert {invariant.check for invariant in INVARIANTS.values()} < collection.CHECKS
    collection.refuse_unknown(collection.CHECKS, "check set all")
    with pytest.raises(ConfigurationError, match=r"check set x: .* the check smoke\.login;"):
        collection.refuse_unknown(["smoke.login"], "check set x")


def wrong_sum(difference: int) -> ConfirmedViolations:
    """A product whose stock is wrong, and a document without a difference."""
    return ConfirmedViolations(
        (
            Violation("products", "prd_1", None, "the stock is wrong", difference),
            Violation("orders", "ord_1", NOW, "the total is wrong"),
        ),
        frozenset(),
    )


def test_the_first_run_since_a_moment_says_how_wrong_sums_were(tmp_path: Path) -> None:
    assert differences.first_since(tmp_path, "green", NOW, "") is None
    for number, target in ((1, "green"), (2, "green"), (3, "blue")):
        folder = tmp_path / f"run-{number}"
        folder.mkdir()
        differences.write(folder, target, {"stock_balance": wrong_sum(number)}, "")
    broken = tmp_path / "run-4"
    broken.mkdir()
    (broken / differences.FILE).write_text('{"at": "')
    first = {"stock_balance": {"prd_1": 1}}
    assert differences.first_since(tmp_path, "green", NOW - timedelta(hours=1), "") == first
    assert differences.first_since(tmp_path, "blue", NOW - timedelta(hours=1), "") == {
        "stock_balance": {"prd_1": 3}
    }
    assert differences.first_since(tmp_path, "green", datetime.now(UTC), "") is None


TARGET_CHANGES = (
    ("http://127.0.0.1:5001", "http://127.0.0.1:9"),
    ('"../out/testbed/secrets.env"', '"secrets.env"'),
)


@pytest.fixture
def places(tmp_path: Path) -> tuple[str, ...]:
    """Options for a target whose store and database do not answer."""
    text = (ROOT / "targets" / "green.toml").read_text()
    for old, new in TARGET_CHANGES:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "green.toml").write_text(text)
    uri = f"mongodb://me:{PASSWORD}@127.0.0.1:9/shop?serverSelectionTimeoutMS=100"
    (tmp_path / "secrets.env").write_text(f"KIRANA_DATABASE_URI={uri}\n")
    policy = (ROOT / "policies" / "release.toml").read_text()
    sets = (
        'sound = ["platform.integrity.order_items", "platform.database.replication"]\n'
        'with_acknowledged = ["platform.integrity.orders_acknowledged"]\nother = ["smoke.login"]\n'
    )
    (tmp_path / "policy.toml").write_text(policy.replace("[check_sets]\n", f"[check_sets]\n{sets}"))
    return (
        "--target",
        "green",
        "--targets",
        str(tmp_path),
        "--policy",
        str(tmp_path / "policy.toml"),
        "--out",
        str(tmp_path / "out"),
    )


def collect(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """``python -m suites.collector …``."""
    return subprocess.run(
        [sys.executable, "-m", "suites.collector", *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def test_a_database_that_does_not_answer_is_an_error_in_a_sealed_record(
    places: tuple[str, ...], tmp_path: Path
) -> None:
    done = collect(*places, "--set", "sound")
    assert (done.returncode, done.stderr) == (0, "")
    run = read_run(tmp_path / "out" / "runs" / done.stdout.strip(), "")
    assert (run.state, run.problem, run.build) == (RunState.FINISHED, "", None)
    assert {result.check: result.outcome for result in run.results} == {
        "platform.integrity.order_items": CheckOutcome.ERROR,
        "platform.database.replication": CheckOutcome.ERROR,
        LEFT_NOTHING: CheckOutcome.PASSED,
    }
    assert "the database does not answer" in run.results[0].message
    text = (tmp_path / "out" / "runs" / run.run_id / "checks.jsonl").read_text()
    assert PASSWORD not in text
    assert json.loads(text.splitlines()[-1])["exit_code"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "nothing"), "no check set 'nothing'"),
        (("--set", "other"), "does not have the check smoke.login"),
        (("--set", "with_acknowledged"), "needs --orders FILE or --since TIME"),
        (("--set", "with_acknowledged", "--orders", "none.jsonl"), "none.jsonl: the file cannot"),
        (("--set", "sound", "--since", "2026-11-27T14:00:00"), "expected a time with a time zone"),
        (("--set", "sound", "--since", "now"), "expected a time such as"),
    ],
)
def test_a_wrong_option_is_refused_before_a_record_is_begun(
    places: tuple[str, ...], arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = collect(*places, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_collector_loads_neither_pytest_nor_an_http_library() -> None:
    code = (
        "import sys, suites.collector.__main__; "
        "print([name for name in ('pytest', 'requests', 'jsonschema', 'bcrypt') "
        "if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("address", ["mongodb://host:99999999/shop", "mongodb://u:{}/x@host/shop"])
def test_an_address_that_is_not_valid_is_an_error_of_each_check(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIRANA_DATABASE_URI", address.format(PASSWORD))
    target = target_file.load("green", ROOT / "targets")
    policy = policy_file.load(ROOT / "policies" / "release.toml")
    checks = ("platform.integrity.carts",)
    request = collection.Request(target, policy, checks, None, None, ROOT)
    results = [collected.result for collected in collection.collect(request).results]
    assert [result.outcome for result in results] == [CheckOutcome.ERROR]
    assert "database_uri is not a MongoDB address" in results[0].message
    assert PASSWORD not in results[0].message


def test_a_time_that_python_cannot_represent_is_read() -> None:
    raw = bson.encode({"at": bson.DatetimeMS(10**17)})
    with collection._client("mongodb://127.0.0.1:1/shop") as client:
        document = bson.decode(raw, client.codec_options)
    assert not isinstance(document["at"], datetime)


def test_differences_that_were_not_signed_are_no_basis(tmp_path: Path) -> None:
    key, since = token_hex(8), NOW - timedelta(hours=1)
    for name, own_key in (("r1", ""), ("r2", token_hex(8))):
        (tmp_path / name).mkdir()
        differences.write(tmp_path / name, "green", {"stock_balance": wrong_sum(7)}, own_key)
    assert differences.first_since(tmp_path, "green", since, key) is None
    (tmp_path / "r3").mkdir()
    differences.write(tmp_path / "r3", "green", {"stock_balance": wrong_sum(8)}, key)
    signed = differences.first_since(tmp_path, "green", since, key)
    assert signed == {"stock_balance": {"prd_1": 8}}
    changed = (tmp_path / "r3" / differences.FILE).read_text().replace('": 8}', '": 9}')
    (tmp_path / "r3" / differences.FILE).write_text(changed)
    assert differences.first_since(tmp_path, "green", since, key) is None


@pytest.mark.parametrize(
    "content",
    [
        '{"at": "2026-11-27T12:00:00", "target": "green", "sums": {}}',
        '{"at": "2100-11-27T12:00:00Z", "target": "green", "sums": {"stock_balance": {"p": "x"}}}',
        '{"at": "2100-11-27T12:00:00Z", "target": "green", "sums": []}',
        "[]",
        "{",
        "[" * 5000,
    ],
)
def test_malformed_differences_stop_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "r1").mkdir()
    (tmp_path / "r1" / differences.FILE).write_text(content)
    (tmp_path / "r2" / differences.FILE).mkdir(parents=True)
    assert differences.first_since(tmp_path, "green", NOW, "") is None


def test_no_part_of_a_secret_is_left_where_a_message_is_cut() -> None:
    target = target_file.load("green", ROOT / "targets")
    target = replace(target, secrets={"database_uri": PASSWORD})
    message = "x" * (command.MAX_MESSAGE - 4) + PASSWORD
    result = CheckResult("c", CheckOutcome.ERROR, NOW, message, "n")
    shown = command._without_secrets(collection.TimedResult(result, 0.0), target).result.message
    assert PASSWORD[:4] not in shown
    assert len(shown) <= command.MAX_MESSAGE
