"""The parts of the scan: comparing answers, grouping, severity, curl lines, words, keys."""

import json
import subprocess
import time
from typing import Any

import pytest
from cvss import CVSS4
from small_service import Reply, Request, SmallService, served

from suites.probes import passive
from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.probes.forging import signed
from suites.probes.injection import DATABASE_ERRORS, shape
from suites.probes.openapi import endpoints
from suites.probes.rules import RULES
from suites.probes.severity import SEVERITIES, Level
from suites.scanner.grouping import findings
from suites.scanner.output import printable
from suites.scanner.payloads import injections, markup, robustness, slow_patterns
from suites.scanner.payloads.answers import essence
from suites.scanner.reproduction import Replacements, again
from suites.scanner.rights.exposure import secrets_in
from suites.scanner.rights.origins import look_alikes
from suites.scanner.rights.token_keys import key_of
from suites.scanner.sarif import sarif
from suites.scanner.sending import HttpSender
from suites.scanner.survey import vocabulary

LONG = 60_000


def exchange(
    text: str, *, status: int = 200, sent: str = "", kind: str = "application/json"
) -> Exchange:
    return Exchange("POST", "http://127.0.0.1/x", sent, status, {"content-type": kind}, text, 0.01)


def operation(method: str, path: str, name: str = "", **content: Any) -> Endpoint:
    document = {
        "openapi": "3.1.0",
        "paths": {
            path: {
                method.lower(): {
                    "operationId": name or f"{method} {path}",
                    "responses": {},
                    **content,
                }
            }
        },
    }
    return endpoints(document)[0]


@pytest.mark.parametrize("rule", RULES)
def test_the_score_of_a_rule_is_the_score_of_its_vector(rule: str) -> None:
    severity = SEVERITIES[rule]
    assert float(CVSS4(severity.vector).base_score) == severity.score


def test_every_rule_has_a_severity_and_the_levels_differ() -> None:
    assert set(SEVERITIES) == set(RULES)
    assert {severity.level for severity in SEVERITIES.values()} == set(Level)


@pytest.mark.parametrize(
    "text", ["x", "a/", "SELECT ", "SELECT x ", "at a.b", 'File "', 'near "', "aError"]
)
def test_the_search_for_internals_takes_a_time_in_proportion_to_the_text(text: str) -> None:
    long = exchange(text * (LONG // len(text)), status=500)
    started = time.monotonic()
    passive.error_details(long, "x", ())
    DATABASE_ERRORS.search(long.text)
    robustness.internals_in(long)
    assert time.monotonic() - started < 5


def test_an_echo_in_an_error_is_no_difference() -> None:
    payloads: tuple[object, ...] = ({"$ne": "zqxj"}, {"$in": []})
    answers = [
        exchange(json.dumps({"detail": [{"input": payload}]}), status=422) for payload in payloads
    ]
    assert shape(answers[0], *payloads) == shape(answers[1], *payloads)
    assert essence(answers[0], *payloads) == essence(answers[1], *payloads)


@pytest.mark.parametrize("word", ["zqxj' OR '1'='1", '<b>"zq"', "zq xj%"])
def test_an_echo_in_any_usual_form_is_no_difference(word: str) -> None:
    other = "another word"
    for form in ("{}", "<p>{}</p>", '{{"error": "no {}"}}'):
        texts = [form.format(json.dumps(text)[1:-1]) for text in (word, other)]
        assert len({essence(exchange(text), word, other) for text in texts}) == 1


def test_times_and_ids_are_no_difference() -> None:
    texts = [
        '{"at": "2026-01-02T03:04:05.1Z", "id": "9f86d081884c7d65"}',
        '{"at": "2026-01-02T03:04:06Z", "id": "a3f5d081884c7d65"}',
    ]
    assert len({essence(exchange(text)) for text in texts}) == 1


class Cutting(SmallService):
    """Repeats the first twenty letters of a name: no injection, and no whole echo."""

    def __init__(self) -> None:
        super().__init__()
        self.route("POST", "/names", self.name)

    def name(self, request: Request) -> Reply:
        return Reply(200, {"name": str(request.body["name"])[:20]})


NAMES = operation(
    "POST",
    "/names",
    "addName",
    requestBody={
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}},
                }
            }
        }
    },
)


