"""The content of the release report, as plain values; every text may come from outside."""

from dataclasses import dataclass

from reports.html.table_rows import Guide, LedgerRow, LoadRow, SignOffRow, SuiteRow
from reports.html.tone import Tone


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the summary: a label, and its value."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a person should do next.

    Args:
        text: a sentence; empty where the command says everything.
        command: the command to type; empty without a command.
    """

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer, on top of the page.

    Args:
        word: the decision, such as ``ROLLBACK``; empty where the ledger has no decision.
        tone: how the reader should take it.
        headline: the decision as a sentence for a release lead.
        reason: why, in one sentence.
        facts: since when, about which build, who has the traffic.
        next_steps: what to do next, the most urgent step first.
        warnings: problems that are not findings; one sentence each.
    """

    word: str
    tone: Tone
    headline: str
    reason: str
    facts: tuple[Fact, ...]
    next_steps: tuple[NextStep, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrafficMove:
    """A change of green's share of the traffic.

    Args:
        at: the moment, seconds since the epoch.
        share: green's share from that moment on, 0 to 1.
    """

    at: float
    share: float


@dataclass(frozen=True, slots=True)
class RampEvent:
    """A move, a decision or a rollback of a ramp.

    Args:
        at: the moment, seconds since the epoch.
        tone: how the reader should take it.
        word: the event in a word or two, such as ``HOLD``.
        symbol: the sign on the timeline; empty for an event without a sign.
        share: green's share of the traffic from that moment on, 0 to 1.
        detail: a sentence.
    """

    at: float
    tone: Tone
    word: str
    symbol: str
    share: float
    detail: str


@dataclass(frozen=True, slots=True)
class Ramp:
    """The newest ramp.

    Args:
        problem: why there is no timeline; empty with a timeline.
        moves: oldest first.
        until: the end of the timeline, seconds since the epoch.
        events: oldest first.
        left_out: the number of events that the page does not show.
    """

    problem: str
    moves: tuple[TrafficMove, ...] = ()
    until: float = 0.0
    events: tuple[RampEvent, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class RatioPoint:
    """The ratio of bad events in a part of the time.

    Args:
        at: the end of that part, seconds since the epoch.
        bad: the number of bad events.
        total: the number of all events; more than 0.
        low: the lower end of the 95 % confidence interval, 0 to 1.
        high: the upper end of the 95 % confidence interval, 0 to 1.
    """

    at: float
    bad: float
    total: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """Bad events divided by all events, 0 to 1."""
        return self.bad / self.total


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one colour in a chart.

    Args:
        colour: ``green`` or ``blue``.
        points: oldest first.
        bad: the number of bad events in the ramp.
        total: the number of all events in the ramp.
    """

    colour: str
    points: tuple[RatioPoint, ...]
    bad: float
    total: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit in a chart: a ratio from 0 to 1, and its name."""

    ratio: float
    name: str


@dataclass(frozen=True, slots=True)
class RatioChart:
    """A chart of one indicator.

    Args:
        title: the bad events in words.
        objective: the name of the objective.
        lines: one for each colour with events.
        limits: the limits of the policy.
        moves: the moves of traffic in the time of the chart.
        since: the beginning of the chart, seconds since the epoch.
        until: the end of the chart, seconds since the epoch.
    """

    title: str
    objective: str
    lines: tuple[Line, ...]
    limits: tuple[Limit, ...]
    moves: tuple[TrafficMove, ...]
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Charts:
    """The charts of the newest decision of a ramp.

    Args:
        sentence: which decision has this evidence.
        problem: why there are no charts; empty with charts.
        charts: the most important chart first.
    """

    sentence: str
    problem: str
    charts: tuple[RatioChart, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """A measurement of a finding.

    Args:
        facts: source, window, number of samples, age and value.
        query: the query to the source.
        command: the command line that shows the same answer; empty without such a command.
        samples: the newest raw samples, a line for each time series.
    """

    facts: tuple[Fact, ...]
    query: str
    command: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding, which opens to its measurements.

    Args:
        tone: how the reader should take it.
        word: the verdict in a word.
        objective: the objective's name.
        sentence: the reason, with numbers.
        facts: the guide's section, the state of the measurement, an override.
        next_step: the next step; empty for a pass.
        measurements: the values that the finding is based on.
        subjects: the checks that the finding is about.
    """

    tone: Tone
    word: str
    objective: str
    sentence: str
    facts: tuple[Fact, ...]
    next_step: str
    measurements: tuple[MeasuredValue, ...]
    subjects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of the newest decision.

    Args:
        counts: the number of findings by verdict, in words.
        rows: worst first.
        left_out: the number of findings that the page does not show.
    """

    counts: str
    rows: tuple[FindingRow, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """The whole page.

    Args:
        title: the title of the document.
        written: when and by which version the page was written.
        rehearsal: a sentence where a rehearsal made the decision; empty otherwise.
        summary: the answer.
        ramp: the newest ramp.
        charts: the charts of the page.
        findings: the findings of the newest decision.
        suites: the newest results by category.
        loads: the newest load run of each profile.
        guide: the coverage of the guide.
        sign_offs: newest first.
        ledger: newest first.
        ledger_left_out: the number of older entries.
    """

    title: str
    written: str
    rehearsal: str
    summary: Summary
    ramp: Ramp
    charts: Charts
    findings: Findings
    suites: tuple[SuiteRow, ...]
    loads: tuple[LoadRow, ...]
    guide: Guide
    sign_offs: tuple[SignOffRow, ...]
    ledger: tuple[LedgerRow, ...]
    ledger_left_out: int = 0
