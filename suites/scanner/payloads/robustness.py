"""Send malformed values; check whether the service fails, shows internals, or stays damaged."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from suites.probes import passive
from suites.probes.api import Call, Endpoint, Exchange, Observation, Sender
from suites.probes.injection import DATABASE_ERRORS
from suites.scanner.payloads.answers import echoes
from suites.scanner.sending import UnreachableError
from suites.scanner.survey.service import GoodCall, Survey

FIRST_ERROR, SERVER_ERROR = 400, 500
MAX_SEARCHED = 100_000
MAX_READERS = 6
MAX_SHOWN = 100
# What an error message must not show, by kind. Every repetition is bounded: the search takes a time
# in proportion to the text.
INTERNALS = {
    "a stack trace": re.compile(
        r"Traceback \(most recent call last\)|\bFile \"[^\"\n]{1,300}\", line \d"
        r"|\bat [\w.$<>]{1,200} ?\([^()\n]{1,200}:\d{1,7}(?::\d{1,7})?\)"
        r"|\bgoroutine \d{1,7} \[|#\d{1,3} /[^\s(]{1,200}\.php\(\d"
        r"|\b[\w/.-]{1,200}\.rb:\d{1,6}:in |System\.[A-Z]\w{1,60}Exception\b|panic: runtime error"
    ),
    "the text of a database error": DATABASE_ERRORS,
    "an SQL statement": re.compile(
        r"\b(?:SELECT\s.{1,300}?\sFROM|INSERT INTO\s.{1,300}?\sVALUES|UPDATE\s.{1,200}?\sSET|"
        r"DELETE FROM\s.{1,200}?\sWHERE)\b"
    ),
    "a class of the program's errors": re.compile(
        r"\b(?:Key|Type|Value|Attribute|Index|Name|Runtime|ZeroDivision|Recursion|Overflow|Operational|"
        r"Integrity|Programming|Syntax|Reference|Range|Assertion|UnicodeEncode|UnicodeDecode)Error\b"
        r"|\b(?:NullPointer|ClassCast|IllegalArgument|NumberFormat|ArrayIndexOutOfBounds|"
        r"InvalidOperation|ArgumentNull)Exception\b"
    ),
    "a path of the server": re.compile(
        r"(?<![\w/.])/(?:usr|home|root|var|opt|app|srv|work|tmp)/[\w.-]{1,100}/[\w./-]{1,200}"
        r"|\b[A-Z]:\\\\?(?:Users|inetpub|Program Files)\b"
    ),
    "a page of a debugger": re.compile(
        r"Werkzeug Debugger|Whoops, looks like something went wrong|"
        r"DisallowedHost at /|DEBUG = True"
    ),
}


def internals_in(answer: Exchange) -> tuple[str, str]:
    """Look for internals of the service, such as a stack trace, in an error response.

    Returns:
        The kind of the internals, and the text that shows them; two empty texts without internals.
    """
    if answer.status < FIRST_ERROR:
        return "", ""
    text = answer.text[:MAX_SEARCHED]
    for echo in (*echoes(answer.sent), *echoes(answer.url.partition("://")[2].partition("/")[2])):
        text = text.replace(echo, "")
    for kind, pattern in INTERNALS.items():
        match = pattern.search(text)
        if match and match[0] not in answer.sent:
            return kind, match[0][:80]
    return "", ""


@dataclass(slots=True)
class DamageWatch:
    """Sends attacks, and checks after each accepted change that reading operations still work.

    Args:
        account: sends the requests of the attack.
        readers: valid GET requests that succeeded before, and may show the changed data.
        damaged: the names of all operations that an attack of this scan has broken.
        new: findings about damage that were not reported yet.
    """

    account: Sender
    readers: list[GoodCall] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    new: list[Observation] = field(default_factory=list)

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send one request; after an accepted change, check that the readers still work."""
        answer = self.account.send(endpoint, call)
        if endpoint.method != "GET" and 0 < answer.status < FIRST_ERROR:
            self._look(endpoint, answer)
        return answer

    def _look(self, endpoint: Endpoint, change: Exchange) -> None:
        for good in self.readers:
            name = good.endpoint.name
            if name in self.damaged:
                continue
            status = "no answer"
            try:
                answer = good.account.send(good.endpoint, good.call)
                if answer.status < SERVER_ERROR:
                    continue
                status = str(answer.status)
            except UnreachableError:
                answer = None
            sentence = (
                f"{endpoint.name} stores {change.sent[:120]!r}; after that, a valid request to "
                f"{name}, which succeeded before, got {status}"
            )
            observation = Observation(
                "stored-damage",
                f"{endpoint.name} breaks {name}",
                is_finding=True,
                sentence=sentence,
                exchange=answer or change,
                steps=(change,) if answer else (),
            )
            self.damaged.add(name)
            self.new.append(observation)

    def look_before(self) -> None:
        """Report readers that already fail, so that no later attack is blamed for them."""
        for good in self.readers:
            name = good.endpoint.name
            if name in self.damaged:
                continue
            try:
                status = good.account.send(good.endpoint, good.call).status
            except UnreachableError:
                continue
            if status >= SERVER_ERROR:
                self.damaged.add(name)
                sentence = (
                    f"{name} answers {status} to a valid request that succeeded before: an "
                    "earlier attack stored a value that breaks this operation"
                )
                self.new.append(
                    Observation("stored-damage", name, is_finding=True, sentence=sentence)
                )

    def drained(self) -> Iterator[Observation]:
        """Yield each finding about damage that was not reported yet, and mark it as reported."""
        while self.new:
            yield self.new.pop(0)


