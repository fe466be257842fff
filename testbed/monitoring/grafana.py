"""A stand-in for Grafana, which cannot be installed here: its HTTP API over files of dashboards.

It answers health, data sources, search, dashboards and queries in Grafana's shapes
(https://grafana.com/docs/grafana/latest/developers/http_api/). Queries go to the real Prometheus of
the world. The files are read at each request.
"""

import argparse
import json
import re
import time
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

MAX_BODY = 256 * 1024
MAX_ANSWER = 16 * 1024 * 1024
QUERY_SECONDS = 5
READ_SECONDS = 5
MOMENT = re.compile(r"now(?:-(\d{1,6})([smhd]))?\Z")
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DEFAULT_POINTS = 100

Json = dict[str, Any]
Reply = tuple[int, object]


class QueryError(Exception):
    """Prometheus did not answer a query; the message says why."""


class Grafana:
    """The answers of the API, from a folder of files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str) -> Reply:
        """The answer to a GET."""
        if path == "/api/health":
            return self._health()
        if path == "/api/datasources":
            return 200, self._sources()
        if path == "/api/search":
            return 200, [_search_result(dashboard) for dashboard in self._dashboards()]
        if match := re.fullmatch(r"/api/datasources/uid/([\w-]+)/health", path):
            return self._source_health(match[1])
        if match := re.fullmatch(r"/api/dashboards/uid/([\w-]+)", path):
            return self._dashboard(match[1])
        return 404, {"message": "Not found"}

    def query(self, body: Json) -> Reply:
        """The answer to ``POST /api/ds/query``: frames by the queries' reference names."""
        try:
            start, end = seconds(str(body["from"])), seconds(str(body["to"]))
            queries = [(str(query["refId"]), query) for query in body["queries"]]
        except (KeyError, TypeError, ValueError) as error:
            return 400, {"message": f"bad request data: {error!r}"}
        results: Json = {name: self._result(query, start, end) for name, query in queries}
        failed = any("error" in result for result in results.values())
        return (400 if failed else 200), {"results": results}

    def _result(self, query: Json, start: float, end: float) -> Json:
        try:
            return {"status": 200, "frames": self._frames(query, start, end)}
        except QueryError as error:
            return {"status": 400, "error": str(error), "frames": []}

    def _frames(self, query: Json, start: float, end: float) -> list[Json]:
        url = self._url(str(query.get("datasource", {}).get("uid", "")))
        expression = str(query.get("expr", ""))
        if query.get("instant"):
            return _frames(query, ask(url, "query", query=expression, time=str(end)))
        points = max(1, int(query.get("maxDataPoints") or DEFAULT_POINTS))
        interval = float(query.get("intervalMs") or 0) / 1000
        step = max(1.0, interval, (end - start) / points)
        times = {"start": str(start), "end": str(end), "step": str(step)}
        return _frames(query, ask(url, "query_range", query=expression, **times))

    def _url(self, uid: str) -> str:
        for source in self._sources():
            if source["uid"] == uid:
                return str(source["url"])
        raise QueryError(f"no data source {uid!r}")

    def _health(self) -> Reply:
        settings = json.loads((self._folder / "settings.json").read_text())
        works = settings["database"] == "ok"
        return (200 if works else 503), {"commit": "stand-in", **settings}

    def _sources(self) -> list[Json]:
        sources: list[Json] = json.loads((self._folder / "datasources.json").read_text())
        return [
            {"id": number, "orgId": 1, "access": "proxy", "isDefault": number == 1, **source}
            for number, source in enumerate(sources, start=1)
        ]

    def _source_health(self, uid: str) -> Reply:
        if uid not in [source["uid"] for source in self._sources()]:
            return 404, {"message": "Data source not found"}
        try:
            ask(self._url(uid), "query", query="1")
        except QueryError as error:
            return 400, {"status": "ERROR", "message": str(error)}
        return 200, {"status": "OK", "message": "Successfully queried the Prometheus API."}

    def _dashboards(self) -> list[Json]:
        paths = sorted((self._folder / "dashboards").glob("*.json"))
        return [json.loads(path.read_text()) for path in paths]

    def _dashboard(self, uid: str) -> Reply:
        for dashboard in self._dashboards():
            if dashboard["uid"] == uid:
                meta = {"type": "db", "slug": uid, "url": f"/d/{uid}/{uid}", "folderTitle": ""}
                return 200, {"meta": meta, "dashboard": dashboard}
        return 404, {"message": "Dashboard not found"}


