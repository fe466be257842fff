"""Reads the objectives about runs, builds, rollbacks, sign-offs, and ratios of one window."""

from datetime import UTC, datetime, time, timedelta

from gates.model import (
    Advisory,
    BuildIndicator,
    ChecksObjective,
    ComparisonObjective,
    ListedChecksObjective,
    LiveBuildObjective,
    LoadObjective,
    NoFailedChecksObjective,
    Objective,
    Outcome,
    Part,
    RatioObjective,
    RollbackObjective,
    ServedBuildObjective,
    ShareObjective,
    SignOffObjective,
    TriggerObjective,
    WeightIndicator,
)
from gates.policy.definitions import Definitions
from gates.policy.toml_table import Table, one_of

# A sign-off that is older says nothing about the release of today.
MAX_AGE_OF_SIGN_OFF = timedelta(hours=48)
MAX_PEOPLE = 5
MAX_OWNER_CHARACTERS = 80


def advisory(table: Table) -> Advisory | None:
    """Return the owner and the end of an advisory objective's trial; None if not advisory."""
    if "advisory" not in table.left() or not table.flag("advisory"):
        return None
    owner = table.text("owner").strip()
    if len(owner) > MAX_OWNER_CHARACTERS or not owner.isprintable():
        expected = f"expected a name of at most {MAX_OWNER_CHARACTERS} printable characters"
        raise table.error("owner", f"{expected}, got {owner[:MAX_OWNER_CHARACTERS]!r}")
    last_day = table.day("expires")
    try:
        ended = datetime.combine(last_day, time(), UTC) + timedelta(days=1)
    except OverflowError:
        raise table.error("expires", f"{last_day} is too far away; write an earlier date") from None
    return Advisory(owner, ended)


def refuse_advisory(objective: Objective, table: Table) -> None:
    """Refuse ``advisory = true`` for an objective that must always count.

    Raises:
        ConfigurationError: the objective can roll back, or other findings depend on it.
    """
    can_roll_back = getattr(objective, "breach", Outcome.NO_GO) is Outcome.ROLLBACK
    match objective:
        case TriggerObjective():
            problem = "a rollback trigger cannot be"
        case _ if can_roll_back:
            problem = 'an objective with breach = "rollback" is a rollback trigger, and cannot be'
        case ComparisonObjective() if objective.rollback_over is not None:
            problem = "an objective with rollback_over can roll back, so it cannot be"
        case ServedBuildObjective() | LiveBuildObjective() | ShareObjective() | RollbackObjective():
            problem = "the other findings of a stage depend on this objective, so it cannot be"
        case _:
            return
    raise table.error("advisory", f"{problem} advisory; delete advisory, owner and expires")


def checks(name: str, table: Table, known: Definitions) -> ChecksObjective:
    """Read a ``checks`` objective: the checks of a check set have passed."""
    check_set = one_of(table, "checks", known.check_sets)
    objective = ChecksObjective(
        name=name,
        guide=table.text("guide"),
        checks=known.check_sets[check_set],
        limits=known.limits_digest,
        max_age=known.max_age(table),
        check_set=check_set,
        breach=_breach(table),
        collected=table.seconds("collected_seconds")
        if "collected_seconds" in table.left()
        else None,
        since_rollback=_since_rollback(table),
    )
    if objective.collected is not None and objective.collected > objective.max_age:
        raise table.error("collected_seconds", "expected a value of at most max_age_seconds")
    return objective


def no_failed_checks(name: str, table: Table, known: Definitions) -> NoFailedChecksObjective:
    """Read a ``no_failed_checks`` objective: no check of the set failed in a recent run."""
    return NoFailedChecksObjective(
        name=name,
        guide=table.text("guide"),
        checks=known.check_sets[one_of(table, "checks", known.check_sets)],
        limits=known.limits_digest,
        max_age=known.max_age(table),
        breach=_breach(table),
    )


def _breach(table: Table) -> Outcome:
    """The outcome that follows from a failed check: no_go where the policy states nothing."""
    if "breach" not in table.left():
        return Outcome.NO_GO
    return Outcome(one_of(table, "breach", [Outcome.NO_GO.value, Outcome.ROLLBACK.value]))


