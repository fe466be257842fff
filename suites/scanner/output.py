"""Write the result of a scan as text and as JSON: a summary, then one finding for each cause."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from suites.probes.api import Exchange
from suites.probes.rules import RULES
from suites.probes.severity import Level
from suites.scanner.grouping import Finding, findings
from suites.scanner.reproduction import Replacements, again, preparation
from suites.scanner.result import ScanResult
from suites.scanner.sarif import fingerprint
from suites.scanner.survey.account import Account

MAX_PLACES = 6
MAX_SENTENCE = 600
MAX_STEPS = 2
NAMES = {Level.ERROR: "FINDING", Level.WARNING: "FINDING", Level.NOTE: "NOTE"}


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a scan, and the other values that the output shows.

    Args:
        result: findings, gaps and problems of the scan.
        accounts: the accounts of the scan; the output shows their log-in commands before the
            curl lines.
        replacements: the texts that replace secrets and names in curl lines.
        url: the address of the scanned service.
        seconds: how long the scan took, in seconds.
        requests: how many requests were sent.
        reasons: why a rule was not tried, keyed by rule.
    """

    result: ScanResult
    accounts: tuple[Account, ...]
    replacements: Replacements
    url: str
    seconds: float
    requests: int
    reasons: Mapping[str, str]

    @property
    def variables(self) -> Mapping[str, str]:
        """The name of the environment variable that replaces each secret, keyed by secret."""
        return self.replacements.variables

    def shown(self, text: str) -> str:
        """Return a text after replacing its secrets and escaping its control characters."""
        for secret in sorted(self.variables, key=len, reverse=True):
            if len(secret) >= MIN_SECRET:
                text = text.replace(secret, f"${self.variables[secret]}")
        return printable(text)


MIN_SECRET = 4


def printable(text: str) -> str:
    """Return a text in which control characters and lone surrogates are escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def as_json(report: Report) -> Mapping[str, object]:
    """Return the report as JSON values.

    The values are the findings, the outcome of every rule, and the parts that were not tested.
    """
    grouped = findings(report.result.findings)
    return {
        "summary": summary(report, grouped),
        "findings": [_finding(report, finding) for finding in grouped],
        "probes": {name: outcome(name, report) for name in RULES},
        "not_tried": {name: gaps for name, gaps in report.result.gaps.items() if gaps},
        "not_looked_at": [
            printable(sentence) for sentence in (*report.result.problems, *report.result.notes)
        ],
    }


def _finding(report: Report, finding: Finding) -> Mapping[str, object]:
    exchange = finding.first.exchange
    return {
        "rule": finding.rule.name,
        "level": finding.severity.level.value,
        "cvss": {"score": finding.severity.score, "vector": finding.severity.vector},
        "cwe": finding.rule.cwe,
        "asvs": finding.rule.asvs,
        "place": printable(finding.first.place),
        "places": [printable(place) for place in finding.places],
        "count": finding.count,
        "sentence": report.shown(finding.first.sentence),
        "fingerprint": fingerprint(finding.first),
        "again": _line(report, finding, exchange) if exchange else None,
    }


def _line(report: Report, finding: Finding, exchange: Exchange) -> str:
    registers = finding.first.rule == "mass-assignment"
    replacements = replace(report.replacements, registers=registers)
    return printable(again(exchange, replacements))


def summary(report: Report, grouped: list[Finding]) -> str:
    """Return one sentence with the number of findings, rules, places and requests.

    Args:
        report: the result of the scan.
        grouped: the findings, one for each cause.
    """
    levels = [finding.severity.level for finding in grouped]
    counts = ", ".join(
        f"{levels.count(level)} {level.value}{'' if levels.count(level) == 1 else 's'}"
        for level in Level
    )
    tried = report.result.places
    end = (
        f"; {len(report.result.problems)} parts could not be tested"
        if report.result.problems
        else ""
    )
    return (
        f"scan of {report.url}: {counts}; {len(tried)} rules tried at {sum(tried.values()):,} "
        f"places, with {report.requests:,} requests in {report.seconds:.0f} s{end}"
    )


def as_text(report: Report, *, details: bool) -> list[str]:
    """Return the report as lines of text.

    Args:
        report: the result of the scan.
        details: whether the lines show for every rule what was tried and what was not tried.
    """
    result, grouped = report.result, findings(report.result.findings)
    lines = [summary(report, grouped)]
    lines += [f"could not be tested: {report.shown(text)}" for text in result.problems]
    for finding in grouped:
        lines += _finding_lines(report, finding)
    if any(finding.first.exchange for finding in grouped):
        lines += [f"before: {line}" for line in _preparations(report, lines)]
    if details:
        lines += [f"{name:<24}{outcome(name, report)}" for name in RULES]
        lines += [f"not tried: {name}: {gap}" for name, gaps in result.gaps.items() for gap in gaps]
        lines += [f"note: {report.shown(text)}" for text in result.notes]
        return lines
    partly = sorted(name for name in result.gaps if name in result.places)
    never = sorted(name for name in RULES if name not in result.places)
    if partly:
        lines.append(f"rules tried in part: {', '.join(partly)}")
    lines.append(f"rules not tried: {', '.join(never) or 'none'}; --details shows the reasons")
    return lines


def _finding_lines(report: Report, finding: Finding) -> list[str]:
    rule, severity = finding.rule, finding.severity
    name = NAMES[severity.level]
    heading = (
        f"{rule.name} (CVSS {severity.score} {severity.vector}, CWE-{rule.cwe}, ASVS {rule.asvs})"
    )
    lines = [f"{name:<9}{heading}: {report.shown(finding.first.sentence)[:MAX_SENTENCE]}"]
    if len(finding.places) > 1:
        more = len(finding.places) - MAX_PLACES
        places = ", ".join(printable(place) for place in finding.places[:MAX_PLACES])
        lines[0] += f" [{finding.count} times: {places}{f' and {more} more' if more > 0 else ''}]"
    if finding.first.exchange and severity.level is not Level.NOTE:
        steps = finding.first.steps[:MAX_STEPS]
        lines += [f"         first: {_line(report, finding, step)}" for step in steps]
        lines.append(f"         again: {_line(report, finding, finding.first.exchange)}")
    return lines


def _preparations(report: Report, lines: list[str]) -> list[str]:
    """Return the commands that set the session variables of the curl lines."""
    text = "\n".join(lines)
    line_by_variable: dict[str, str] = {}
    for account in report.accounts:
        line = preparation(account)
        name = line.partition("=")[0]
        if line and f'"${name}"' in text:
            line_by_variable.setdefault(name, printable(line))
    return list(line_by_variable.values())


def outcome(name: str, report: Report) -> str:
    """Return a phrase with the findings of a rule, or with the reason why nothing was tried.

    Args:
        name: the name of the rule.
        report: the result of the scan.
    """
    result = report.result
    places = result.places.get(name, 0)
    count = sum(finding.first.rule == name for finding in findings(result.findings))
    gaps = result.gaps.get(name, [])
    if count:
        return f"{count} finding{'' if count == 1 else 's'} in {places} tested places"
    if places:
        tried = f"no finding in {places} tested places"
        return f"{tried}; not tried: {'; '.join(gaps[:3])}" if gaps else tried
    reason = "; ".join(gaps[:3]) or report.reasons.get(
        name, "no operation has a parameter for this attack"
    )
    return f"not applicable: {reason}"
