"""The receivers of notifications and the stand-in for Grafana: what they keep and answer."""

import asyncio
import json
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from testbed import ports
from testbed.monitoring import configuration, grafana, notifications
from testbed.world import World


@pytest.fixture
def serving() -> Iterator[Callable[[ThreadingHTTPServer], str]]:
    """Serves a server until the end of the test, and returns its address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(server: ThreadingHTTPServer) -> str:
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


Serving = Callable[[ThreadingHTTPServer], str]


def test_a_webhook_is_kept_with_its_receiver_and_its_time(serving: Serving) -> None:
    address = serving(notifications.WebhookServer(0, notifications.Inbox()))
    before = time.time()
    assert requests.post(f"{address}/hook/pager", data='{"status":"firing"}', timeout=5).ok
    (received,) = requests.get(f"{address}/received?since={before}", timeout=5).json()["received"]
    assert received | {"time": 0} == {
        "kind": "webhook",
        "receiver": "pager",
        "time": 0,
        "body": '{"status":"firing"}',
    }
    assert before <= received["time"] <= time.time()
    later = requests.get(f"{address}/received?since={time.time()}", timeout=5).json()
    assert later == {"received": []}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/hook/", {}, 404),
        ("POST", "/hook/Pager", {}, 404),
        ("POST", "/other", {}, 404),
        ("POST", "/hook/pager", {"Content-Length": str(notifications.MAX_BODY + 1)}, 413),
        ("POST", "/hook/pager", {"Content-Length": "many"}, 413),
        ("GET", "/received?since=yesterday", {}, 400),
        ("GET", "/other", {}, 404),
        ("GET", "/health", {}, 200),
    ],
)
def test_the_webhook_endpoint_refuses_other_requests(
    serving: Serving, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    inbox = notifications.Inbox()
    address = serving(notifications.WebhookServer(0, inbox))
    answer = requests.request(method, address + path, headers=headers, timeout=5)
    assert answer.status_code == status
    assert inbox.since(0) == []


def test_only_the_newest_notifications_are_kept() -> None:
    inbox = notifications.Inbox()
    for number in range(notifications.MAX_KEPT + 10):
        inbox.add("webhook", "pager", str(number))
    kept = inbox.since(0)
    assert (len(kept), kept[0].body) == (notifications.MAX_KEPT, "10")
    inbox.add("webhook", "pager", "x" * notifications.MAX_KEPT_BYTES)
    assert [len(notification.body) for notification in inbox.since(0)] == [
        notifications.MAX_KEPT_BYTES
    ]


def test_a_mail_is_kept_for_each_recipient_with_its_decoded_text() -> None:
    inbox = notifications.Inbox()
    (port, *_) = ports.free().values()
    mail = EmailMessage()
    mail["From"], mail["To"] = "alertmanager@kirana.example", "mail@kirana.example"
    mail["Subject"] = "[FIRING:1] ApiSlow"
    mail.set_content("severity = warning, ₹ 100", cte="quoted-printable")

    async def receive() -> None:
        server = await notifications.receive_mail(port, inbox)
        async with server:
            await asyncio.to_thread(send)

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.send_message(mail, to_addrs=["mail@kirana.example", "daily-mail@x.example"])

    asyncio.run(receive())
    kept = inbox.since(0)
    assert [(received.kind, received.receiver) for received in kept] == [
        ("mail", "mail"),
        ("mail", "daily-mail"),
    ]
    assert kept[0].body == "Subject: [FIRING:1] ApiSlow\n\nseverity = warning, ₹ 100\r\n"


class PrometheusHandler(BaseHTTPRequestHandler):
    """Answers an instant query, a range query, and an error to the query ``broken``."""

    def do_GET(self) -> None:
        metric = {"slot": "green"}
        vector = {"resultType": "vector", "result": [{"metric": metric, "value": [100.5, "NaN"]}]}
        values = [[100, "1"], [115, "2.5"]]
        matrix = {"resultType": "matrix", "result": [{"metric": metric, "values": values}]}
        if "broken" in self.path:
            self._say(400, {"status": "error", "error": "parse error"})
        else:
            self._say(200, {"data": matrix if "query_range" in self.path else vector})

    def _say(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def world(tmp_path: Path, serving: Serving) -> World:
    """A world of files whose data source is a small server."""
    world = World(tmp_path, dict(ports.GUIDE), tmp_path, {})
    configuration.write_dashboards(world)
    address = serving(ThreadingHTTPServer(("127.0.0.1", 0), PrometheusHandler))
    configuration.write_data_source(world, address)
    return world


@pytest.fixture
def address(world: World, serving: Serving) -> str:
    """The address of the stand-in."""
    return serving(grafana.Server(0, configuration.grafana_folder(world)))


def query(address: str, **changes: object) -> tuple[int, Any]:
    """The answer to one query."""
    query = {"refId": "A", "expr": "up", "datasource": {"uid": "prometheus"}, **changes}
    body = {"from": "now-5m", "to": "now", "queries": [query]}
    answer = requests.post(f"{address}/api/ds/query", json=body, timeout=5)
    return answer.status_code, answer.json()


def test_health_data_source_search_and_dashboards(address: str) -> None:
    def get(path: str) -> Any:
        answer = requests.get(address + path, timeout=5)
        assert answer.ok, answer.text
        return answer.json()

    assert get("/api/health")["database"] == "ok"
    assert get("/api/health")["version"] == configuration.GRAFANA_VERSION
    assert [source["uid"] for source in get("/api/datasources")] == ["prometheus"]
    assert get("/api/datasources/uid/prometheus/health")["status"] == "OK"
    titles = {dashboard["title"]: dashboard["uid"] for dashboard in get("/api/search?type=dash-db")}
    assert set(titles) == {"System Health", "Business Metrics", "Infrastructure"}
    board = get(f"/api/dashboards/uid/{titles['Infrastructure']}")
    assert board["dashboard"]["title"] == "Infrastructure"
    assert len(board["dashboard"]["panels"]) == 5


def test_a_query_is_answered_in_frames(address: str) -> None:
    status, body = query(address)
    (frame,) = body["results"]["A"]["frames"]
    assert (status, frame["data"]["values"]) == (200, [[100_000, 115_000], [1.0, 2.5]])
    assert frame["schema"]["fields"][1]["labels"] == {"slot": "green"}
    status, body = query(address, instant=True)
    (frame,) = body["results"]["A"]["frames"]
    assert (status, frame["data"]["values"]) == (200, [[100_500], [None]])


def test_a_query_that_fails_says_why(address: str) -> None:
    status, body = query(address, expr="broken(")
    assert (status, body["results"]["A"]["error"]) == (400, "parse error")
    status, body = query(address, datasource={"uid": "other"})
    assert (status, body["results"]["A"]["error"]) == (400, "no data source 'other'")


def test_faults_of_the_files_are_visible(world: World, address: str) -> None:
    configuration.write_data_source(world, "http://127.0.0.1:1")
    configuration.write_grafana_settings(world, version="9", database="failing")
    health = requests.get(f"{address}/api/health", timeout=5)
    assert (health.status_code, health.json()["database"]) == (503, "failing")
    source = requests.get(f"{address}/api/datasources/uid/prometheus/health", timeout=5)
    assert (source.status_code, source.json()["status"]) == (400, "ERROR")
    assert query(address)[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/dashboards/uid/none", "", 404),
        ("GET", "/api/datasources/uid/none/health", "", 404),
        ("GET", "/", "", 404),
        ("POST", "/api/search", "{}", 404),
        ("POST", "/api/ds/query", "{", 400),
        ("POST", "/api/ds/query", "[]", 400),
        ("POST", "/api/ds/query", '{"from": "soon", "to": "now", "queries": []}', 400),
        ("POST", "/api/ds/query", '{"from": "now", "to": "now", "queries": [1]}', 400),
        ("POST", "/api/ds/query", " " * (grafana.MAX_BODY + 1), 413),
    ],
)
def test_other_requests_are_refused(
    address: str, method: str, path: str, body: str, status: int
) -> None:
    answer = requests.request(method, address + path, data=body, timeout=5)
    assert answer.status_code == status
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("text", "age"), [("now", 0), ("now-30s", 30), ("now-5m", 300), ("now-2h", 7200)]
)
def test_a_moment_is_counted_back_from_now(text: str, age: float) -> None:
    assert grafana.seconds(text) == pytest.approx(time.time() - age, abs=1)


def test_a_moment_in_milliseconds_is_a_moment() -> None:
    assert grafana.seconds("1500") == 1.5