def listed_checks(name: str, table: Table, known: Definitions) -> ListedChecksObjective:
    """Read a ``listed_checks`` objective: every check that ran is in a check set of the policy."""
    return ListedChecksObjective(
        name=name,
        guide=table.text("guide"),
        known=frozenset(check for ids in known.check_sets.values() for check in ids),
        max_age=known.max_age(table),
    )


def _since_rollback(table: Table) -> bool:
    """Whether only the time since the last rollback counts."""
    return table.flag("since_rollback") if "since_rollback" in table.left() else False


def rollback(name: str, table: Table, known: Definitions) -> RollbackObjective:
    """Read a ``rollback`` objective: a rollback has moved all traffic to the target."""
    return RollbackObjective(name=name, guide=table.text("guide"), max_age=known.max_age(table))


def served_build(name: str, table: Table, _: Definitions) -> ServedBuildObjective:
    """Read a ``served_build`` objective: the target serves the expected build."""
    return ServedBuildObjective(name=name, guide=table.text("guide"))


def live_build(name: str, table: Table, known: Definitions) -> LiveBuildObjective:
    """Read a ``live_build`` objective: the samples come from the expected build."""
    return LiveBuildObjective(
        name=name,
        guide=table.text("guide"),
        indicator=known.indicator(table, BuildIndicator),
        processes=known.processes,
        window=known.window(table),
        max_sample_age=known.max_sample_age(table),
    )


def ratio(name: str, table: Table, known: Definitions) -> RatioObjective:
    """Read a ``ratio`` objective: a limit for the ratio of bad events, or of good events."""
    below = "below" in table.left()
    if below == ("above" in table.left()):
        raise table.error("below", "expected exactly one of the keys: below, above")
    direction = "below" if below else "above"
    limit = table.number(direction, 0, 1)
    if not 0 < limit < 1:
        raise table.error(direction, f"expected a ratio over 0 and under 1, got {limit:g}")
    indicator = known.events(table, Part.BAD if below else Part.GOOD)
    if not below and not indicator.good_reads:
        raise table.error(
            "indicator", f"{indicator.name} needs good_reads, the words that describe a good event"
        )
    return RatioObjective(
        name=name,
        guide=table.text("guide"),
        indicator=indicator,
        processes=known.processes,
        limit=limit,
        below=below,
        minimum_events=table.whole("minimum_events", 1, 10_000_000),
        window=known.window(table),
        max_sample_age=known.max_sample_age(table),
        since_rollback=_since_rollback(table),
    )


def share(name: str, table: Table, known: Definitions) -> ShareObjective:
    """Read a ``share`` objective: green had its traffic share for the whole bake time."""
    objective = ShareObjective(
        name=name,
        guide=table.text("guide"),
        indicator=known.indicator(table, WeightIndicator),
        share=1.0,
        bake=table.seconds("bake_seconds") if "bake_seconds" in table.left() else known.bake,
        longest=table.seconds("longest_seconds"),
        max_sample_age=known.max_sample_age(table),
    )
    if objective.max_sample_age >= objective.bake:
        raise table.error("max_sample_age_seconds", "expected a value less than bake_seconds")
    return objective


def load(name: str, table: Table, known: Definitions) -> LoadObjective:
    """Read a ``load`` objective: a load run has met the limits of its load profile."""
    profile = one_of(table, "profile", known.profiles)
    required, keys = known.profiles[profile], table.left()
    return LoadObjective(
        name=name,
        guide=table.text("guide"),
        profile=profile,
        at_least_users=table.whole("minimum_users", 1, 1_000_000) if "minimum_users" in keys else 1,
        at_least_seconds=table.number("minimum_seconds", 1, 86_400)
        if "minimum_seconds" in keys
        else 1.0,
        limits=required.limits,
        p95=required.p95,
        finds_knee=required.finds_knee,
        digest=known.limits_digest,
        max_age=known.max_age(table),
    )


def sign_off(name: str, table: Table, _: Definitions) -> SignOffObjective:
    """Read a ``sign_off`` objective: people have signed an item that no machine can verify."""
    keys = table.left()
    return SignOffObjective(
        name=name,
        guide=table.text("guide"),
        item=table.text("item"),
        reason=table.text("reason"),
        max_age=table.seconds("max_age_seconds")
        if "max_age_seconds" in keys
        else MAX_AGE_OF_SIGN_OFF,
        people=table.whole("people", 1, MAX_PEOPLE) if "people" in keys else 1,
    )
