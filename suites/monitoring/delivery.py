"""Send synthetic alerts to Alertmanager, wait for their notifications, and end the alerts."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from gates.model import AlertLevel
from suites.client.waiting import wait_until
from suites.monitoring.alertmanager_api import (
    Alert,
    AlertmanagerApi,
    Notification,
    NotificationInbox,
    webhook_alerts,
)
from suites.monitoring.routing import MAIL, WEBHOOK, Routing

KINDS = {WEBHOOK: "webhook", MAIL: "mail"}
FIRING, RESOLVED = "firing", "resolved"
# Alertmanager ends an alert after this time, even when the check was killed.
SPARE_TIME = timedelta(minutes=2)
MAX_WAIT = timedelta(minutes=10)
ENDED = timedelta(0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification that must follow an alert of a severity: its kind and its receiver.

    Args:
        severity: the severity of the alert.
        kind: ``webhook`` or ``mail``.
        receiver: the receiver's name at the inbox: the last part of a webhook's path, or the local
            part of a mail's recipient.
        sends_resolved: whether a notification also follows when the alert ends.
        group_wait: how long Alertmanager waits before the first notification of a group.
        group_interval: how long Alertmanager waits before the next notification of the group.
    """

    severity: str
    kind: str
    receiver: str
    sends_resolved: bool
    group_wait: timedelta
    group_interval: timedelta

    def __str__(self) -> str:
        return f"{self.severity} by {self.kind} to {self.receiver}"


def deliveries(routing: Routing, levels: Sequence[AlertLevel]) -> list[Delivery]:
    """Return the notifications that the alerts of each severity must cause.

    Args:
        routing: the loaded configuration of Alertmanager.
        levels: the policy's severities and their receivers.

    Returns:
        One delivery for each severity, receiver and recipient.
    """
    ways = []
    for level in levels:
        labels = {"alertname": "AnyAlert", "severity": level.severity}
        times = {route.receiver: route.times for route in routing.root.selected(labels)}
        for receiver in level.receivers:
            stated = times.get(receiver, routing.root.times)
            for integration in routing.receivers.get(receiver, ()):
                kind = KINDS.get(integration.kind, "")
                places = _recipients(integration.address) if kind == "mail" else [receiver]
                ways += [
                    Delivery(
                        severity=level.severity,
                        kind=kind,
                        receiver=place,
                        sends_resolved=integration.sends_resolved,
                        group_wait=stated["group_wait"],
                        group_interval=stated["group_interval"],
                    )
                    for place in places
                    if kind
                ]
    return ways


def _recipients(address: str) -> list[str]:
    return [recipient.strip().partition("@")[0] for recipient in address.split(",")]


@dataclass(frozen=True, slots=True)
class SyntheticAlerts:
    """The synthetic alerts of a run, one for each severity.

    Args:
        alertmanager: the Alertmanager that gets the alerts.
        inbox: the receivers that must get the notifications.
        alerts: the alerts, keyed by severity.
        sent_at: when the alerts were sent, in seconds since the epoch.
    """

    alertmanager: AlertmanagerApi
    inbox: NotificationInbox
    alerts: Mapping[str, Alert]
    sent_at: float

    def undelivered(
        self, expected: Sequence[Delivery], status: str, within: timedelta
    ) -> list[str]:
        """Wait for notifications, and return a sentence for each missing notification.

        Args:
            expected: the notifications that must arrive.
            status: the status of the notifications, ``firing`` or ``resolved``.
            within: the longest time from the end of Alertmanager's waiting to the notification.

        Raises:
            MonitoringError: the inbox does not answer.
        """
        waits = {
            way: way.group_wait if status == FIRING else way.group_interval for way in expected
        }
        if late := [way for way, wait in waits.items() if wait + within > MAX_WAIT]:
            return [
                f"{way}: Alertmanager waits {waits[way].total_seconds():g} s before the {status} "
                f"notification, and the check {within.total_seconds():g} s longer; a check waits "
                f"at most {MAX_WAIT.total_seconds():g} s"
                for way in late
            ]
        seconds = (max(waits.values(), default=timedelta(0)) + within).total_seconds()

        def missing() -> list[Delivery]:
            arrived = self.arrived(status)
            return [
                way for way in expected if (way.kind, way.receiver, way.severity) not in arrived
            ]

        try:
            wait_until("notifications", missing, lambda left: not left, seconds=seconds)
        except AssertionError:
            return [
                f"{way}: no {status} notification arrived within {seconds:g} s" for way in missing()
            ]
        return []

    def arrived(self, status: str) -> set[tuple[str, str, str]]:
        """Return kind, receiver and severity of each notification with this status that arrived.

        Args:
            status: ``firing`` or ``resolved``.
        """
        return {
            (notification.kind, notification.receiver, severity)
            for notification in self.inbox.since(self.sent_at)
            for severity, alert in self.alerts.items()
            if status == _status(notification, alert)
        }

    def end(self) -> None:
        """Tell Alertmanager that the alerts have ended.

        Raises:
            MonitoringError: Alertmanager does not answer, or refuses the alerts.
        """
        self.alertmanager.send(tuple(self.alerts.values()), ENDED)


def _status(notification: Notification, alert: Alert) -> str:
    """Return the alert's status in a notification, such as ``firing``; empty without the alert."""
    name = alert.labels["alertname"]
    if name not in notification.body:
        return ""
    if notification.kind == "mail":
        subject = notification.body.partition("\n")[0]
        return RESOLVED if "[RESOLVED" in subject else FIRING
    statuses = [
        status for status, labels in webhook_alerts(notification) if labels["alertname"] == name
    ]
    return statuses[0] if statuses else ""


@contextmanager
def synthetic_alerts(
    alertmanager: AlertmanagerApi,
    inbox: NotificationInbox,
    run_id: str,
    *,
    severities: Sequence[str],
    equal: Sequence[str],
) -> Iterator[SyntheticAlerts]:
    """Send an alert of each severity, and end the alerts after the block, also after an error.

    Args:
        alertmanager: the Alertmanager that gets the alerts.
        inbox: the receivers that must get the notifications.
        run_id: the id of the run, which is part of the alerts' names.
        severities: the severities of the alerts.
        equal: the labels that inhibition rules compare. Each alert gets unique values of these
            labels, so that no alert mutes another alert.

    Raises:
        MonitoringError: Alertmanager does not answer, or refuses the alerts.
    """
    sent_at = time.time()
    alerts = {severity: _alert(run_id, severity, equal, sent_at) for severity in severities}
    sent = SyntheticAlerts(alertmanager, inbox, alerts, sent_at)
    alertmanager.send(tuple(alerts.values()), MAX_WAIT + SPARE_TIME)
    try:
        yield sent
    finally:
        sent.end()


def _alert(run_id: str, severity: str, equal: Sequence[str], sent_at: float) -> Alert:
    own = f"{run_id}-{severity}-{sent_at:.3f}"
    labels = dict.fromkeys(equal, own)
    labels |= {"alertname": f"PlatformSuite-{own}", "severity": severity, "run": run_id}
    summary = f"This is a test alert of the platform suite, run {run_id}: no action is needed"
    return Alert(labels, summary, f"https://kirana.example/platform-suite/{run_id}")
