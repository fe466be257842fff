"""One question to the gate: gather, judge, write down."""

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from gates import __version__, ledger, places
from gates.errors import ConfigurationError, LedgerError
from gates.evidence import codec, judged_runs
from gates.evidence.collect import Question, gather
from gates.judging import decide as judge
from gates.model import Decision, Evidence, Move, Policy, PolicyFile, Stage, Target
from gates.policy import policy_file as policy
from gates.policy import target_file as target
from gates.policy import time_scale as scaling

SCHEMA = 1
MOST_SCALE = 60.0
SAME = 0.005


@dataclass(frozen=True, slots=True)
class Context:
    """Where a question is context: by which policy, of which target, with what written where.

    Args:
        policy: the policy, its live durations divided by the time scale.
        policy_file: where it is, for messages.
        policy_installed: whether it is the installed one.
        target: the target.
        out: the folder of generated files.
        runs: the folder of runs.
        time_scale: one second stands for so many; over 1 it is a rehearsal.
    """

    policy: Policy
    policy_file: str
    policy_installed: bool
    target: Target
    out: Path
    runs: Path
    time_scale: float

    def stage(self, name: str) -> Stage:
        """The stage of this name.

        Raises:
            UnknownNameError: no such stage.
        """
        return policy.stage_named(self.policy, name, self.policy_file)


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """What a command line says of a setting; None where it says nothing."""

    target: str
    policy: str | None = None
    targets: str | None = None
    runs: str | None = None
    out: str | None = None
    time_scale: float = 1.0


def open_context(options: ContextOptions) -> Context:
    """Read policy and target.

    Raises:
        ConfigurationError: one of them is wrong, or production is context at another time scale.
    """
    place = places.policy(options.policy)
    loaded = policy.load(place.path)
    chosen = target.load(options.target, places.targets(options.targets).path)
    scale = options.time_scale
    if not 1 <= scale <= MOST_SCALE:
        raise ConfigurationError(f"--time-scale: expected 1 to {MOST_SCALE:g}, got {scale:g}")
    if chosen.production and scale != 1:
        raise ConfigurationError(f"{chosen.name} is production: no --time-scale there")
    if chosen.policies and loaded.digest not in chosen.policies:
        raise ConfigurationError(
            f"the target file of {chosen.name} does not accept the policy {place.path}; review "
            f"the policy, then add its digest to [policy] accepted: sha256:{loaded.digest}"
        )
    out = places.out(options.out, Path("out")).path
    return Context(
        policy=scaling.scaled(loaded, scale),
        policy_file=str(place.path),
        policy_installed=place.path.resolve() == places.policy_installed().resolve(),
        target=chosen,
        out=out,
        runs=Path(options.runs) if options.runs else out / "runs",
        time_scale=scale,
    )


def decide(context: Context, stage: Stage) -> tuple[Decision, Evidence]:
    """Gather the evidence of now, and judge it."""
    at = time.time()
    written = ledger.read(context.out)
    contents = [(one.entry_id, one.content) for one in written.entries]
    question = Question(
        stage=stage, target=context.target, runs=context.runs, at=at,
        moves=lambda: moves(context, [content for _, content in contents]),
        lost=lambda runs, load_runs: judged_runs.lost(
            contents, context.target.name, runs, load_runs, context.runs
        ),
    )  # fmt: skip
    evidence = gather(question)
    decision = judge.judge(stage, evidence, datetime.fromtimestamp(at, UTC))
    policy_file = PolicyFile(context.policy_file, context.policy.digest, context.policy_installed)
    return replace(
        decision, time_scale=context.time_scale, policy=policy_file,
        warnings=ledger_warnings(context.out, written),
    ), evidence  # fmt: skip


def ledger_warnings(out: Path, written: ledger.Reading) -> tuple[str, ...]:
    """What is wrong with the ledger, for the person who reads a decision; empty for nothing."""
    if not written.problems:
        return ()
    more = f" (and {len(written.problems) - 1} more)" if len(written.problems) > 1 else ""
    warning = (
        f"the ledger {out / ledger.FILE} is damaged: {written.problems[0]}{more}; later entries "
        f"are still read; type: gates log --verify --out {shlex.quote(str(out))}"
    )
    return (warning,)


def moves(context: Context, entries: Sequence[Mapping[str, Any]]) -> tuple[Move, ...]:
    """The shares the ramp command gave the target, as the ledger has them; no rehearsal's."""
    found: list[Move] = []
    for one in entries:
        if one.get("target") != context.target.name:
            continue
        if one.get("event") == "began" or one.get("kind") == "rollback":
            found = []
        elif one.get("time_scale") == context.time_scale and one.get("kind") == "move":
            at: Any = one.get("at")
            share: Any = one.get("share")
            if not (_is_number(at) and _is_number(share)):
                return ()
            if found and abs(found[-1].share - share) <= SAME:
                found.pop()  # tried again: only from the last on is it known to be so
            found.append(Move(float(at), float(share)))
    return tuple(found)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - of a ledger
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def record(
    context: Context, stage: Stage, decision: Decision, evidence: Evidence
) -> dict[str, Any]:
    """Keep the evidence and append the decision; the document with its id.

    Raises:
        LedgerError: it could not be written, so there is no decision.
    """
    from reports import document

    rests_on = {
        "schema": SCHEMA,
        "stage": codec.to_json(stage),
        "at": decision.at.isoformat(),
        "time_scale": decision.time_scale,
        "evidence": codec.to_json(evidence),
    }
    digest = ledger.keep(context.out, json.dumps(rests_on).encode())
    content = document.of_decision(decision, policy_digest=context.policy.digest, tool=__version__)
    runs = judged_runs.of_decision(decision, evidence)
    content = {"kind": "decision", **content, "evidence": digest, "runs": runs}
    return {**content, "id": ledger.append(context.out, content)}


def judge_again(out: Path, digest: str) -> tuple[Stage, Evidence, Decision]:
    """Judge kept evidence once more.

    Raises:
        LedgerError: it is gone, was changed, or is none.
    """
    raw = ledger.kept(out, digest)
    try:
        content = json.loads(raw)
        stage = codec.from_json(Stage, content["stage"])
        evidence = codec.from_json(Evidence, content["evidence"])
        at = datetime.fromisoformat(content["at"])
        decision = judge.judge(stage, evidence, at)
        return stage, evidence, replace(decision, time_scale=float(content["time_scale"]))
    except (
        ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError,
    ) as error:  # fmt: skip
        raise LedgerError(f"evidence {digest[:12]} is of another shape: {error}"[:300]) from error
