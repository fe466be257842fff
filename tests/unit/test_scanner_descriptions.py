"""The scan reads what OpenAPI files of other people say, and the log-ins of their services."""

import json
from typing import Any

import pytest
from test_scanner_parts import exchange

from suites.probes.api import Call, Endpoint
from suites.probes.injection import Pair
from suites.probes.openapi import benign, declared_places, endpoints
from suites.scanner.payloads.answers import differs
from suites.scanner.payloads.injections import BREAKS, sql
from suites.scanner.session import KEY_NAME, session_token
from suites.scanner.survey.account import is_accepted

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
OTHER_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyIn0.c2lnbmF0dXJl"


def document(paths: dict[str, Any], **components: Any) -> dict[str, Any]:
    return {"openapi": "3.0.3", "paths": paths, "components": components}


def body_of(schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"requestBody": {"content": {kind: {"schema": schema}}}, "responses": {}}


def test_the_parts_of_all_of_are_united_at_any_depth() -> None:
    base = {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}
    password = {"required": ["password"], "properties": {"password": {"type": "string"}}}
    account = {"allOf": [{"$ref": "#/components/schemas/Base"}, password]}
    schema = {"type": "object", "properties": {"user": account, "also": {"oneOf": [account]}}}
    schema["required"] = ["user", "also"]
    paths = {"/accounts": {"post": body_of(schema)}}
    (endpoint,) = endpoints(document(paths, schemas={"Base": base}))
    both = {"email": "sample", "password": "sample"}
    assert benign(endpoint).body == {"user": both, "also": both}
    names = sorted(place.name for place in declared_places(endpoint))
    assert names == ["also.email", "also.password", "user.email", "user.password"]


def test_a_flag_in_the_place_of_the_required_names_is_no_error() -> None:
    inner = {"type": "object", "required": True, "properties": {"city": {"type": "string"}}}
    schema = {"type": "object", "required": ["address"], "properties": {"address": inner}}
    (endpoint,) = endpoints(document({"/orders": {"post": body_of(schema)}}))
    assert benign(endpoint).body == {"address": {}}


def test_headers_of_the_session_are_no_parameters() -> None:
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    names = ("Authorization", "authorization", "Content-Type", "Accept", "X-Tenant")
    parameters = [{"name": name, **header} for name in names]
    get = {"get": {"parameters": parameters, "responses": {}}}
    (endpoint,) = endpoints(document({"/orders": get}))
    assert benign(endpoint).headers == {"X-Tenant": "sample"}


def test_each_name_in_a_path_is_a_required_parameter() -> None:
    stated = {"name": "order", "in": "path", "schema": {"type": "integer"}}
    get = {"get": {"parameters": [stated], "responses": {}}}
    (endpoint,) = endpoints(document({"/orders/{order}/items/{item}": get}))
    assert benign(endpoint).path == {"order": "1", "item": "sample"}


def test_operations_with_one_id_and_operations_behind_a_reference_are_kept() -> None:
    get = {"get": {"operationId": "list", "responses": {}}}
    paths = {"/a": get, "/b": get, "/c": {"$ref": "#/components/pathItems/C"}}
    names = [each.name for each in endpoints(document(paths, pathItems={"C": get}))]
    assert names == ["GET /a", "GET /b", "GET /c"]


@pytest.mark.parametrize(
    ("kind", "sent"),
    [("*/*", "application/json"), ("application/vnd.api+json; v=1", "application/vnd.api+json")],
)
def test_a_body_of_another_json_type_is_sent(kind: str, sent: str) -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
    (endpoint,) = endpoints(document({"/a": {"post": body_of(schema, kind)}}))
    assert (benign(endpoint).body, endpoint.body_type) == ({"a": "sample"}, sent)


def test_named_examples_booleans_and_lists_are_sent_as_a_client_sends_them() -> None:
    query = {"in": "query", "required": True}
    parameters = [
        {"name": "open", "schema": {"type": "boolean"}, **query},
        {"name": "status", "schema": {"type": "array", "items": {"enum": ["sold"]}}, **query},
        {"name": "on", "schema": {}, "examples": {"one": {"value": "2026-01-05"}}, **query},
    ]
    get = {"get": {"parameters": parameters, "responses": {}}}
    (endpoint,) = endpoints(document({"/pets": get}))
    assert benign(endpoint).query == {"open": "true", "status": "sold", "on": "2026-01-05"}


