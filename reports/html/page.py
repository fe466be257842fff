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
        text: a sentence; empty where the command needs no sentence.
        command: the command to type; empty without a command.
    """

    text: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The decision, on top of the page.

    Args:
        word: the decision, such as ``ROLLBACK``; empty where the ledger has no decision.
        tone: whether the decision is good or bad news.
        headline: the decision as a sentence for a release lead.
        reason: the reason of the decision, in one sentence.
        facts: the time of the decision, the build, and the shares of the traffic.
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
        tone: whether the event is good or bad news.
        word: the event in one or two words, such as ``HOLD``.
        symbol: the sign on the timeline; empty for an event without a sign.
        share: green's share of the traffic from that moment on, 0 to 1.
        detail: a sentence about the event.
    """

    at: float
    tone: Tone
    word: str
    symbol: str
    share: float
    detail: str


@dataclass(frozen=True, slots=True)
class Ramp:
    """The newest ramp of the target.

    Args:
        problem: why there is no timeline; empty with a timeline.
        moves: the moves of the traffic, oldest first.
        until: the end of the timeline, seconds since the epoch.
        events: the events of the ramp, oldest first.
        left_out: the number of events that the page does not show.
    """

    problem: str
    moves: tuple[TrafficMove, ...] = ()
    until: float = 0.0
    events: tuple[RampEvent, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class RatioPoint:
    """The ratio of bad events in one step of a chart's time axis.

    Args:
        at: the end of the step, seconds since the epoch.
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
        points: the points of the line, oldest first.
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
    """A chart of the ratio of one indicator's bad events.

    Args:
        title: the bad events in words.
        objective: the name of the objective that judges the indicator.
        lines: the lines of the colours that have events.
        limits: the limits of the policy for this ratio.
        moves: the moves of the traffic.
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
    """The charts of the newest decision about a ramp step.

    Args:
        sentence: a sentence that names the decision.
        problem: why the page has no charts; empty with charts.
        charts: the charts, the most important chart first.
    """

    sentence: str
    problem: str
    charts: tuple[RatioChart, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasuredValue:
    """A measurement of a finding.

    Args:
        facts: source, window, number of samples, age and value.
        query: the query that the gate sent to the source.
        command: the command line that sends the same query; empty where there is none.
        samples: the newest raw samples, a line for each time series.
    """

    facts: tuple[Fact, ...]
    query: str
    command: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding; a click on the finding shows its measurements.

    Args:
        tone: whether the finding is good or bad news.
        word: the verdict in one word.
        objective: the name of the objective.
        sentence: the reason of the verdict, with numbers.
        facts: the section of the guide, the state of the measurement, and an override.
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
        counts: a sentence with the number of findings of each verdict.
        rows: the findings, worst first.
        left_out: the number of findings that the page does not show.
    """

    counts: str
    rows: tuple[FindingRow, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """The content of the whole page.

    Args:
        title: the title of the document.
        written: a sentence with the time of the page and the version of the gate.
        rehearsal: a sentence where a rehearsal made the decision; empty otherwise.
        summary: the newest decision, on top of the page.
        ramp: the newest ramp.
        charts: the charts of green and blue.
        findings: the findings of the newest decision.
        suites: the newest results of the suites, by category.
        loads: the newest load run of each profile.
        guide: the state of the guide's items.
        sign_offs: the sign-offs and overrides, newest first.
        ledger: the entries of the ledger, newest first.
        ledger_left_out: the number of older entries that the page does not show.
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