def readers_of(survey: Survey, endpoint: Endpoint) -> list[GoodCall]:
    """Return valid GET requests that may show the data that an operation stores.

    These are GET operations with a similar path, and HTML pages.
    """
    if endpoint.method == "GET":
        return []
    first = _resource(endpoint)
    usable = [
        good for good in survey.good.values() if good.endpoint.method == "GET" and good.is_usable
    ]
    near = [good for good in usable if _resource(good.endpoint) == first]
    pages = [
        good
        for good in usable
        if good.answer and "html" in good.answer.content_type and good not in near
    ]
    return [*near, *pages][:MAX_READERS]


def _resource(endpoint: Endpoint) -> str:
    """Return the first part of a path that is no parameter, no version and not ``api``."""
    parts = [part for part in endpoint.path.split("/") if part and part[:1] != "{"]
    named = [part for part in parts if part != "api" and not re.fullmatch(r"v\d+", part)]
    return named[0] if named else ""


# Long values are not sent to a place that is slow with short values: the service would not return.
LONG_VALUES = ("very long", "beyond 64 bits", "outside the plane", "combining marks")


def survives(
    sender: DamageWatch, endpoint: Endpoint, call: Call, slow_places: frozenset[str]
) -> Iterator[Observation]:
    """Send malformed requests; check whether the service fails, shows internals, or is damaged.

    Args:
        sender: sends the requests, and looks for damage after each.
        endpoint: the attacked operation.
        call: a valid request, from which the malformed requests are made.
        slow_places: parameters that get no long values, because these would block the service.
    """
    for name, bad in passive.bad_calls(endpoint, call):
        place, _, kind = name.partition(": ")
        if place in slow_places and kind in LONG_VALUES:
            continue
        answer = sender.send(endpoint, bad)
        yield from failure(endpoint, name, answer)
        yield from sender.drained()
    readers = ", ".join(good.endpoint.name for good in sender.readers)
    if readers:
        sentence = (
            f"after changes by {endpoint.name}, the scan checked that these operations still work: "
            f"{readers}"
        )
        yield Observation("stored-damage", endpoint.name, is_finding=False, sentence=sentence)


def failure(endpoint: Endpoint, name: str, answer: Exchange) -> Iterator[Observation]:
    """Yield two observations: whether a response is a server error, and if it shows internals.

    Args:
        endpoint: the attacked operation.
        name: the parameter and the kind of malformed value.
        answer: the response to the malformed request.
    """
    place = f"{endpoint.name} {name}"
    is_broken = answer.status >= SERVER_ERROR
    kind, text = internals_in(answer)
    sentence = f"{place}: the response has status {answer.status}; expected a status below 500"
    yield Observation(
        "unhandled-input",
        place,
        is_broken,
        sentence,
        answer,
        cause=f"status {answer.status}: {error_family(answer)}",
    )
    sentence = f"{place}: the response with status {answer.status} shows {kind or 'no internals'}"
    sentence += f": {text!r}" if text else ""
    yield Observation("error-details", place, bool(kind), sentence, answer, cause=kind)


def error_family(answer: Exchange) -> str:
    """Return a text that is the same for responses with the same error."""
    kind, _ = internals_in(answer)
    return kind or re.sub(r"[\d'\"].{0,40}", "", answer.text[:60]).strip()


def hang(survey: Survey, good: GoodCall) -> Iterator[Observation]:
    """Repeat requests that got no response, and report each request that again gets no response.

    Args:
        survey: the survey of the service.
        good: the valid request of the operation that was just attacked; the requests without a
            response are in ``good.account.watch.incidents``.
    """
    incidents, good.account.watch.incidents = good.account.watch.incidents, []
    for incident in incidents:
        endpoint, account = incident.endpoint, incident.account
        own = survey.good.get(endpoint.name)
        if own is None or (own.endpoint is good.endpoint and own.answer is None):
            continue
        try:
            quick = account.send(endpoint, own.call)
        except UnreachableError:
            continue
        try:
            account.send(endpoint, incident.call)
        except UnreachableError as error:
            account.watch.incidents.clear()
            sentence = (
                f"{endpoint.name} twice gave no response to "
                f"{payload_text(incident.call, own.call)}; the last error: {error}; a valid "
                f"request got a response after {quick.seconds:.2f} s"
            )
            request = account.sender.unanswered(endpoint, incident.call)
            yield Observation(
                "service-hang", endpoint.name, is_finding=True, sentence=sentence, exchange=request
            )


def payload_text(call: Call, good: Call) -> str:
    """Describe, in short form, the part of a request that differs from the valid request.

    Args:
        call: the request with the payload.
        good: the valid request to the same operation.
    """
    for name in ("raw_body", "raw_path", "headers", "path", "query", "body"):
        value, usual = getattr(call, name), getattr(good, name)
        if value != usual:
            if isinstance(value, dict) and isinstance(usual, dict):
                value = {key: item for key, item in value.items() if usual.get(key) != item}
            text = repr(value)
            end = f"… ({len(text)} characters)" if len(text) > MAX_SHOWN else ""
            return f"the {name.replace('_', ' ')} {text[:MAX_SHOWN]}{end}"
    return "a valid request"