@pytest.mark.parametrize(
    ("content", "token"),
    [
        ({"refresh": OTHER_JWT, "access": JWT}, JWT),
        ({"refresh_token": OTHER_JWT, "accessToken": "opaque-token-1"}, "opaque-token-1"),
        ({"csrf_token": "abcdefghijkl"}, ""),
        ({"user": {"name": "ann", "token": JWT}}, JWT),
        ({"data": {"jwt": JWT}}, JWT),
        ({"id_token": OTHER_JWT, "access_token": JWT}, JWT),
        ({"message": "welcome, your token is on its way"}, ""),
    ],
)
def test_the_session_token_is_chosen_by_its_name(content: object, token: str) -> None:
    assert session_token(json.dumps(content)) == token


def test_a_text_with_a_token_and_a_field_named_key_give_a_session_token() -> None:
    assert session_token(f"<p>{JWT}</p>") == JWT
    key = "0123456789abcdef0123456789abcdef"
    assert session_token(json.dumps({"key": key}), name=KEY_NAME) == key


@pytest.mark.parametrize(
    "content",
    [
        {"success": False, "error": "invalid token"},
        {"code": 401, "msg": "log in first"},
        {"status": 403, "title": "Forbidden", "detail": "no", "instance": "/a"},
        {"status": False, "data": None, "message": "no", "at": 1},
        {"ok": False},
    ],
)
def test_a_refusal_with_status_200_is_not_accepted(content: object) -> None:
    assert not is_accepted(exchange(json.dumps(content)))


@pytest.mark.parametrize(
    "content",
    [{"code": 200, "data": []}, {"status": "paid", "id": 401}, {"code": 450, "unit": "g"}],
)
def test_an_answer_with_other_codes_is_accepted(content: object) -> None:
    assert is_accepted(exchange(json.dumps(content)))


class Service:
    """Answers by a function of the query, with a new id in each response."""

    def __init__(self, text_of: Any) -> None:
        self.text_of, self.requests = text_of, 0

    def send(self, endpoint: Endpoint, call: Call) -> Any:
        del endpoint
        self.requests += 1
        status, text = self.text_of(call.query["q"])
        content = {"text": text, "request": f"x{self.requests}", "took": self.requests % 7}
        return exchange(json.dumps(content), status=status)


def searching() -> Endpoint:
    query = {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}
    get = {"get": {"operationId": "find", "parameters": [query], "responses": {}}}
    return endpoints(document({"/find": get}))[0]


def test_a_value_that_differs_in_each_response_hides_no_injection() -> None:
    def injectable(text: str) -> tuple[int, str]:
        return 200, "all rows" if "'1'='1" in text else "no row"

    def calls(value: object) -> Call:
        return Call(query={"q": str(value)})

    pair, control = Pair("x' OR '1'='1", "x' OR '1'='2"), Pair("xa", "xb")
    arguments = (searching(), calls, pair, control)
    assert differs(Service(injectable), *arguments) is not None
    assert differs(Service(lambda _: (200, "no row")), *arguments) is None


def findings_of(text_of: Any) -> list[str]:
    observations = sql(Service(text_of), searching(), Call(query={"q": "a"}))
    return [each.sentence for each in observations if each.is_finding]


@pytest.mark.parametrize("pair", BREAKS[1:4:2])
def test_an_expression_that_breaks_without_a_database_is_no_sql_injection(pair: Pair) -> None:
    assert findings_of(lambda text: (500 if text == pair.attack else 200, "x")) == []


def test_a_parenthesis_that_breaks_sql_is_an_sql_injection() -> None:
    breaking = {BREAKS[3].attack, "zqxj(1)"}
    assert len(findings_of(lambda text: (500 if text in breaking else 200, "x"))) == 1
