"""Faults of monitoring: of alert rules, of routes, of scrapes, of dashboards, of services."""

from testbed.faults.fault import Fault, Kind


def _of(part: str, *rows: tuple[str, Kind, str, str]) -> tuple[Fault, ...]:
    """The faults of one part: name, kind, what breaks, and the function that changes the part."""
    return tuple(
        Fault(name, kind, breaks, part=part, change=f"monitoring:{change}")
        for name, kind, breaks, change in rows
    )


# The formatter is off here, so that each row of the table stays on one line.
RULES = _of(
    "rules",
    ("rules.dead", "missing effect", "an alert reads a series that does not exist", "dead_rule"),
    ("rules.rate_as_ratio", "wrong value", "failures per second are compared with a ratio",
     "rate_as_ratio"),
    ("rules.quantile_without_rate", "wrong value", "a quantile covers all time since the start",
     "quantile_without_rate"),
    ("rules.quantile_without_le", "missing effect", "a quantile is computed without the buckets",
     "quantile_without_le"),
    ("rules.raw_counter", "wrong value", "an alert that fired once fires for ever", "raw_counter"),
    ("rules.for_too_long", "wrong time", "an alert waits longer than an increase lasts",
     "for_longer_than_range"),
    ("rules.ratio_over_one", "off by one", "a ratio is compared with a percentage",
     "ratio_over_one"),
    ("rules.missing", "lost update", "an alert of the guide is not loaded", "rule_missing"),
    ("rules.failing", "malfunction", "the evaluation of a rule fails", "failing_rule"),
    ("rules.unknown", "wrong value", "an alert is loaded that nobody knows", "unknown_rule"),
    ("rules.wrong_severity", "wrong person", "a critical alert is a warning", "wrong_severity"),
)  # a table, two lines a row # fmt: skip
ROUTES = _of(
    "routes",
    ("routes.unreachable", "missing effect", "no alert reaches the daily mail",
     "receiver_unreachable"),
    ("routes.critical_by_mail", "wrong person", "a critical alert is only a mail",
     "critical_by_mail"),
    ("routes.everything_by_mail", "wrong person", "a first route takes every alert",
     "everything_by_mail"),
    ("routes.critical_inhibited", "lost update", "a critical alert is swallowed by another alert",
     "critical_inhibited"),
    ("routes.webhook_elsewhere", "malfunction", "the pager's address is wrong",
     "webhook_elsewhere"),
    ("routes.mail_elsewhere", "malfunction", "the mail server's address is wrong",
     "mail_elsewhere"),
    ("routes.resolved_unsent", "missing effect", "nobody learns that an alert has ended",
     "resolved_unsent"),
    ("routes.critical_muted", "wrong time", "critical alerts are muted at every hour",
     "critical_muted"),
)  # a table, two lines a row # fmt: skip
SCRAPES = _of(
    "scrapes",
    (
        "scrapes.target_unreachable",
        "malfunction",
        "the node exporter's address is wrong",
        "target_unreachable",
    ),
    ("scrapes.target_dropped", "lost update", "nobody scrapes the balancer", "target_dropped"),
    (
        "scrapes.interval_doubled",
        "wrong time",
        "the store is scraped half as often",
        "interval_doubled",
    ),
)
DASHBOARDS = _of(
    "dashboards",
    ("dashboards.missing", "lost update", "the business dashboard is gone", "dashboard_missing"),
    ("dashboards.empty_panel", "missing effect", "a panel reads a series that does not exist",
     "panel_without_data"),
    ("dashboards.broken_query", "malfunction", "a panel's query has a syntax error",
     "panel_with_broken_query"),
    ("dashboards.no_data_source", "malfunction", "dashboards do not reach Prometheus",
     "data_source_unreachable"),
    ("dashboards.no_database", "malfunction", "Grafana does not reach its own database",
     "grafana_without_database"),
    ("dashboards.other_version", "wrong value", "another version of Grafana is served",
     "grafana_of_another_version"),
)  # a table, two lines a row # fmt: skip
SERVICES = _of(
    "services",
    (
        "services.node_exporter_down",
        "malfunction",
        "the node exporter has ended",
        "node_exporter_down",
    ),
    ("services.alertmanager_down", "malfunction", "Alertmanager has ended", "alertmanager_down"),
)
CLOCK = (
    Fault(
        "metrics.slow_clock",
        "wrong time",
        "the clock of the metrics is ten times too slow",
        (("metrics:exposition", "platform:exposition_of_a_slow_clock"),),
        part="clock",
        change="monitoring:slow_clock",
    ),
)
MONITORING = (*RULES, *ROUTES, *SCRAPES, *DASHBOARDS, *SERVICES, *CLOCK)
