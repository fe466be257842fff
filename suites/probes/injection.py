"""Probes for injection: each attack beside a twin that differs only in its meaning.

A service that obeys the attack answers the pair differently; one that refuses both, or takes both
for text, answers them alike, whatever that answer is. A difference counts when it repeats.
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

DATABASE_ERRORS = re.compile(
    r"SQLITE|sqlite3?\.|SQL syntax|syntax error at or near|unrecognized token|near \"[^\"]*\": "
    r"syntax|ORA-\d{5}|PG::|psycopg|mysql|ODBC|unterminated quoted|pymongo|MongoError|unknown "
    r"(top level )?operator|BadValue|\$(where|regex|ne|gt) ",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Pair:
    """An attack and its twin: the same syntax, the opposite meaning."""

    attack: object
    twin: object


SQL = (
    *(Pair(f"{WORD}{quote_}{end} OR {one}", f"{WORD}{quote_}{end} OR {other}")
      for end in ("", ")")
      for quote_, one, other in (("'", "'1'='1", "'1'='2"), ('"', '"1"="1', '"1"="2'),
                                 ("'", "1=1 -- ", "1=2 -- "))),
    Pair(f"{ABSENT} OR 1=1", f"{ABSENT} OR 1=2"),
    Pair(f"{WORD}%' OR '1%'='1", f"{WORD}%' OR '1%'='2"),
)  # fmt: skip
SQL_BREAKS = (Pair(f"{WORD}'", f"{WORD}''"), Pair(f'{WORD}"', f'{WORD}""'), Pair("1'", "1''"))
SQL_DELAYS = (
    "{word}' OR {sleep} OR '1'='2", "{word}' AND {sleep} AND '1'='1", "1 OR {sleep}",
    "{word}'; SELECT {sleep} -- ",
)  # fmt: skip
COUNTING = (
    "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT {}) "
    "SELECT count(*)=0 FROM c)"
)
SLEEPS = (
    ("SLEEP(1)", "SLEEP(0)"),
    ("(SELECT 1 FROM pg_sleep(1))", "(SELECT 1 FROM pg_sleep(0))"),
    # SQLite has no sleep: counting does it.
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
TEMPLATES = ("{{{{{0}*{1}}}}}", "${{{0}*{1}}}", "#{{{0}*{1}}}", "<%= {0}*{1} %>",
             "{{{{= {0}*{1} }}}}", "{{% print({0}*{1}) %}}")  # fmt: skip
BARE = "7411*1097"
HEADER = "x-kirana-probe"
BREAKS = ("\r\n", "\n", "\u560d\u560a")
PASSWD = re.compile(r"\broot:[^:\s]*:0:0:")
CLIMBS = ("../" * 8 + "{file}", "..%2f" * 8 + "{file}", "%2e%2e/" * 8 + "{file}", "/{file}",
          "....//" * 8 + "{file}", "..%252f" * 8 + "{file}")  # fmt: skip


def nosql_pairs() -> tuple[Pair, ...]:
    """Operators that match everything beside the same that match nothing, by a fixed seed."""
    found: list[Pair] = [
        Pair({"$ne": WORD}, {"$in": []}),
        Pair({"$gt": ""}, {"$lt": ""}),
        Pair({"$regex": ".*"}, {"$regex": f"^{WORD}$"}),
        Pair({"$where": "true"}, {"$where": "false"}),
        Pair(["$ne", WORD], ["$eq", WORD]),
    ]

    @seed(SEED)
    @settings(max_examples=4, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.sampled_from(["$ne", "$nin", "$not"]), st.text("zqxj", min_size=3, max_size=8))
    def more(operator: str, word: str) -> None:
        value: object = {"$ne": word, "$nin": [word], "$not": {"$eq": word}}[operator]
        found.append(Pair({operator: value}, {"$eq": f"{word}!"}))

    more()
    return tuple(found)


def shape(exchange: Exchange, *payloads: object) -> tuple[int, object]:
    """What of an answer does not depend on the payload's letters: status and structure."""
    try:
        content = json.loads(exchange.text)
    except ValueError:
        text = exchange.text
        for payload in payloads:
            text = text.replace(str(payload), "")
        return exchange.status, len(text) // 40
    return exchange.status, frozenset(Counter(_paths(content, "")).items())


