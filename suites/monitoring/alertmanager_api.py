"""Clients of Alertmanager's HTTP API, and of a testbed's inbox for notifications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gates.model import Access
from gates.sources import json_values
from suites.monitoring.http_json import OK, JsonApi, MonitoringError, other_shape, parsed


@dataclass(frozen=True, slots=True)
class AlertmanagerStatus:
    """The version and the configuration that Alertmanager reports.

    Args:
        version: the version of Alertmanager.
        configuration: the loaded configuration as YAML; secrets are masked.
    """

    version: str
    configuration: str


@dataclass(frozen=True, slots=True)
class Silence:
    """An active silence.

    Args:
        silence_id: the id of the silence.
        author: the person who created the silence.
        matchers: label name, operator and value of each matcher.
    """

    silence_id: str
    author: str
    matchers: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Alert:
    """A synthetic alert that a check sends to Alertmanager.

    Args:
        labels: the labels of the alert, with ``alertname``.
        summary: the annotation ``summary``.
        generator_url: a URL that names the sender of the alert.
    """

    labels: Mapping[str, str]
    summary: str
    generator_url: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification that arrived at a receiver of the testbed.

    Args:
        kind: ``webhook`` or ``mail``.
        receiver: the last part of the webhook's path, or the local part of the mail's recipient.
        at: the time of arrival, in seconds since the epoch.
        body: the JSON text of the webhook, or the subject and the text of the mail.
    """

    kind: str
    receiver: str
    at: float
    body: str