def _search_result(dashboard: Json) -> Json:
    uid = dashboard["uid"]
    return {
        "uid": uid,
        "title": dashboard["title"],
        "uri": f"db/{uid}",
        "url": f"/d/{uid}/{uid}",
        "type": "dash-db",
        "tags": dashboard.get("tags", []),
        "isStarred": False,
    }


def seconds(text: str) -> float:
    """A moment in seconds since the epoch, from milliseconds or from ``now-5m``.

    Raises:
        ValueError: the text is no moment.
    """
    if text.isdigit():
        return int(text) / 1000
    match = MOMENT.match(text)
    if match is None:
        raise ValueError(f"no moment: {text[:40]!r}")
    return time.time() - int(match[1] or 0) * UNIT_SECONDS[match[2] or "s"]


def ask(url: str, kind: str, **parameters: str) -> Json:
    """Prometheus' answer to a query.

    Raises:
        QueryError: no answer, or an error.
    """
    address = f"{url}/api/v1/{kind}?{urlencode(parameters)}"
    try:
        with urlopen(address, timeout=QUERY_SECONDS) as response:  # noqa: S310 - the world's own
            data: Json = json.loads(response.read(MAX_ANSWER))["data"]
            return data
    except HTTPError as error:
        raise QueryError(_reason(error)) from error
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise QueryError(f"Prometheus does not answer: {error}") from error


def _reason(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(MAX_BODY))["error"])
    except (OSError, ValueError, KeyError):
        return f"Prometheus answers {error.code}"


def _frames(query: Json, data: Json) -> list[Json]:
    """Grafana's data frames of a vector, a matrix or a scalar."""
    result = data["result"]
    answers = [{"metric": {}, "value": result}] if data["resultType"] == "scalar" else result
    return [
        _frame(query, series["metric"], series.get("values") or [series["value"]])
        for series in answers
    ]


def _frame(query: Json, labels: dict[str, str], samples: list[tuple[float, str]]) -> Json:
    fields = [
        {"name": "Time", "type": "time"},
        {"name": "Value", "type": "number", "labels": labels},
    ]
    times = [round(moment * 1000) for moment, _ in samples]
    values = [_number(text) for _, text in samples]
    return {
        "schema": {"refId": query["refId"], "fields": fields},
        "data": {"values": [times, values]},
    }


def _number(text: str) -> float | None:
    """A sample's value; JSON has no NaN and no infinity, for which Grafana writes null."""
    value = float(text)
    return value if abs(value) < float("inf") else None


class Handler(BaseHTTPRequestHandler):
    """One request to the stand-in."""

    server: "Server"
    timeout = READ_SECONDS

    def do_GET(self) -> None:
        """Everything but queries."""
        self._answer(*self.server.grafana.get(urlsplit(self.path).path))

    def do_POST(self) -> None:
        """``/api/ds/query``."""
        size = self.headers.get("content-length", "")
        if self.path != "/api/ds/query":
            self._answer(404, {"message": "Not found"})
        elif not size.isdigit() or int(size) > MAX_BODY:
            self._answer(413, {"message": "Request body is too large"})
        else:
            self._query(self.rfile.read(int(size)))

    def _query(self, content: bytes) -> None:
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        if isinstance(body, dict):
            self._answer(*self.server.grafana.query(body))
        else:
            self._answer(400, {"message": "bad request data"})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """The stand-in over one folder."""

    daemon_threads = True

    def __init__(self, port: int, folder: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.grafana = Grafana(folder)


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m testbed.monitoring.grafana")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    Server(options.port, options.folder).serve_forever()


if __name__ == "__main__":
    main()
