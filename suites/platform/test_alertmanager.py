"""Platform checks of Alertmanager: it runs, routes alerts by severity, and notifications arrive."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from gates.model import Policy, Target
from suites.client.waiting import wait_until
from suites.monitoring.alert_rules.loaded_rules import alert_labels
from suites.monitoring.alertmanager_api import (
    AlertmanagerApi,
    NotificationInbox,
    address_flaws,
)
from suites.monitoring.delivery import (
    FIRING,
    RESOLVED,
    Delivery,
    SyntheticAlerts,
    deliveries,
    synthetic_alerts,
)
from suites.monitoring.prometheus_api import PrometheusApi
from suites.monitoring.routing import Matcher, Routing, routing_of
from suites.monitoring.routing_flaws import (
    forwarding_flaws,
    inhibition_flaws,
    receiver_flaws,
    severity_flaws,
    silence_flaws,
    time_flaws,
)
from suites.platform.flaw_report import assert_no_flaws
from suites.pytest_plugin.marks import check

pytestmark = pytest.mark.platform

STATUS = "/api/v2/status"


@pytest.fixture
def alertmanager(target: Target) -> AlertmanagerApi:
    """Return a client of the target's Alertmanager."""
    text = f"{target.name}: the target file has no key alertmanager in [addresses]; add the key"
    assert target.addresses.alertmanager, text
    return AlertmanagerApi(target.addresses.alertmanager, target.patience_seconds)


@pytest.fixture
def prometheus(target: Target) -> PrometheusApi:
    """Return a client of the target's Prometheus."""
    return PrometheusApi(target.addresses.prometheus, target.access.prometheus)


@pytest.fixture
def inbox(target: Target) -> NotificationInbox:
    """Return a client of the receivers that store all notifications that arrive."""
    text = f"{target.name}: the target file has no address notifications; add the address"
    assert target.addresses.notifications, text
    return NotificationInbox(target.addresses.notifications, target.patience_seconds)


@pytest.fixture
def routing(alertmanager: AlertmanagerApi) -> Routing:
    """Return the routes, receivers and inhibition rules that Alertmanager has loaded."""
    return routing_of(alertmanager.status().configuration)


class Sender:
    """Sends synthetic alerts of this run, and ends these alerts.

    Args:
        alertmanager: the Alertmanager that gets the alerts.
        inbox: the receivers that must get the notifications.
        routing: the configuration that Alertmanager has loaded.
        policy: the policy with the severities, and with the time limit of a notification.
        run_id: the id of this run.
    """

    def __init__(
        self,
        alertmanager: AlertmanagerApi,
        inbox: NotificationInbox,
        routing: Routing,
        policy: Policy,
        run_id: str,
    ) -> None:
        self._parts = (alertmanager, inbox, run_id)
        self._equal = [label for rule in routing.inhibitions for label in rule.equal]
        self.ways = deliveries(routing, policy.alert_levels)
        self.within = timedelta(seconds=policy.platform_limits["notification_seconds"])

    @contextmanager
    def sent(self, ways: list[Delivery]) -> Iterator[SyntheticAlerts]:
        """Send a synthetic alert of each severity of the deliveries; end the alerts afterwards.

        Args:
            ways: the deliveries that the alerts must cause.
        """
        severities = sorted({way.severity for way in ways})
        parts = self._parts
        with synthetic_alerts(*parts, severities=severities, equal=self._equal) as alerts:
            yield alerts


@pytest.fixture
def sender(
    alertmanager: AlertmanagerApi,
    inbox: NotificationInbox,
    routing: Routing,
    policy: Policy,
    run_id: str,
) -> Sender:
    """Return the sender of the synthetic alerts of this run."""
    return Sender(alertmanager, inbox, routing, policy, run_id)


@check("platform.alertmanager.up", needs="monitoring")
def test_alertmanager_is_up(
    alertmanager: AlertmanagerApi, prometheus: PrometheusApi, target: Target
) -> None:
    """Alertmanager is ready, and Prometheus sends every alert unchanged to an Alertmanager."""
    assert alertmanager.is_ready()
    # After a reload Prometheus looks for its Alertmanagers again, which takes some seconds.
    addresses = wait_until(
        "Prometheus knows an Alertmanager", prometheus.alertmanagers, bool, seconds=10
    )
    known = target.addresses.alertmanager
    labels = alert_labels(prometheus.rules())
    assert_no_flaws(
        "Prometheus sends every alert to an Alertmanager",
        [
            *address_flaws(addresses, known, target.patience_seconds),
            *forwarding_flaws(prometheus.configuration(), labels),
        ],
        again=prometheus.api.curl("/api/v1/alertmanagers"),
        next_step="correct the section alerting of prometheus.yml, and reload Prometheus",
    )