def _paths(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield path
        for name, one in value.items():
            yield from _paths(one, f"{path}.{name}")
    elif isinstance(value, list):
        for one in value:
            yield from _paths(one, f"{path}[]")
    else:
        yield f"{path}:{value}" if isinstance(value, bool) else path


def pair_differs(
    sender: Sender, endpoint: Endpoint, calls: Callable[[object], Call], pair: Pair
) -> Exchange | None:
    """The attack's exchange where its answer differs from its twin's, each time it is tried."""
    last = None
    for _ in range(REPEATS):
        attack = sender.send(endpoint, calls(pair.attack))
        twin = sender.send(endpoint, calls(pair.twin))
        if shape(attack, pair.attack, pair.twin) == shape(twin, pair.attack, pair.twin):
            return None
        again = sender.send(endpoint, calls(pair.twin))
        if shape(again, pair.attack, pair.twin) != shape(twin, pair.attack, pair.twin):
            return None  # it answers differently by itself
        if 429 in (attack.status, twin.status, again.status):  # noqa: PLR2004 - says nothing
            return None
        last = attack
    return last


def nosql(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Operators for scalars in bodies, forms and query strings (``name[$ne]``)."""
    for place in places(endpoint, call):
        if place.where == "path":
            continue
        for pair in (*nosql_pairs(), *_pattern_pairs(value_at(call, place))):
            if place.where == "query" and isinstance(pair.attack, list):
                continue
            attack = pair_differs(sender, endpoint, _operator_call(call, place), pair)
            if attack:
                yield _found("nosql-injection", endpoint, place, pair.attack, attack)
                break
        else:
            yield _clear("nosql-injection", endpoint, place)


def _pattern_pairs(value: object) -> Iterator[Pair]:
    """A value with its last letter as a pattern that matches it, and as one that does not."""
    if isinstance(value, str) and len(value) > 2:  # noqa: PLR2004 - a letter says too little
        yield Pair(f"{value[:-1]}.", f"{value[:-1]}!")


def _operator_call(call: Call, place: Parameter) -> Callable[[object], Call]:
    def make(value: object) -> Call:
        if place.where != "query" or not isinstance(value, dict):
            return call.with_value(place, value)
        operator, operand = next(iter(value.items()))
        query = {name: one for name, one in call.query.items() if name != place.name}
        return replace(call, query={**query, f"{place.name}[{operator}]": str(operand)})

    return make


def sql(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Quotes, conditions and delays: by error, by difference, by time."""
    for place in places(endpoint, call):
        found = _sql_at(sender, endpoint, call, place)
        yield found or _clear("sql-injection", endpoint, place)


def _sql_at(sender: Sender, endpoint: Endpoint, call: Call, place: Parameter) -> Observation | None:
    for pair in SQL_BREAKS:
        broken = sender.send(endpoint, call.with_value(place, pair.attack))
        whole = sender.send(endpoint, call.with_value(place, pair.twin))
        told = DATABASE_ERRORS.search(broken.text)
        if told and not DATABASE_ERRORS.search(whole.text):
            return _found("sql-injection", endpoint, place, pair.attack, broken)
        if broken.status >= 500 > whole.status:  # noqa: PLR2004 - a quote broke a statement
            return _found("sql-injection", endpoint, place, pair.attack, broken)
    for pair in SQL:
        attack = pair_differs(sender, endpoint, lambda value: call.with_value(place, value), pair)
        if attack:
            return _found("sql-injection", endpoint, place, pair.attack, attack)
    for template in SQL_DELAYS:
        for sleep, awake in SLEEPS:
            slow, quick = (template.format(word=WORD, sleep=one) for one in (sleep, awake))
            delayed = _delays(sender, endpoint, call, place, Pair(slow, quick))
            if delayed:
                return _found("sql-injection", endpoint, place, slow, delayed)
    return None


def _delays(
    sender: Sender, endpoint: Endpoint, call: Call, place: Parameter, pair: Pair
) -> Exchange | None:
    """The exchange of a delay that is there each time, and never in its twin."""
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
    """Shell syntax: by the result of a calculation, and by time."""
    for place in places(endpoint, call):
        found = None
        for template in SHELL:
            sum_ = f"{WORD}{template.format(command=CALCULATION)}"
            answer = sender.send(endpoint, call.with_value(place, sum_))
            if PRODUCT in answer.text + str(answer.headers):
                found = _found("command-injection", endpoint, place, sum_, answer)
                break
            pair = Pair(
                *(f"{WORD}{template.format(command=one)}" for one in ("sleep 1", "sleep 0"))
            )
            delayed = _delays(sender, endpoint, call, place, pair)
            if delayed:
                found = _found("command-injection", endpoint, place, pair.attack, delayed)
                break
        yield found or _clear("command-injection", endpoint, place)


def template(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Template syntax: whether a product that was asked for comes back calculated."""
    payloads = (*(f"{WORD} {one.format(*FACTORS)}" for one in TEMPLATES), BARE)
    return _by_sign(
        "template-injection", (sender, endpoint, call), payloads, lambda seen: PRODUCT in seen.text
    )


def crlf(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Line breaks in values: whether what follows becomes a header."""
    payloads = [f"{WORD}{line_break}{HEADER}: 1" for line_break in BREAKS]
    return _by_sign(
        "header-injection", (sender, endpoint, call), payloads, lambda seen: HEADER in seen.headers
    )


def traversal(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Ways out of a folder, in every value."""
    payloads = [climb.format(file="etc/passwd") for climb in CLIMBS]
    return _by_sign(
        "path-traversal", (sender, endpoint, call), payloads, lambda seen: PASSWD.search(seen.text)
    )


def _by_sign(
    rule: str,
    at: tuple[Sender, Endpoint, Call],
    payloads: Iterable[str],
    shows: Callable[[Exchange], object],
) -> Iterator[Observation]:
    """At each place, the first payload whose answer shows that it was obeyed."""
    sender, endpoint, call = at
    for place in places(endpoint, call):
        answers = ((one, sender.send(endpoint, call.with_value(place, one))) for one in payloads)
        obeyed = next((pair for pair in answers if shows(pair[1])), None)
        if obeyed:
            yield _found(rule, endpoint, place, *obeyed)
        else:
            yield _clear(rule, endpoint, place)


def traversal_of_address(sender: Sender, prefixes: tuple[str, ...]) -> Iterator[Observation]:
    """The same below each prefix of the address, sent as it is written."""
    for prefix in prefixes:
        plain = Endpoint(f"GET {prefix}", "GET", prefix, (), None, "", secured=False,
                         statuses=frozenset())  # fmt: skip
        found = None
        for climb in CLIMBS:
            path = f"{prefix.rstrip('/')}/{climb.format(file='etc/passwd').lstrip('/')}"
            answer = sender.send(plain, Call(raw_path=path))
            if PASSWD.search(answer.text):
                said = f"GET {path} shows /etc/passwd"
                found = Observation("path-traversal", prefix, True, said, answer)  # noqa: FBT003
                break
        yield found or Observation("path-traversal", prefix, found=False, sentence="no way out")


def _found(
    rule: str, endpoint: Endpoint, place: Parameter, payload: object, exchange: Exchange
) -> Observation:
    sentence = (
        f"{endpoint.name}: {place.where} {place.name} obeys {str(payload)[:120]!r}: "
        f"status {exchange.status} after {exchange.seconds:.2f} s, unlike its harmless twin"
    )
    return Observation(rule, f"{endpoint.name} {place.name}", True, sentence, exchange)  # noqa: FBT003


def _clear(rule: str, endpoint: Endpoint, place: Parameter) -> Observation:
    sentence = f"{endpoint.name}: {place.where} {place.name} is taken for text or refused"
    return Observation(rule, f"{endpoint.name} {place.name}", False, sentence)  # noqa: FBT003


INJECTIONS = (nosql, sql, command, template, crlf, traversal)
