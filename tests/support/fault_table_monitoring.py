"""Which fault of monitoring must turn which checks of the platform suite red, and no others."""

# Each row names checks without their common beginning ``platform.``.
ROWS = {
    "rules.dead": "prometheus.rules_can_fire",
    "rules.rate_as_ratio": "prometheus.rules_can_fire",
    "rules.quantile_without_rate": "prometheus.rules_can_fire",
    "rules.quantile_without_le": "prometheus.rules_can_fire",
    "rules.raw_counter": "prometheus.rules_can_fire",
    "rules.for_too_long": "prometheus.rules_can_fire",
    "rules.ratio_over_one": "prometheus.rules_can_fire",
    "rules.missing": "prometheus.rules_loaded",
    "rules.failing": "prometheus.rules_evaluate",
    "rules.unknown": "prometheus.rules_loaded",
    "rules.wrong_severity": "prometheus.rules_loaded",
    "routes.unreachable": "alertmanager.receivers alertmanager.routes alertmanager.mail",
    "routes.critical_by_mail": (
        "alertmanager.receivers alertmanager.routes alertmanager.webhook alertmanager.resolved"
    ),
    "routes.everything_by_mail": (
        "alertmanager.receivers alertmanager.routes alertmanager.webhook alertmanager.mail "
        "alertmanager.resolved"
    ),
    "routes.critical_inhibited": "alertmanager.inhibition",
    "routes.webhook_elsewhere": "alertmanager.webhook alertmanager.resolved",
    "routes.mail_elsewhere": "alertmanager.mail",
    "routes.resolved_unsent": "alertmanager.resolved",
    "routes.critical_muted": "alertmanager.routes alertmanager.webhook alertmanager.resolved",
    "scrapes.target_unreachable": (
        "prometheus.targets services.up services.versions services.count"
    ),
    "scrapes.target_dropped": ("services.up services.versions services.count balancer.weights"),
    "scrapes.interval_doubled": "prometheus.interval",
    "dashboards.missing": "grafana.dashboards",
    "dashboards.empty_panel": "grafana.panels",
    "dashboards.broken_query": "grafana.panels",
    "dashboards.no_data_source": "grafana.datasource grafana.panels",
    "dashboards.no_database": "grafana.health services.up services.count",
    "dashboards.other_version": "services.versions",
    "services.node_exporter_down": (
        "prometheus.targets services.up services.versions services.count"
    ),
    "services.alertmanager_down": (
        "prometheus.targets services.up services.versions "
        "services.count alertmanager.up alertmanager.receivers alertmanager.routes "
        "alertmanager.inhibition alertmanager.webhook alertmanager.mail "
        "alertmanager.resolved"
    ),
    "metrics.slow_clock": "prometheus.clock",
}
REDDENS_MONITORING = {
    name: frozenset(f"platform.{check}" for check in checks.split())
    for name, checks in ROWS.items()
}
