"""The rows of the tables of the page, as plain values; every text may come from outside."""

from dataclasses import dataclass

from reports.html.tone import Tone


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check of a run that did not pass.

    Args:
        check: the check's id.
        outcome: the result of the check, such as ``failed``.
        test: the name that pytest gives the test.
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
        name: the name of the category.
        passed: the number of checks that passed.
        total: the number of checks.
        seconds: the duration of all checks; None where the run records have no durations.
        ended: the time at which the newest check ended.
        run: the ids of the runs, separated by commas.
        failed: the checks that did not pass; a limited number of them.
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
        users: the largest number of users in the phase.
        done: the number of requests with a correct response.
        failed: the number of requests with a wrong response or without a response.
        p50: the median response time, seconds; None without samples.
        p95: the 95th percentile, seconds; None without samples.
        p99: the 99th percentile, seconds; None without samples.
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
        sentence: a sentence with the run, its build and its time.
        problem: why the run record is not complete; empty for a complete record.
        phases: the phases of the profile, in their order.
    """

    profile: str
    sentence: str
    problem: str
    phases: tuple[Latencies, ...]


@dataclass(frozen=True, slots=True)
class StateCount:
    """The number of the guide's items that are in one state."""

    state: str
    tone: Tone
    count: int


@dataclass(frozen=True, slots=True)
class GuideRow:
    """A section of the deployment guide.

    Args:
        guide: the number of the section.
        title: the title of the section.
        states: the number of the section's items in each state.
        open_items: the items that are open, expired or failed.
        failed_items: the items that failed.
    """

    guide: str
    title: str
    states: tuple[StateCount, ...]
    open_items: tuple[str, ...]
    failed_items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """The state of the deployment guide's items.

    Args:
        problem: why the state is unknown; empty where the state is known.
        states: the number of all items in each state.
        rows: the sections of the guide, in the guide's order.
    """

    problem: str
    states: tuple[StateCount, ...] = ()
    rows: tuple[GuideRow, ...] = ()


@dataclass(frozen=True, slots=True)
class SignOffRow:
    """A sign-off or an override in the ledger.

    Args:
        tone: whether the sign-off counts: good news where it does.
        item: the item that was signed, or the objective that was overridden.
        stage: the stage of the policy.
        person: the person who signed.
        note: the person's reason.
        signed: the time of the sign-off.
        until: the time at which the sign-off expires.
        problem: why the sign-off does not count; empty where it counts.
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
    """An entry of the ledger: its time, target, event and id."""

    moment: str
    target: str
    event: str
    entry_id: str
