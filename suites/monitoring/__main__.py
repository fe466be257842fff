"""``python -m suites.monitoring`` finds flaws in alert rule files and Alertmanager files."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gates.model import Access, AlertLevel
from suites.monitoring.alert_rules.loaded_rules import alert_labels
from suites.monitoring.alert_rules.rule_files import Rule, RuleFileError, rules_of_file
from suites.monitoring.alert_rules.rule_flaws import rule_flaws
from suites.monitoring.http_json import MonitoringError
from suites.monitoring.prometheus_api import PrometheusApi, PrometheusFacts
from suites.monitoring.promql.series_facts import UnknownSeries
from suites.monitoring.routing import RoutingError, routing_of
from suites.monitoring.routing_flaws import inhibition_flaws, receiver_flaws, severity_flaws

NO_FLAW, FLAWS, USAGE, NOT_READ = 0, 1, 2, 3
SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Find the flaws of the files on the command line, and print each flaw.

    Args:
        arguments: the command line arguments; None to use the arguments of the process.

    Returns:
        The exit code: 0 without a flaw, 1 with a flaw, 3 when a file or Prometheus could not be
        read. Wrong usage ends the process with code 2.
    """
    options = _options(arguments)
    try:
        rules = tuple(rule for path in options.rules for rule in rules_of_file(_text(path)))
        flaws = [str(flaw) for flaw in rule_flaws(rules, _facts(options.prometheus))]
        levels = _levels(options.receivers, rules)
        for path in options.alertmanager:
            routing = routing_of(_text(path))
            labels = alert_labels(rules)
            flaws += [
                *receiver_flaws(routing),
                *severity_flaws(routing, levels, labels),
                *inhibition_flaws(routing, labels),
            ]
    except (OSError, RuleFileError, RoutingError, MonitoringError) as error:
        _say(f"a file or Prometheus cannot be read: {error}")
        return NOT_READ
    for flaw in flaws:
        _say(flaw)
    counted = f"{len(rules)} rules, {len(options.alertmanager)} Alertmanager configurations"
    _say(f"{counted}: {len(flaws)} flaws found")
    return FLAWS if flaws else NO_FLAW


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m suites.monitoring", description=__doc__)
    for option, meaning in (
        ("--rules", "files of alert rules and recording rules"),
        ("--alertmanager", "Alertmanager configuration files"),
    ):
        parser.add_argument(option, metavar="FILE", type=Path, nargs="+", default=[], help=meaning)
    parser.add_argument(
        "--prometheus",
        metavar="URL",
        default="",
        help="the address of the Prometheus with the time series that the rules read",
    )
    parser.add_argument(
        "--receivers",
        metavar="SEVERITY=RECEIVER,…",
        nargs="+",
        default=[],
        help="for a severity, the receivers that must get its alerts",
    )
    options = parser.parse_args(arguments)
    if not options.rules and not options.alertmanager:
        parser.error("expected at least one file after --rules or --alertmanager")
    if wrong := [text for text in options.receivers if "=" not in text]:
        parser.error(f"--receivers: expected SEVERITY=RECEIVER, got {wrong[0]!r}")
    return options


def _facts(url: str) -> PrometheusFacts | UnknownSeries:
    return (
        PrometheusFacts(PrometheusApi(url.rstrip("/"), Access(SECONDS))) if url else UnknownSeries()
    )


def _levels(texts: Sequence[str], rules: Sequence[Rule]) -> tuple[AlertLevel, ...]:
    """Return the severities that the options name, each with the names of its alert rules."""
    levels = []
    for text in texts:
        severity, _, receivers = text.partition("=")
        names = tuple(dict.fromkeys(rule.name for rule in rules if rule.severity == severity))
        levels.append(AlertLevel(severity, tuple(receivers.split(",")), names))
    return tuple(levels)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except UnicodeDecodeError as error:
        raise RuleFileError(f"{path}: the file is not UTF-8") from error


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
