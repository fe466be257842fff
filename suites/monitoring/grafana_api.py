"""A client of Grafana's HTTP API: health, data sources, dashboards, and the data of panels."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gates.model import Access
from gates.sources import json_values
from suites.monitoring.http_json import OK, JsonApi, MonitoringError, other_shape, parsed

RANGE = {"from": "now-15m", "to": "now"}
POINTS = {"intervalMs": 15_000, "maxDataPoints": 60}
# Panels of these types show no data.
WITHOUT_DATA = frozenset({"row", "text", "news", "dashlist", "welcome", "alertlist", "annolist"})
VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+)")
# Grafana itself replaces variables with such a name.
OF_GRAFANA = re.compile(r"__\w+\Z")
TOKEN = (("token", "TOKEN"),)
ALL = ".*"
MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class DataSource:
    """A data source of Grafana.

    Args:
        uid: the id of the data source.
        name: the name of the data source.
        kind: the type of the data source, such as ``prometheus``.
        is_default: whether panels without a data source of their own use this data source.
    """

    uid: str
    name: str
    kind: str
    is_default: bool


@dataclass(frozen=True, slots=True)
class PanelQuery:
    """A query of a panel.

    Args:
        name: the reference name of the query, such as ``A``.
        expression: the PromQL expression, with the values of the dashboard's variables.
        source: the id of the query's data source; empty for the default data source.
        is_instant: whether the query reads only the present value, and not a time range.
    """

    name: str
    expression: str
    source: str
    is_instant: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of a dashboard that shows data: its title and its queries."""

    title: str
    queries: tuple[PanelQuery, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard: its id, its title, and its panels that show data."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


class GrafanaApi:
    """A client that only reads from a Grafana server.

    Args:
        url: the address of Grafana, without a trailing slash.
        seconds: the longest time for one request, in seconds.
        token: the bearer token of a user with the role viewer; empty when anybody may read.
    """

    def __init__(self, url: str, seconds: float, token: str = "") -> None:
        self.api = JsonApi(url, Access(seconds, token=token, variables=TOKEN if token else ()))

    def health_problem(self) -> str:
        """Return why Grafana is not healthy; empty when Grafana is healthy.

        Raises:
            MonitoringError: Grafana does not answer, or its response is not as documented.

        Source: Grafana documentation, HTTP API, other: health.
        """
        path = "/api/health"
        answer = self.api.answer(path)
        content = parsed(answer.text, self.api.curl(path))
        try:
            database = json_values.text(json_values.object_of(content)["database"])
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error
        if answer.status == OK and database == "ok":
            return ""
        return f"status {answer.status}, database {database}; expected status {OK}, database ok"

    def sources(self) -> tuple[DataSource, ...]:
        """Read the data sources of Grafana.

        Raises:
            MonitoringError: Grafana does not answer, or its response is not as documented.
        """
        path = "/api/datasources"
        content = self.api.value(path)
        try:
            listed = [json_values.object_of(entry) for entry in json_values.list_of(content)]
            return tuple(
                DataSource(
                    uid=json_values.text(entry["uid"]),
                    name=json_values.text(entry["name"]),
                    kind=json_values.text(entry["type"]),
                    is_default=entry.get("isDefault") is True,
                )
                for entry in listed
            )
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error

    def source_problem(self, uid: str) -> str:
        """Return why a data source does not work; empty when the data source works.

        Args:
            uid: the id of the data source.

        Raises:
            MonitoringError: Grafana does not answer, or its response is not as documented.

        Source: Grafana documentation, HTTP API, data source: check data source health.
        """
        path = f"/api/datasources/uid/{uid}/health"
        answer = self.api.answer(path)
        content = parsed(answer.text, self.api.curl(path))
        try:
            top = json_values.object_of(content)
            status, message = str(top.get("status", "")), str(top.get("message", ""))
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error
        if answer.status == OK and status == "OK":
            return ""
        return f"status {answer.status} {status}: {message[:200]}"

    def dashboard_ids(self) -> Mapping[str, str]:
        """Read the ids of all dashboards, keyed by title.

        Raises:
            MonitoringError: Grafana does not answer, or its response is not as documented.
        """
        path, parameters = "/api/search", {"type": "dash-db", "limit": "5000"}
        content = self.api.value(path, parameters)
        try:
            listed = [json_values.object_of(entry) for entry in json_values.list_of(content)]
            return {
                json_values.text(entry["title"]): json_values.text(entry["uid"])
                for entry in listed
                if entry.get("type") == "dash-db"
            }
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path, parameters)) from error

    def dashboard(self, uid: str) -> Dashboard:
        """Read the dashboard with this id.

        Raises:
            MonitoringError: Grafana does not answer, or its response is not as documented.
        """
        path = f"/api/dashboards/uid/{uid}"
        content = self.api.value(path)
        try:
            top = json_values.object_of(json_values.object_of(content)["dashboard"])
            variables = _variables(top)
            panels = tuple(_panels(json_values.list_of(top["panels"]), variables))
            return Dashboard(uid, json_values.text(top["title"]), panels)
        except json_values.MALFORMED as error:
            raise other_shape(error, self.api.curl(path)) from error

    def query_problems(self, panel: Panel, default_source: DataSource) -> list[str]:
        """Run the queries of a panel; return a sentence for each query without data.

        Args:
            panel: the panel, with its queries.
            default_source: the data source for queries without a data source of their own.

        Raises:
            MonitoringError: Grafana does not answer, or its response is not as documented.

        Source: Grafana documentation, HTTP API, data source: query a data source.
        """
        path = "/api/ds/query"
        content = {**RANGE, "queries": [_query(query, default_source) for query in panel.queries]}
        answer = self.api.sent(path, content)
        again = self.api.curl_post(path, content)
        body = parsed(answer.text, again)
        try:
            results = json_values.object_of(json_values.object_of(body).get("results", {}))
            if not results:
                raise MonitoringError(
                    f"Grafana returns no result, status {answer.status}: {answer.text[:200]}"
                    f"\nagain: {again}"
                )
            return [
                f"query {query.name} {problem}: {query.expression}"
                for query in panel.queries
                if (problem := _problem(results.get(query.name)))
            ]
        except json_values.MALFORMED as error:
            raise other_shape(error, again) from error


