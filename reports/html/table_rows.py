"""The rows of the tables of the page, as plain values; every text may come from outside."""

from dataclasses import dataclass

from reports.html.tone import Tone


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check of a run that did not pass.

    Args:
        check: the check's id.
        outcome: how the check ended.
        test: pytest's name of the test.
        message: why the check did not pass.
    """

    check: str
    outcome: str
    test: str
    message: str


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """The newest results of the checks of a category.

    Args:
        name: the category.
        passed: the number of checks that passed.
        total: the number of checks.
        seconds: how long the checks took; None where the record does not say.
        ended: when the newest of them ended.
        run: the ids of the runs.
        failed: the checks that did not pass; at most as many as the page shows.
    """

    name: str
    passed: int
    total: int
    seconds: float | None
    ended: str
    run: str
    failed: tuple[FailedCheck, ...]


@dataclass(frozen=True, slots=True)
class Latencies:
    """The response times of one phase of a load run.

    Args:
        phase: the name of the phase.
        users: the largest number of users.
        done: requests with a correct answer.
        failed: requests with a wrong answer or without an answer.
        p50: seconds; None without samples.
        p95: seconds; None without samples.
        p99: seconds; None without samples.
    """

    phase: str
    users: int
    done: int
    failed: int
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class LoadRow:
    """The newest load run of a profile.

    Args:
        profile: the name of the profile.
        sentence: the run, its build and its time.
        problem: why the record is not complete; empty for a complete record.
        phases: the phases in their order.
    """

    profile: str
    sentence: str
    problem: str
    phases: tuple[Latencies, ...]


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many objectives or items are in a state."""

    state: str
    tone: Tone
    count: int


@dataclass(frozen=True, slots=True)
class GuideRow:
    """A section of the deployment guide.

    Args:
        guide: the number of the section.
        title: the title of the section.
        states: the number of its items by state.
        open_items: the items that are neither verified, signed nor overridden.
        failed_items: those of them that failed.
    """

    guide: str
    title: str
    states: tuple[StateCount, ...]
    open_items: tuple[str, ...]
    failed_items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """The coverage of the deployment guide.

    Args:
        problem: why the coverage is unknown; empty where the coverage is known.
        states: the number of all items by state.
        rows: the rows in the guide's order.
    """

    problem: str
    states: tuple[StateCount, ...] = ()
    rows: tuple[GuideRow, ...] = ()


@dataclass(frozen=True, slots=True)
class SignOffRow:
    """A sign-off or an override in the ledger.

    Args:
        tone: whether it counts.
        item: the item, or the objective of an override.
        stage: the stage.
        person: who signed.
        note: the reason.
        signed: when.
        until: the moment at which the sign-off expires.
        problem: why it does not count; empty where it counts.
    """

    tone: Tone
    item: str
    stage: str
    person: str
    note: str
    signed: str
    until: str
    problem: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """An entry of the ledger: when, about which target, what, and the id of the entry."""

    moment: str
    target: str
    event: str
    entry_id: str
