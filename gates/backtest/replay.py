"""Replays a recording as if it were live, through the judge of ``gates check`` and ``watch``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gates.backtest.recording import Recording
from gates.errors import ConfigurationError
from gates.judging.advisories import with_trials
from gates.judging.answers import key
from gates.judging.conclusions import conclude, selectors
from gates.judging.decide import decided
from gates.judging.live.findings import FindingBasis
from gates.judging.live.findings import conclude as conclude_live
from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.queries import LivePlan
from gates.judging.overrides import objective_name
from gates.model import (
    Addresses,
    Build,
    Evidence,
    Finding,
    Measured,
    Move,
    Outcome,
    Policy,
    RatioObjective,
    SampleSet,
    Scrape,
    ServedBuild,
    Stage,
    Target,
    Verdict,
    is_same_share,
)

ALWAYS = 3
SLOTS = ("green", "blue")


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The decision at the end of a step.

    Args:
        weight: green's share, 0 to 1.
        t: the end of the step, seconds of the recording.
        decision: whether the ramp goes on.
        reason: the reason of the decision.
    """

    weight: float
    t: float
    decision: Outcome
    reason: str


@dataclass(slots=True)
class TrialResult:
    """What an advisory objective would have done in the replay of a recording, if it counted.

    Args:
        stopped_at: when it would first have stopped the ramp, seconds; None for never.
        holds: the steps at whose end it would have held the ramp.
        passes: the steps at whose end it passed.
    """

    stopped_at: float | None = None
    holds: int = 0
    passes: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of the replay of a recording.

    Args:
        stopped_at: when a judge stops the ramp, seconds; None where no judge stops the ramp.
        decision: a stop, a hold at some step, or go.
        reason: the reason of the decision.
        steps: the decision at the end of each step before the stop.
        left_out: objectives for which recordings, or this recording, have no evidence.
        trials: the advisory objectives that were judged, by name; until the ramp stops.
    """

    stopped_at: float | None
    decision: Outcome
    reason: str
    steps: tuple[StepEnd, ...]
    left_out: tuple[str, ...]
    trials: Mapping[str, TrialResult] = field(default_factory=dict)


def replay(recording: Recording, policy: Policy, today: datetime | None = None) -> Replay:
    """Judge a recording as if it were live.

    After each scrape, check whether a judge stops the ramp. At the end of each step, decide whether
    the ramp goes on.

    Args:
        recording: the recording.
        policy: the policy; its advisory objectives are judged and do not count.
        today: the moment for which a trial may have ended, UTC; None where no trial has ended.

    Raises:
        ConfigurationError: the first step of the ramp has no share or no comparison objective.
    """
    return _Replayed(recording, policy, today or datetime.min.replace(tzinfo=UTC)).run()


class _Replayed:
    """The state of one replay."""

    def __init__(self, recording: Recording, policy: Policy, today: datetime) -> None:
        self._recording = recording
        self._stages = policy.steps
        self._today = today
        self._trials: dict[str, TrialResult] = {}
        plan = LivePlan.of(self._stages[0])
        if plan is None:
            raise ConfigurationError(
                "the first step of the ramp needs an objective of the kind `share` and an "
                "objective of the kind `comparison`; add both to `objectives` of [ramp]"
            )
        self._plan = plan
        self._lives = [
            LiveJudge(group, SLOTS, plan.objectives[0].max_sample_age.total_seconds())
            for group in plan.groups()
        ]
        self._steps: list[StepEnd] = []
        self._blind: dict[int, str] = {}
        self._left_out: dict[str, None] = {}
        # The plan gives each advisory objective a judge of its own.
        self._trial_lives = [
            live
            for live in self._lives
            if any(self._is_on_trial(judge.objective.name) for judge in live.judges)
        ]

    def run(self) -> Replay:
        """Judge the whole recording."""
        step: Move | None = None
        for event in self._recording.events:
            if isinstance(event, Move):
                if step is not None and is_same_share(event.share, step.share):
                    continue  # said again
                if step is not None and (ended := self._end_of(step, event.at)):
                    return ended
                step = event if event.share > 0 else None
                for live in self._lives:
                    live.move(event) if event.share > 0 or live.moves else None
                continue
            self._scraped(event)
            if step is not None and (stopped := self._stopped(event.at)):
                return stopped
        if step is not None and (ended := self._last(step)):
            return ended
        return self._result(None)

    def _scraped(self, event: Scrape) -> None:
        """Feed every judge; keep the problem of a judge that cannot read the scrape."""
        for number, live in enumerate(self._lives):
            try:
                live.scraped(event)
            except ValueError as error:
                if event.slot in live.needs:
                    self._blind[number] = str(error)

    def _last(self, step: Move) -> Replay | None:
        """The end of the last step, where the recording reaches it."""
        bake = self._plan.share.bake.total_seconds()
        age = self._plan.share.max_sample_age.total_seconds()
        last = self._recording.events[-1].at
        if last < step.at + bake - age:
            reason = (
                f"the recording ends {last - step.at:.0f} s after the step began; the bake time is "
                f"{bake:.0f} s"
            )
            self._steps.append(StepEnd(step.share, last, Outcome.HOLD, reason))
            return None
        return self._end_of(step, max(last, step.at + bake))

    def _stopped(self, at: float) -> Replay | None:
        for live in self._trial_lives:
            if live.stopped is not None:
                self._note_stop(live.judges[0].objective.name, at)
        if all(live.stopped is None for live in self._lives if live not in self._trial_lives):
            return None
        findings = [
            finding
            for finding in self._live_findings(at)
            if finding.verdict is Verdict.FAIL and finding.counts
        ]
        return self._result(at, decided(findings))

    def _is_on_trial(self, name: str) -> bool:
        trial = self._stages[0].advisories.get(name)
        return trial is not None and not trial.is_over(self._today)

    def _note_stop(self, name: str, at: float) -> None:
        """Note when an advisory objective would first have stopped the ramp."""
        trial = self._trials.setdefault(name, TrialResult())
        trial.stopped_at = at if trial.stopped_at is None else trial.stopped_at

    def _note_step(self, findings: list[Finding], at: float) -> None:
        """Note what each advisory objective would have done at the end of a step."""
        verdicts: dict[str, list[Verdict]] = {}
        for finding in findings:
            if finding.advisory is not None:
                verdicts.setdefault(objective_name(finding), []).append(finding.verdict)
        for name, known in verdicts.items():
            trial = self._trials.setdefault(name, TrialResult())
            if Verdict.FAIL in known:
                self._note_stop(name, at)
            trial.holds += Verdict.FAIL not in known and Verdict.INCONCLUSIVE in known
            trial.passes += set(known) == {Verdict.PASS}

    def _live_findings(self, at: float) -> list[Finding]:
        findings: list[Finding] = []
        for number, live in enumerate(self._lives):
            blind = live.blindness(at)
            if number in self._blind:
                blind = Measured.ERROR, self._blind[number]
            findings.extend(conclude_live(live, at, blind, FindingBasis({}, {})))
        return with_trials(findings, self._stages[0], self._today)

    def _end_of(self, step: Move, at: float) -> Replay | None:
        """Decide whether the ramp goes on; return a result where the ramp stops."""
        stage = next(
            (
                stage
                for stage in self._stages
                if stage.share and is_same_share(stage.share, step.share)
            ),
            self._stages[0],
        )
        others = with_trials(self._others(stage, at), stage, self._today)
        findings = self._live_findings(at) + others
        self._note_step(findings, at)
        if at - step.at < self._plan.share.bake.total_seconds() - 1:
            reason = f"the step took {at - step.at:.0f} s, less than its bake time"
            self._steps.append(StepEnd(step.share, at, Outcome.HOLD, reason))
            return None
        decision = decided(findings)
        self._steps.append(StepEnd(step.share, at, *decision))
        if decision[0] in (Outcome.NO_GO, Outcome.ROLLBACK):
            return self._result(at, decision)
        return None

    def _others(self, stage: Stage, at: float) -> list[Finding]:
        """The findings of the ratio objectives whose series the recording has."""
        findings: list[Finding] = []
        now = datetime.fromtimestamp(at, UTC)
        live = set(self._plan.objectives)
        for objective in stage.objectives:
            if objective in live:
                continue
            if not isinstance(objective, RatioObjective):
                self._left_out[objective.name] = None
                continue
            wanted = selectors(objective, TARGET)
            answers = {key(*query): self._answer(query, at) for query in wanted}
            if any(
                answer.measured is not Measured.OK for answer in list(answers.values())[:ALWAYS]
            ):
                self._left_out[objective.name] = None
                continue
            findings.extend(conclude(objective, evidence_of(answers), now))
        return findings

    def _answer(self, wanted: tuple[str, float], at: float) -> SampleSet:
        return self._recording.samples(wanted[0], timedelta(seconds=wanted[1]), at)

    def _result(
        self, stopped_at: float | None, decision: tuple[Outcome, str] | None = None
    ) -> Replay:
        if decision is None:
            holds = [one for one in self._steps if one.decision is not Outcome.GO]
            if holds:
                decision = holds[0].decision, f"at {100 * holds[0].weight:g} %: {holds[0].reason}"
            elif self._steps:
                decision = Outcome.GO, f"go at the end of all {len(self._steps)} steps"
            else:
                decision = Outcome.HOLD, "no step of a ramp in the recording"
        return Replay(
            stopped_at,
            decision[0],
            decision[1],
            tuple(self._steps),
            tuple(self._left_out),
            self._trials,
        )


def evidence_of(samples: dict[str, SampleSet]) -> Evidence:
    """Evidence that has only samples."""
    nobody = ServedBuild(Measured.NO_DATA, 0, None, "", "", "a recording serves nothing")
    return Evidence(target=TARGET, served=nobody, runs=(), samples=samples)


def _target() -> Target:
    """The green of a recording; no file says which build it should be."""
    nowhere = Addresses("", "", "", "", "", "", "", None)
    return Target(
        name="recording", digest="", description="a recording", deployment="green",
        production=False, expected=Build("", "", ""), schema_version=1, addresses=nowhere,
        patience_seconds=1, loopback_sources=False, log_files=(), suites=frozenset(),
        capabilities=frozenset(), slot="green", servers=("green",), instances=(),
        policies=frozenset(), unset=(), baseline_slot="blue", public_address="",
        shop="", router="", secrets={},
    )  # fmt: skip


TARGET = _target()