def _query(query: PanelQuery, default_source: DataSource) -> dict[str, object]:
    source = query.source or default_source.uid
    return {
        "refId": query.name,
        "datasource": {"uid": source, "type": default_source.kind},
        "expr": query.expression,
        "instant": query.is_instant,
        "range": not query.is_instant,
        **POINTS,
    }


def _problem(result: object) -> str:
    """Return why the result of a query has no data; empty when it has a data point."""
    if result is None:
        return "has no result"
    content = json_values.object_of(result)
    if content.get("error"):
        return f"fails ({str(content['error'])[:120]})"
    frames = [
        json_values.object_of(entry) for entry in json_values.list_of(content.get("frames", []))
    ]
    points = sum(_points(frame) for frame in frames)
    return "" if points else "returns no data"


def _points(frame: Mapping[str, object]) -> int:
    columns = json_values.list_of(json_values.object_of(frame["data"])["values"])
    return max((len(json_values.list_of(column)) for column in columns), default=0)


def _variables(dashboard: Mapping[str, object]) -> dict[str, str]:
    """Return the present value of each dashboard variable; ``.*`` for a variable set to All."""
    templating = json_values.object_of(dashboard.get("templating") or {})
    variables = {}
    for entry in map(json_values.object_of, json_values.list_of(templating.get("list") or [])):
        current = json_values.object_of(entry.get("current") or {}).get("value", ALL)
        values = current if isinstance(current, list) else [current]
        texts = [str(value) for value in values]
        is_all = not texts or texts in (["$__all"], [""])
        if entry.get("type") != "datasource":
            variables[str(entry.get("name"))] = ALL if is_all else "|".join(texts)
    return variables


def _panels(listed: list[object], variables: Mapping[str, str], depth: int = 0) -> Iterator[Panel]:
    """Yield the panels that show data, also the panels of a collapsed row."""
    for content in map(json_values.object_of, listed):
        inside = json_values.list_of(content.get("panels") or [])
        if inside and depth < MAX_DEPTH:
            yield from _panels(inside, variables, depth + 1)
        if content.get("type") in WITHOUT_DATA:
            continue
        source = _source(content.get("datasource"))
        targets = map(json_values.object_of, json_values.list_of(content.get("targets") or []))
        queries = tuple(
            _panel_query(target, source, variables) for target in targets if not target.get("hide")
        )
        yield Panel(str(content.get("title", "")), queries)


def _panel_query(
    content: Mapping[str, object], source: str, variables: Mapping[str, str]
) -> PanelQuery:
    return PanelQuery(
        name=json_values.text(content["refId"]),
        expression=_filled(str(content.get("expr", "")), variables),
        source=_source(content.get("datasource")) or source,
        is_instant=content.get("instant") is True and content.get("range") is not True,
    )


def _source(content: object) -> str:
    """Return the id of a data source; empty when it is a variable, or is not named."""
    uid = content.get("uid", "") if isinstance(content, dict) else ""
    return "" if "$" in str(uid) else str(uid or "")


def _filled(expression: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = next(group for group in match.groups() if group)
        return match[0] if OF_GRAFANA.match(name) else variables.get(name, match[0])

    return VARIABLE.sub(value, expression)