@check("platform.alertmanager.receivers", needs="monitoring")
def test_every_receiver_is_reachable(alertmanager: AlertmanagerApi, routing: Routing) -> None:
    """Every receiver gets the alerts of at least one route."""
    assert_no_flaws(
        f"each of the {len(routing.receivers)} receivers gets the alerts of a route",
        receiver_flaws(routing),
        again=f"amtool config routes show --alertmanager.url={alertmanager.api.url}",
        next_step="add a route for the receiver, or move its route before the routes that match "
        "the same alerts",
    )


@check("platform.alertmanager.routes", needs="monitoring")
def test_every_severity_goes_to_its_receivers(
    alertmanager: AlertmanagerApi, prometheus: PrometheusApi, routing: Routing, policy: Policy
) -> None:
    """Routes send alerts to exactly the policy's receivers, and critical alerts in time."""
    assert policy.alert_levels, "the policy has no table [alerts]; list the receivers there"
    alerts, limits = alert_labels(prometheus.rules()), policy.platform_limits
    longest = {
        "group_wait": timedelta(seconds=limits["critical_wait_seconds"]),
        "group_interval": timedelta(seconds=limits["critical_interval_seconds"]),
        "repeat_interval": timedelta(hours=limits["critical_repeat_hours"]),
    }
    assert_no_flaws(
        "at any time, the alerts of every severity go to exactly the receivers of the policy",
        [
            *severity_flaws(routing, policy.alert_levels, alerts),
            *time_flaws(routing, alerts, longest),
        ],
        again=f"amtool config routes test --alertmanager.url={alertmanager.api.url} "
        "severity=critical",
        next_step="correct the routes in alertmanager.yml, and reload Alertmanager",
    )


@check("platform.alertmanager.inhibition", needs="monitoring")
def test_nothing_mutes_critical_alerts(
    alertmanager: AlertmanagerApi, prometheus: PrometheusApi, routing: Routing
) -> None:
    """Neither an inhibition rule nor an active silence mutes critical alerts."""
    labels = alert_labels(prometheus.rules())
    silences = [
        (
            f"silence {silence.silence_id}: {silence.author}",
            tuple(Matcher(*matcher) for matcher in silence.matchers),
        )
        for silence in alertmanager.silences()
    ]
    assert_no_flaws(
        "no inhibition rule and no active silence mutes critical alerts",
        [*inhibition_flaws(routing, labels), *silence_flaws(silences, labels)],
        again=alertmanager.api.curl(STATUS),
        next_step="narrow target_matchers of the inhibition rule, or expire the silence",
    )


@check("platform.alertmanager.webhook", needs="notifications")
def test_alerts_arrive_by_webhook(sender: Sender, inbox: NotificationInbox) -> None:
    """For each severity with a webhook receiver, a synthetic alert arrives in time."""
    ways = [way for way in sender.ways if way.kind == "webhook"]
    assert ways, "no receiver of the policy notifies by webhook; add webhook_configs"
    with sender.sent(ways) as alerts:
        assert_no_flaws(
            "synthetic alerts arrive by webhook in time",
            alerts.undelivered(ways, FIRING, sender.within),
            again=inbox.api.curl("/received"),
            next_step="compare the receiver's URL in alertmanager.yml with Alertmanager's log",
        )


@check("platform.alertmanager.mail", needs="notifications")
def test_alerts_arrive_by_mail(sender: Sender, inbox: NotificationInbox) -> None:
    """For each severity with a mail receiver, a synthetic alert arrives in time."""
    ways = [way for way in sender.ways if way.kind == "mail"]
    assert ways, "no receiver of the policy notifies by mail; add email_configs"
    with sender.sent(ways) as alerts:
        assert_no_flaws(
            "synthetic alerts arrive by mail in time",
            alerts.undelivered(ways, FIRING, sender.within),
            again=inbox.api.curl("/received"),
            next_step="compare smtp_smarthost in alertmanager.yml with Alertmanager's log",
        )


@check("platform.alertmanager.resolved", needs="notifications")
def test_a_notification_arrives_when_an_alert_ends(
    sender: Sender, inbox: NotificationInbox
) -> None:
    """Each receiver of critical alerts gets a notification when a synthetic alert ends."""
    ways = [way for way in sender.ways if way.severity == "critical"]
    assert ways, "no receiver gets critical alerts; compare [alerts] with alertmanager.yml"
    with sender.sent(ways) as alerts:
        unsent = alerts.undelivered(ways, FIRING, sender.within)
        alerts.end()
        after_end = [] if unsent else alerts.undelivered(ways, RESOLVED, sender.within)
        assert_no_flaws(
            "a notification arrives when a critical alert ends",
            [*unsent, *after_end],
            again=inbox.api.curl("/received"),
            next_step="set send_resolved: true for the receiver in alertmanager.yml",
        )