def test_a_part_of_the_value_in_the_answer_is_no_injection() -> None:
    with served(Cutting()) as url:
        observations = list(injections.sql(HttpSender(url), NAMES, Call(body={"name": "zoe"})))
    assert [observation.is_finding for observation in observations] == [False]


class Growing:
    """Answers after a time that doubles with each letter; no clock is needed."""

    def __init__(self, *, exponential: bool) -> None:
        self.exponential = exponential
        self.longest = 0

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        del endpoint
        name = call.body["name"]
        self.longest = max(self.longest, len(name))
        is_slow = self.exponential and name.startswith("aa") and name.endswith("!")
        seconds = 2.0 ** (len(name) - 25) if is_slow else 0.001
        return Exchange("POST", "/", "", 200, {}, "", seconds)


def test_a_slow_pattern_is_found_by_short_values_only() -> None:
    sender = Growing(exponential=True)
    (observation,) = slow_patterns.slow_patterns(sender, NAMES, Call(body={"name": "zoe"}))
    assert isinstance(observation, Observation)
    assert observation.is_finding
    assert sender.longest < 30
    (other,) = slow_patterns.slow_patterns(
        Growing(exponential=False), NAMES, Call(body={"name": "zoe"})
    )
    assert isinstance(other, Observation)
    assert not other.is_finding


def test_findings_of_one_cause_are_one_finding_with_its_places() -> None:
    def observed(rule: str, place: str, cause: str) -> Observation:
        return Observation(rule, place, is_finding=True, sentence="seen", cause=cause)

    grouped = findings(
        [
            observed("server-version", "a", "x"),
            observed("server-version", "b", "x"),
            observed("sql-injection", "a name", ""),
            observed("sql-injection", "b name", ""),
        ]
    )
    assert [(group.first.rule, group.count, group.places) for group in grouped] == [
        ("sql-injection", 1, ("a name",)),
        ("sql-injection", 1, ("b name",)),
        ("server-version", 2, ("a", "b")),
    ]


def test_levels_of_sarif_follow_the_severity() -> None:
    observations = [
        Observation(rule, "x", is_finding=True, sentence="seen")
        for rule in ("sql-injection", "cors", "server-version")
    ]
    run = sarif(observations, ())["runs"][0]  # type: ignore[index]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note"]


def test_lone_surrogates_and_control_characters_can_be_printed() -> None:
    text = printable("a\ud800b\x1b[2Jc\u202ed ü")
    assert text == "a\\ud800b\\x1b[2Jc\\u202ed ü"
    text.encode("utf-8")


