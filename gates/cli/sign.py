"""``gates sign``: sign an item of a stage, or the override of an objective."""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from gates import ledger
from gates.cli.context import context_of
from gates.decisions import Context
from gates.exitcodes import ExitCode
from gates.judging import sign_off
from gates.judging.not_counted import overrides
from gates.judging.sign_off import StageSignOffs, moment_text
from gates.model import SignOffKind, SignOffObjective, SignOffRecord, Stage, Verdict
from gates.signing import identity, new_entry, signature
from gates.signing.ledger_records import sign_offs_of
from gates.signing.new_entry import SignOffRequest
from reports.terminal import printable


def sign(arguments: argparse.Namespace) -> int:
    """Run ``gates sign``: append a sign-off to the ledger; print the entry and the open items.

    Returns:
        The exit code, always 0.
    """
    context = context_of(arguments)
    stage = context.stage(arguments.stage)
    request = SignOffRequest(
        out=context.out,
        target=context.target,
        stage=stage,
        item=arguments.item,
        person=identity.person_of(arguments.by),
        note=arguments.note,
        lifetime=None if arguments.expires is None else timedelta(seconds=arguments.expires),
    )
    write = new_entry.sign_override if arguments.override else new_entry.sign
    record = write(request)
    for line in (*_signed(record), *_now_open(context, stage, record)):
        print(printable(line))
    sys.stdout.flush()
    return ExitCode.GO


def _signed(record: SignOffRecord) -> Iterator[str]:
    signed = record.sign_off
    kind = "the override of " if signed.kind is SignOffKind.OVERRIDE else ""
    yield (
        f"ledger entry {record.entry_id}: {record.signer} signed {kind}{signed.item} of stage "
        f"{signed.stage} for {signed.build}, until {moment_text(signed.expires_at)}"
    )
    yield f"  {signed.statement}"
    yield from (f"  {covered.verdict.value}: {covered.name}" for covered in signed.covers)


def _now_open(context: Context, stage: Stage, record: SignOffRecord) -> Iterator[str]:
    """Yield the items of the stage that people must still sign."""
    now, key = datetime.now(UTC), signature.configured_key()
    records = sign_offs_of(ledger.read(context.out), context.target.name, key)
    sign_offs = StageSignOffs(stage.name, context.target, records)
    signed = record.sign_off
    if signed.kind is SignOffKind.OVERRIDE:
        requirement = overrides.requirement_of(signed.item, sign_offs)
        people = sign_off.valid_by_person(sign_offs.concerning(requirement), requirement, now)
        missing = overrides.MIN_PEOPLE - len(people)
        if missing > 0:
            yield f"open: the override needs the sign-off of {missing} more person"
        else:
            yield f"the override is in force: gates check {stage.name} --target {signed.target}"
        return
    findings = [
        sign_off.conclude(objective, sign_offs, now)
        for objective in stage.objectives
        if isinstance(objective, SignOffObjective)
    ]
    still_open = [finding for finding in findings if finding.verdict is not Verdict.PASS]
    for finding in still_open:
        yield f"open: {finding.objective}: {finding.sentence}"
        yield f"  next: {finding.next_step}"
    if not still_open:
        yield f"no sign-off of stage {stage.name} is open any more"
