"""Writes the state of each item of the guide (from the newest decisions), and the sign-offs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gates import places
from gates.coverage import guide_file, matrix
from gates.coverage.matrix import MatrixRow, MatrixSection
from gates.coverage.recorded_status import RecordedStates, states_of
from gates.errors import ConfigurationError
from gates.model import SignOffKind, SignOffRecord
from gates.release_report.report_input import ReportInput, moment_text
from gates.signing.ledger_records import sign_offs_of
from gates.signing.status import State, StatusBasis, status_of
from reports.html.table_rows import Guide, GuideRow, SignOffRow, StateCount
from reports.html.tone import Tone

MAX_SIGN_OFFS = 100
# The words of the states, best first; the last word is for an item that no objective decides.
UNDECIDED = "not decided by the gate"
TONES: Mapping[str, Tone] = {
    State.VERIFIED.value: Tone.GOOD,
    State.SIGNED.value: Tone.GOOD,
    State.OVERRIDDEN.value: Tone.WAIT,
    State.OPEN.value: Tone.WAIT,
    State.EXPIRED.value: Tone.WAIT,
    State.FAILED.value: Tone.BAD,
    State.ADVISORY.value: Tone.PLAIN,
    UNDECIDED: Tone.PLAIN,
}
OPEN = (State.OPEN.value, State.EXPIRED.value, State.FAILED.value)


def guide_of(source: ReportInput) -> Guide:
    """Count the items of the guide in each state, and list the open, expired and failed items.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    if source.target is None:
        return Guide(
            f"The state of the guide is unknown: {source.name or 'the target'} has no target file."
        )
    try:
        guide = matrix.build(guide_file.load(places.guide(None).path), source.policy)
    except ConfigurationError as error:
        return Guide(f"The file of the guide's items cannot be read: {error}")
    basis = StatusBasis(
        target=source.target,
        policy_digest=source.policy.digest,
        records=source.content.records,
        sign_offs=_sign_offs(source),
        now=source.now,
    )
    states = states_of(guide, [status_of(stage, basis) for stage in source.policy.stages])
    every = Counter(_state(row, states) for row in guide.rows)
    return Guide(
        "", _state_counts(every), tuple(_section(section, states) for section in guide.sections)
    )


def _sign_offs(source: ReportInput) -> tuple[SignOffRecord, ...]:
    return sign_offs_of(source.content, source.name, source.key)


def _state(row: MatrixRow, states: RecordedStates) -> str:
    state = states.get(row.item.name)
    return UNDECIDED if state is None else state.value


def _state_counts(counts: Counter[str]) -> tuple[StateCount, ...]:
    return tuple(StateCount(state, tone, counts[state]) for state, tone in TONES.items())


def _section(section: MatrixSection, states: RecordedStates) -> GuideRow:
    counts = Counter(_state(row, states) for row in section.rows)
    return GuideRow(
        section.section.guide,
        section.section.title,
        _state_counts(counts),
        tuple(_items(section.rows, states, OPEN)),
        tuple(_items(section.rows, states, (State.FAILED.value,))),
    )


def _items(
    rows: Iterable[MatrixRow], states: RecordedStates, shown_states: Sequence[str]
) -> Iterable[str]:
    """Yield the items whose state is in ``shown_states``, each with its state."""
    for row in rows:
        state = _state(row, states)
        if state in shown_states:
            yield f"{state}: {row.item.text}"


def sign_off_rows(source: ReportInput) -> tuple[SignOffRow, ...]:
    """Write the sign-offs and overrides of the target as rows, newest first.

    Args:
        source: the ledger, policy and target that the page is written from.
    """
    records = reversed(_sign_offs(source)[-MAX_SIGN_OFFS:])
    return tuple(_sign_off(record, source) for record in records)


def _sign_off(record: SignOffRecord, source: ReportInput) -> SignOffRow:
    signed = record.sign_off
    problem = record.problem or ("has expired" if signed.expires_at <= source.now else "")
    kind = "override of " if signed.kind is SignOffKind.OVERRIDE else ""
    return SignOffRow(
        tone=Tone.WAIT if problem else Tone.GOOD,
        item=f"{kind}{signed.item}",
        stage=signed.stage,
        person=record.signer,
        note=signed.note,
        signed=moment_text(signed.at),
        until=moment_text(signed.expires_at),
        problem=problem,
    )