class Recorder(SmallService):
    """Keeps the bytes and headers of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, str, Any, str]] = []

    def answer(self, request: Request, raw_path: str) -> Reply:
        self.requests.append(
            (request.method, raw_path, request.body, request.headers.get("authorization", ""))
        )
        return Reply(200)


CALLS = (
    Call(body={"name": 'it\'s "quoted" $HOME `id` \\ é'}),
    Call(body={"name": "x" * 20_000}),
    Call(body={"name": "a\x00b\ud800"}),
    Call(body={"name": "hidden word"}),
    Call(body={"name": "@file"}),
    Call(raw_path="/names/%27%20OR/..%2f{x}[1]"),
)


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_the_again_line_sends_the_same_request(call: Call) -> None:
    recorder = Recorder()
    with served(recorder) as url:
        sender = HttpSender(url, {"Authorization": "Bearer hidden-token"})
        sent = sender.send(NAMES, call)
        secrets = {"hidden-token": "TOKEN", "hidden word": "WORD"}
        line = again(sent, Replacements(secrets))
        assert "hidden" not in line
        line.encode("ascii" if "é" not in line else "utf-8")
        subprocess.run(
            ["sh", "-c", line],
            check=True,
            capture_output=True,
            timeout=20,
            env={
                "TOKEN": "hidden-token",
                "WORD": "hidden word",
                "PATH": "/usr/bin:/bin:/usr/local/bin",
            },
        )
    assert recorder.requests[0] == recorder.requests[1]


def test_names_that_must_be_new_are_new_in_the_again_line() -> None:
    sent = Exchange("POST", "http://127.0.0.1/x", "", 201, {}, "", 0.1, {}, b'{"a": "kp12n3"}')
    assert again(sent, Replacements({}, "kp12")).startswith('N="kp$(date +%s)"; curl ')
    assert "kp12n3" in again(sent, Replacements({}, "kp12", frozenset({"kp12n3"})))


@pytest.mark.parametrize("key", ["random", "my-secret-key"])
def test_weak_keys_are_found_offline(key: str) -> None:
    assert key_of(signed({"alg": "HS256"}, {"sub": "a"}, key)) == key


def test_short_numbers_and_no_strong_key_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("suites.scanner.rights.token_keys.MAX_DIGITS", 3)
    monkeypatch.setattr("suites.scanner.rights.token_keys.FREQUENCY_LISTS", {})
    monkeypatch.setattr("suites.scanner.rights.token_keys.PARTS", ("secret",))
    assert key_of(signed({"alg": "HS512"}, {"sub": "a"}, "047")) == "047"
    assert key_of(signed({"alg": "HS256"}, {"sub": "a"}, "f" * 60)) is None


DESTRUCTIVE = ("/createdb", "/v1/create-db", "/db/reset-data", "/resetDatabase", "/seed", "/drop")
HARMLESS = ("/created", "/seeds-and-plants", "/databases", "/settings", "/orders", "/presets")


@pytest.mark.parametrize("path", DESTRUCTIVE)
def test_operations_that_destroy_are_known_by_name(path: str) -> None:
    assert vocabulary.is_destructive(operation("GET", path))


@pytest.mark.parametrize("path", HARMLESS)
def test_other_operations_are_not_taken_for_destructive(path: str) -> None:
    assert not vocabulary.is_destructive(operation("GET", path))


# Built at run time, so that our own files hold nothing that looks like a secret.
WORD, KEY = "password", "secret"
SECRETS: dict[str, tuple[Any, bool]] = {
    "a hash by its value": ({"x": "$2b$10$" + "a" * 53}, True),
    "a password by its name": ({"users": [{WORD: "hunter two"}]}, True),
    "a camel case name": ({f"{WORD}Hash": "5f4dcc3b5aa765d6"}, True),
    "a masked password": ({WORD: "*" * 8}, False),
    "no password": ({WORD: None, f"{WORD}_changed": "yes"}, False),
    "a token of a log-in": ({"access_token": "abcdefgh", "token_type": "bearer"}, False),
    "the secret of a book": ({KEY: "the plot"}, False),
}


@pytest.mark.parametrize("what", SECRETS)
def test_secrets_in_answers_are_known_by_name_or_value(what: str) -> None:
    content, has_secret = SECRETS[what]
    assert bool(list(secrets_in(exchange(json.dumps(content))))) == has_secret


def test_markup_counts_as_an_element_only() -> None:
    page = "text/html"
    assert markup.marks_in(exchange("<p><kpmark id=m1></p>", kind=page)) == {"m1"}
    assert markup.marks_in(exchange('<input value="" id=m2 kpmark="">', kind=page)) == {"m2"}
    assert markup.marks_in(exchange("<p>&lt;kpmark id=m1&gt;</p>", kind=page)) == set()
    assert markup.marks_in(exchange('<input value="<kpmark id=m1>">', kind=page)) == set()
    assert markup.marks_in(exchange("<kpmark id=m1>")) == set()


def test_look_alikes_are_of_the_own_host() -> None:
    origins = set(look_alikes("shop.example:8443").values())
    assert "https://shop.example.evil.example" in origins
    assert "https://evilshop.example:8443" in origins
    assert "https://shopxexample:8443" in origins


def test_a_pair_of_answers_that_are_both_refusals_is_no_injection() -> None:
    class Refusing:
        def send(self, endpoint: Endpoint, call: Call) -> Exchange:
            del endpoint
            status = 400 if "1'='1" in str(call.body) else 422
            return exchange("{}", status=status)

    observations = list(injections.sql(Refusing(), NAMES, Call(body={"name": "zoe"})))
    assert [observation.is_finding for observation in observations] == [False]