class AlertmanagerApi:
    """A client that reads the state of Alertmanager, and sends synthetic alerts to Alertmanager.

    Args:
        url: the address of Alertmanager, without a trailing slash.
        seconds: the longest time for one request, in seconds.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self.api = JsonApi(url, Access(seconds))

    def is_ready(self) -> bool:
        """Return whether Alertmanager reports that it is healthy and ready.

        Raises:
            MonitoringError: Alertmanager does not answer.
        """
        return all(self.api.answer(path).status == OK for path in ("/-/healthy", "/-/ready"))

    def status(self) -> AlertmanagerStatus:
        """Read the version and the loaded configuration of Alertmanager.

        Raises:
            MonitoringError: Alertmanager does not answer, or its response is not as documented.
        """
        path = "/api/v2/status"
        content = self.api.value(path)
        try:
            top = json_values.object_of(content)
            configuration = json_values.object_of(top["config"])["original"]
            version = json_values.object_of(top["versionInfo"])["version"]
            return AlertmanagerStatus(json_values.text(version), json_values.text(configuration))
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error

    def silences(self) -> tuple[Silence, ...]:
        """Read the active silences.

        Raises:
            MonitoringError: Alertmanager does not answer, or its response is not as documented.
        """
        path = "/api/v2/silences"
        content = self.api.value(path)
        try:
            listed = [json_values.object_of(entry) for entry in json_values.list_of(content)]
            active = [
                entry
                for entry in listed
                if json_values.object_of(entry["status"])["state"] == "active"
            ]
            return tuple(_silence(entry) for entry in active)
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error

    def send(self, alerts: Sequence[Alert], lasting: timedelta) -> None:
        """Send alerts to Alertmanager, with the time at which Alertmanager ends the alerts.

        Args:
            alerts: the alerts to send.
            lasting: how long the alerts are active; 0 or a negative time ends the alerts now.

        Raises:
            MonitoringError: Alertmanager does not answer, or refuses the alerts.
        """
        path, now = "/api/v2/alerts", datetime.now(UTC)
        # The group_wait counts from the beginning of an alert; an alert begins before it ends.
        starts = now if lasting > timedelta(0) else now - timedelta(hours=1)
        content = [
            {
                "labels": dict(alert.labels),
                "annotations": {"summary": alert.summary},
                "startsAt": starts.isoformat(),
                "endsAt": (now + lasting).isoformat(),
                "generatorURL": alert.generator_url,
            }
            for alert in alerts
        ]
        answer = self.api.sent(path, content)
        if answer.status != OK:
            again = self.api.curl_post(path, content)
            raise MonitoringError(
                f"Alertmanager refuses the alerts with status {answer.status}: "
                f"{answer.text[:200]}\nagain: {again}"
            )


class NotificationInbox:
    """A client of the testbed's webhook and mail receivers, which store every notification.

    Args:
        url: the address of the receivers, without a trailing slash.
        seconds: the longest time for one request, in seconds.
    """

    def __init__(self, url: str, seconds: float) -> None:
        self.api = JsonApi(url, Access(seconds))

    def since(self, moment: float) -> tuple[Notification, ...]:
        """Read the notifications that arrived since a moment, in seconds since the epoch.

        Raises:
            MonitoringError: the receivers do not answer, or their response has another format.
        """
        path, parameters = "/received", {"since": f"{moment:.3f}"}
        content = self.api.value(path, parameters)
        try:
            received = json_values.list_of(json_values.object_of(content)["received"])
            return tuple(_notification(json_values.object_of(entry)) for entry in received)
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path, parameters)) from error


def webhook_alerts(notification: Notification) -> tuple[tuple[str, Mapping[str, str]], ...]:
    """Return status and labels of each alert in a webhook notification.

    Raises:
        MonitoringError: the body is not a webhook message of Alertmanager.

    Source: Alertmanager documentation, webhook_config, version 4 of the message.
    """
    content = parsed(notification.body, "no command can repeat this webhook message")
    try:
        alerts = json_values.list_of(json_values.object_of(content)["alerts"])
        return tuple(_webhook_alert(json_values.object_of(entry)) for entry in alerts)
    except json_values.MALFORMED as error:
        raise other_shape(error, "no command can repeat this webhook message") from error


def _webhook_alert(content: Mapping[str, object]) -> tuple[str, Mapping[str, str]]:
    labels = json_values.object_of(content["labels"])
    texts = {name: json_values.text(value) for name, value in labels.items()}
    return json_values.text(content["status"]), texts


def _notification(content: Mapping[str, object]) -> Notification:
    kind, receiver, body = (
        json_values.text(content[name]) for name in ("kind", "receiver", "body")
    )
    return Notification(kind, receiver, json_values.number(content["time"]), body)


def _silence(content: Mapping[str, object]) -> Silence:
    matchers = [json_values.object_of(entry) for entry in json_values.list_of(content["matchers"])]
    return Silence(
        silence_id=json_values.text(content["id"]),
        author=json_values.text(content["createdBy"]),
        matchers=tuple(
            (
                json_values.text(entry["name"]),
                _operator(
                    is_equal=bool(entry.get("isEqual", True)), is_regex=bool(entry["isRegex"])
                ),
                json_values.text(entry["value"]),
            )
            for entry in matchers
        ),
    )


def _operator(*, is_equal: bool, is_regex: bool) -> str:
    if is_regex:
        return "=~" if is_equal else "!~"
    return "=" if is_equal else "!="


def address_flaws(addresses: Sequence[str], known: str, seconds: float) -> list[str]:
    """Find addresses to which Prometheus sends alerts although no Alertmanager is ready there.

    Args:
        addresses: the addresses that Prometheus lists, with the path of the API.
        known: the address of the target's Alertmanager, which another check tests; this function
            does not send a request to this address.
        seconds: the longest time for one request, in seconds.

    Returns:
        A sentence for each such address.
    """
    servers = [address.partition("/api/")[0] for address in addresses]
    flaws = []
    for server in servers:
        if server == known:
            continue
        try:
            is_ready = AlertmanagerApi(server, seconds).is_ready()
        except MonitoringError:
            is_ready = False
        if not is_ready:
            flaws.append(f"Prometheus sends alerts to {server}, but no Alertmanager is ready there")
    return flaws
