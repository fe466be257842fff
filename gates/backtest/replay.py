"""Replays a recording as if the ramp were live, with the judge of ``gates check`` and ``watch``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gates.backtest.recorded_evidence import SLOTS, JudgedGroup, RecordedEvidence
from gates.backtest.recording import Recording
from gates.errors import ConfigurationError
from gates.judging.decide import worst_outcome
from gates.judging.live.live_judge import LiveJudge
from gates.judging.live.queries import LivePlan
from gates.judging.not_counted.advisories import with_trials
from gates.judging.not_counted.overrides import objective_name
from gates.model import Finding, Move, Outcome, Policy, Scrape, Stage, Verdict, is_same_share

if TYPE_CHECKING:
    from collections.abc import Sequence

# The replay judges a stop again after this time where the evidence does not confirm the stop.
AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The decision at the end of a ramp step.

    Args:
        weight: green's share of the traffic in the step, from 0 to 1.
        t: the end of the step, in seconds of the recording.
        decision: the decision; the ramp goes on only after GO.
        reason: the reason of the decision.
        findings: the findings of the decision; empty for a step that was too short to be judged.
    """

    weight: float
    t: float
    decision: Outcome
    reason: str
    findings: tuple[Finding, ...] = ()


@dataclass(slots=True)
class TrialResult:
    """What an advisory objective would have done in a replay if its findings counted.

    Args:
        stopped_at: when the objective would first have stopped the ramp, in seconds of the
            recording; None for never.
        holds: the number of steps at whose end the objective would have held the ramp.
        passes: the number of steps at whose end the objective passed.
    """

    stopped_at: float | None = None
    holds: int = 0
    passes: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of the replay of a recording.

    Args:
        stopped_at: when a judge stops the ramp, in seconds of the recording; None where no judge
            stops the ramp.
        decision: NO_GO or ROLLBACK where a judge stops the ramp; HOLD where a step was held; else
            GO.
        reason: the reason of the decision.
        steps: the decision at the end of each step, up to the stop.
        left_out: the names of the objectives for which the recording has no evidence.
        findings: the findings at the stop; empty where no judge stops the ramp.
        trials: the effects of the advisory objectives up to the stop, by the objective's name.
    """

    stopped_at: float | None
    decision: Outcome
    reason: str
    steps: tuple[StepEnd, ...]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    trials: Mapping[str, TrialResult] = field(default_factory=dict)


def replay(recording: Recording, policy: Policy, today: datetime | None = None) -> Replay:
    """Judge a recorded ramp as if the ramp were live.

    After each scrape, check whether a live judge stops the ramp. At the end of each step, and where
    a live judge stops the ramp, decide as ``gates check`` decides. Each decision uses the samples
    up to its own moment only.

    Args:
        recording: the recording of the ramp.
        policy: the policy. Its advisory objectives are judged, and do not count.
        today: a trial of an advisory objective that ended by this moment (UTC) is over; with
            None, every trial counts as still running.

    Returns:
        The decisions at the ends of the steps, and the moment of the stop.

    Raises:
        ConfigurationError: the policy's first ramp step has no objective of the kind ``share``, or
            none of the kind ``comparison``.
    """
    return _ReplayState(recording, policy, today or datetime.min.replace(tzinfo=UTC)).run()


class _ReplayState:
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
        age = plan.objectives[0].max_sample_age.total_seconds()
        self._groups = [
            JudgedGroup(LiveJudge(objectives, SLOTS, age)) for objectives in plan.groups()
        ]
        self._evidence = RecordedEvidence(recording, plan, self._groups)
        self._steps: list[StepEnd] = []
        self._moves: list[Move] = []
        self._looked_at: float | None = None
        # The plan gives each advisory objective a judge of its own.
        self._trial_judges = [
            group.judge
            for group in self._groups
            if any(self._is_on_trial(member.objective.name) for member in group.judge.judges)
        ]

    def run(self) -> Replay:
        """Judge the whole recording."""
        step: Move | None = None
        for event in self._recording.events:
            if isinstance(event, Move):
                if step is not None and is_same_share(event.share, step.share):
                    continue  # the recording repeats the share
                if step is not None and (ended := self._end_of(step, event.at)):
                    return ended
                step = event if event.share > 0 else None
                self._moved(event)
                continue
            self._scraped(event)
            if step is not None and (stopped := self._stopped(step, event.at)):
                return stopped
        if step is not None and (ended := self._last(step)):
            return ended
        return self._result(None)

    def _moved(self, move: Move) -> None:
        self._moves.append(move)
        for group in self._groups:
            if move.share > 0 or group.judge.moves:
                group.judge.move(move)

    def _scraped(self, event: Scrape) -> None:
        """Give the scrape to every judge, and store the first problem of each judge."""
        for group in self._groups:
            try:
                group.judge.add_scrape(event)
            except ValueError as error:
                if event.slot in group.judge.needs:
                    group.problem = group.problem or str(error)

    def _last(self, step: Move) -> Replay | None:
        """Judge the last step if the recording covers the step's bake time; else add a hold."""
        bake = self._plan.share.bake.total_seconds()
        age = self._plan.share.max_sample_age.total_seconds()
        last = self._recording.events[-1].at
        if last < step.at + bake - age:
            reason = (
                f"the recording ends {last - step.at:.0f} s after the step began; the bake time is "
                f"{bake:.0f} s; record the whole step"
            )
            self._steps.append(StepEnd(step.share, last, Outcome.HOLD, reason))
            return None
        return self._end_of(step, max(last, step.at + bake))

    def _stopped(self, step: Move, at: float) -> Replay | None:
        """Return the result where a judge stops the ramp and the evidence confirms the stop."""
        for judge in self._trial_judges:
            if judge.stopped is not None:
                self._note_stop(judge.judges[0].objective.name, at)
        judges = (group.judge for group in self._groups)
        if not any(judge.stopped for judge in judges if judge not in self._trial_judges):
            return None
        if self._looked_at is not None and at - self._looked_at < AGAIN_SECONDS:
            return None
        self._looked_at = at
        findings = self._findings(self._stage(step), at)
        failed = [
            finding for finding in findings if finding.verdict is Verdict.FAIL and finding.counts
        ]
        return self._result(at, worst_outcome(failed), failed) if failed else None

    def _findings(self, stage: Stage, at: float) -> list[Finding]:
        """The findings at a moment; the findings of advisory objectives are marked."""
        findings = self._evidence.findings(stage, self._moves, at)
        return with_trials(findings, stage, self._today)

    def _is_on_trial(self, name: str) -> bool:
        trial = self._stages[0].advisories.get(name)
        return trial is not None and not trial.is_over(self._today)

    def _note_stop(self, name: str, at: float) -> None:
        """Note when an advisory objective would first have stopped the ramp."""
        trial = self._trials.setdefault(name, TrialResult())
        trial.stopped_at = at if trial.stopped_at is None else trial.stopped_at

    def _note_step(self, findings: "Sequence[Finding]", at: float) -> None:
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

    def _stage(self, step: Move) -> Stage:
        """The stage with the share of a step; the first ramp stage where no stage has the share."""
        return next(
            (
                stage
                for stage in self._stages
                if stage.share and is_same_share(stage.share, step.share)
            ),
            self._stages[0],
        )

    def _end_of(self, step: Move, at: float) -> Replay | None:
        """Decide whether the ramp goes on; return a result where the ramp stops."""
        if at - step.at < self._plan.share.bake.total_seconds() - 1:
            reason = (
                f"the step took {at - step.at:.0f} s, which is less than the bake time of "
                f"{self._plan.share.bake.total_seconds():.0f} s"
            )
            self._steps.append(StepEnd(step.share, at, Outcome.HOLD, reason))
            return None
        findings = self._findings(self._stage(step), at)
        self._note_step(findings, at)
        decision = worst_outcome(findings)
        self._steps.append(StepEnd(step.share, at, *decision, tuple(findings)))
        if decision[0] in (Outcome.NO_GO, Outcome.ROLLBACK):
            return self._result(at, decision, findings)
        return None

    def _result(
        self,
        stopped_at: float | None,
        decision: tuple[Outcome, str] | None = None,
        findings: "Sequence[Finding]" = (),
    ) -> Replay:
        if decision is None:
            holds = [step for step in self._steps if step.decision is not Outcome.GO]
            if holds:
                decision = (
                    holds[0].decision,
                    f"with {100 * holds[0].weight:g} % of the traffic on green: {holds[0].reason}",
                )
            elif self._steps:
                decision = Outcome.GO, f"all {len(self._steps)} steps ended with the decision GO"
            else:
                decision = Outcome.HOLD, "the recording has no ramp step: green got no traffic"
        left_out = tuple(self._evidence.left_out)
        steps = tuple(self._steps)
        return Replay(stopped_at, *decision, steps, left_out, tuple(findings), self._trials)
