"""Compares what ``gates backtest`` and ``gates check`` conclude from the same samples."""

import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_of_recording import prometheus_of

from gates.backtest.recording import Recording
from gates.backtest.replay import Replay, replay
from gates.model import Finding, Policy, is_same_share

# A moment is a second of the recording, or a time of the day.
MOMENT = re.compile(r"second -?\d+|\d\d:\d\d:\d\d UTC")
# Whether a scrape of just a minute ago is in the last minute depends on how a moment is rounded.
MINUTE = re.compile(r"counts of the last \S+ s before MOMENT: .*?; ")
# An error names the query, whose text differs: the label of the colours is another one.
QUERY = re.compile(r"\S+\{[^}]*\}(\[\d+m?s\])?")


def differences(recording: Recording, policy: Policy, folder: Path) -> list[str]:
    """The findings that differ, one sentence each.

    Args:
        recording: the recording.
        policy: the policy.
        folder: an empty folder.
    """
    result = replay(recording, policy)
    texts: list[str] = []
    with prometheus_of(recording, policy, folder) as prometheus:
        for at, share, replayed in _looks(result):
            stage = next(
                stage
                for stage in policy.steps
                if share is None or (stage.share and is_same_share(stage.share, share))
            )
            checked = {
                finding.objective: finding
                for finding in prometheus.findings(
                    stage, at, folder / "no runs", before_a_move=share is not None
                )
            }
            texts += [
                f"second {at:.0f}, {finding.objective}: backtest {_conclusion(finding)}, "
                f"check {_conclusion(checked[finding.objective])}"
                for finding in replayed
                if _conclusion(finding) != _conclusion(checked[finding.objective])
            ]
    return texts


def _looks(result: Replay) -> Iterator[tuple[float, float | None, tuple[Finding, ...]]]:
    """The moments with findings: the ends of the steps, and the stop."""
    for step in result.steps:
        if step.findings:
            yield step.t, step.weight, step.findings
    if result.stopped_at is not None and result.findings:
        yield result.stopped_at, None, result.findings


def _conclusion(finding: Finding) -> tuple[str, str, str]:
    sentence = MINUTE.sub("", MOMENT.sub("MOMENT", finding.sentence))
    sentence = QUERY.sub("QUERY", sentence)
    return finding.verdict.value, finding.measured.value, sentence
