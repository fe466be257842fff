"""Sends requests to the HTTP operations of the store, and compares responses with the contract."""

import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies

from gates.model import Access, Target
from gates.sources import access_problems
from gates.sources.connection import is_loopback
from suites.client.connections import ConnectionAdapter
from suites.client.exchanges import Exchange, parsed, remember
from suites.client.masking import masked_body
from suites.client.observing import Call
from suites.contract import Contract, Operation

if TYPE_CHECKING:
    from suites.client.observing import CallObserver

MAX_BYTES = 8_000_000
EXEMPTION_SECONDS = 3600
# The factor by which the target's patience is longer for one request among many at a time.
LONGER_PATIENCE = 6
ANY_STATUS = "any documented status"


class Parts(TypedDict, total=False):
    """The parts of a request: path and query parameters, a JSON body or raw bytes, headers."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: object
    raw: bytes
    headers: Mapping[str, str]


class UnexpectedAnswerError(AssertionError):
    """The store did not give the expected response, or gave no response.

    Args:
        text: the whole message; for an HTTP request, with the curl command that repeats it.
        expected: the expected response in words; may be empty.
        observed: the actual response in words; may be empty.
        exchange: the request and the response; None for an error of a WebSocket.
    """

    def __init__(
        self, text: str, *, expected: str = "", observed: str = "", exchange: Exchange | None = None
    ) -> None:
        super().__init__(text)
        self.expected, self.observed, self.exchange = expected, observed, exchange


@dataclass(frozen=True, slots=True)
class Answer:
    """One response of the store.

    Args:
        status: the HTTP status.
        body: the value of a JSON body; the text of another body; None for an empty body.
        headers: the values of the headers, by lower-case name.
        seconds: the wall time until the whole body was received, in seconds.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    seconds: float


class _Nobody:
    """An observer that does nothing, for clients without an observer."""

    def begin(self, call: Call) -> None:
        """Do nothing."""

    def end(self, call: Call, status: int | None, body: object) -> list[str]:
        """Return no problem."""
        del call, status, body
        return []


_NOBODY = _Nobody()


class StoreClient:
    """Sends requests to one target, as one user or without a user.

    Args:
        target: the target that gets the requests.
        contract: the operations of the store, and the responses that each operation may give.
        run_id: the id of the run, which marks the requests as test traffic.
        source: the source address of the requests; empty for the address that the system chooses.
    """

    def __init__(self, target: Target, contract: Contract, run_id: str, source: str) -> None:
        self.target = target
        self.contract = contract
        self.source = source
        self.run_id = run_id
        self.token = ""
        self._patience_seconds = target.patience_seconds
        self.observer: CallObserver | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Kirana-Synthetic"] = run_id
        _use_access(self._session, target)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, ConnectionAdapter(source))

    def close(self) -> None:
        """Close the connections of this client."""
        self._session.close()

    def wait_longer(self) -> None:
        """Wait longer for each response, where a slow response is no problem or is measured.

        A store that hashes 24 passwords at once needs much longer for the last log-in than for a
        single log-in. A check that measures times needs the time of a slow response: a time-out
        would be no time.
        """
        self._patience_seconds = LONGER_PATIENCE * self.target.patience_seconds

    def call(self, operation_id: str, *, expect: int, **parts: Unpack[Parts]) -> Answer:
        """Send a request for an operation, and compare the response with the contract.

        Args:
            operation_id: the id of the operation in the contract.
            expect: the HTTP status that the response must have.
            parts: the path and query parameters, the JSON body or the raw bytes, and the headers.

        Returns:
            The response, which has the expected status and matches the contract.

        Raises:
            UnexpectedAnswerError: no response came, or the response has another status, or it does
                not match the contract.
        """
        __tracebackhide__ = True
        operation = self.contract.operation(operation_id)
        request = self._request(operation, parts)
        answer, effects = self._observed(operation, parts, request, f"status {expect}")
        problems = [*operation.problems(answer.status, _json_body(answer)), *effects]
        if answer.status != expect:
            problems.insert(0, f"expected status {expect}, got {answer.status}")
        expectation = f"status {expect}"
        return self._without_problems(operation, request, answer, (expectation, problems))

    def ask(self, operation_id: str, **parts: Unpack[Parts]) -> Answer:
        """Send a request for an operation like ``call``, but accept any documented status.

        Args:
            operation_id: the id of the operation in the contract.
            parts: the path and query parameters, the JSON body or the raw bytes, and the headers.
        """
        __tracebackhide__ = True
        operation = self.contract.operation(operation_id)
        request = self._request(operation, parts)
        answer, effects = self._observed(operation, parts, request, ANY_STATUS)
        problems = [*operation.problems(answer.status, _json_body(answer)), *effects]
        return self._without_problems(operation, request, answer, (ANY_STATUS, problems))

    def _without_problems(
        self,
        operation: Operation,
        request: requests.PreparedRequest,
        answer: Answer,
        comparison: tuple[str, list[str]],
    ) -> Answer:
        """Return the response if it has no problems.

        Args:
            operation: the operation of the contract.
            request: the request as it was sent.
            answer: the response.
            comparison: the expectation in words, and the problems of the response.

        Raises:
            UnexpectedAnswerError: the response has problems.
        """
        __tracebackhide__ = True
        expected, problems = comparison
        if not problems:
            return answer
        access = self.target.access.api
        exchange = Exchange(request, answer.status, answer.body, answer.seconds, access=access)
        raise UnexpectedAnswerError(
            f"{operation.name}: {'; '.join(problems)}\n"
            f"  body after {answer.seconds:.3f} s: {masked_body(answer.body)}\n"
            f"  again: {exchange.curl()}",
            expected=f"{operation.name} responds with {expected}, and the body has the documented "
            "shape",
            observed="; ".join(
                [
                    f"status {answer.status}",
                    *(problem for problem in problems if "expected status" not in problem),
                ]
            ),
            exchange=exchange,
        )

    def other_method(self, method: str, operation_id: str, path: Mapping[str, str]) -> int:
        """Send a request with another HTTP method to the path of an operation.

        Args:
            method: the HTTP method.
            operation_id: the id of the operation in the contract.
            path: the values of the path parameters, by name.

        Returns:
            The HTTP status of the response.
        """
        operation = replace(self.contract.operation(operation_id), method=method)
        return self._send(self._request(operation, {"path": path}), "an answer").status

    def _request(self, operation: Operation, parts: Parts) -> requests.PreparedRequest:
        headers = dict(parts.get("headers", {}))
        if self.token and not operation.public:
            headers["Authorization"] = f"Bearer {self.token}"
        key = self.target.secrets.get("exemption_key", "")
        if key and not self.source:
            headers["X-Kirana-Exemption"] = exemption(key, time.time())
        request = requests.Request(
            operation.method,
            self.target.addresses.api + operation.url_path(parts.get("path", {})),
            params=dict(parts.get("query", {})),
            json=parts.get("body"),
            data=parts.get("raw"),
            headers=headers,
        )
        return self._session.prepare_request(request)

    def _observed(
        self, operation: Operation, parts: Parts, request: requests.PreparedRequest, expected: str
    ) -> tuple[Answer, list[str]]:
        """Send a request, and let this client's observer judge the effects of the request.

        Args:
            operation: the operation of the contract.
            parts: the parts of the request.
            request: the request to send.
            expected: the expected response in words.

        Returns:
            The response, and the problems: values of the request that the response repeats wrongly,
            and changes in the database that the contract does not declare.
        """
        __tracebackhide__ = True
        body = _sent_json(parts)
        sent = {"body": body, "path": parts.get("path", {}), "query": parts.get("query", {})}
        token = "" if operation.public else self.token
        call = Call(operation, token, body, parts.get("path", {}))
        observer = self.observer or _NOBODY
        observer.begin(call)
        try:
            answer = self._send(request, expected)
        except UnexpectedAnswerError:
            observer.end(call, None, None)
            raise
        effects = observer.end(call, answer.status, answer.body)
        return answer, [*operation.echo_problems(answer.status, sent, answer.body), *effects]

    def _send(self, request: requests.PreparedRequest, expected: str) -> Answer:
        __tracebackhide__ = True
        patience, access = self._patience_seconds, self.target.access.api
        started = time.perf_counter()
        try:
            _refuse_unset(access)
            response = self._session.send(
                request, timeout=patience, allow_redirects=False, stream=True
            )
            raw = response.raw.read(MAX_BYTES + 1, decode_content=True)
        except (requests.RequestException, OSError) as error:
            seconds = time.perf_counter() - started
            failure = _failure(error, access)
            exchange = Exchange(request, None, None, seconds, failure, access)
            remember(exchange)
            observed = f"no answer within {seconds:.1f} s ({failure})"
            # The message names the cause; the frames of the HTTP library would not help the reader.
            raise UnexpectedAnswerError(
                f"expected {expected}, got {observed}\n  again: {exchange.curl()}",
                expected=expected,
                observed=observed,
                exchange=exchange,
            ) from None
        seconds = time.perf_counter() - started
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, parsed(raw, headers), headers, seconds)
        remember(Exchange(request, answer.status, answer.body, seconds, access=access))
        return answer


def _use_access(session: requests.Session, target: Target) -> None:
    """Let a session use the log-in, the certificates and the proxy of the target file."""
    access = target.access.api
    session.headers.update(access.request_headers)
    if access.ca_file:
        session.verify = str(access.ca_file)
    if access.certificate_file:
        certificate, key = str(access.certificate_file), access.key_file
        session.cert = (certificate, str(key)) if key else certificate
    parts = urlsplit(target.addresses.api)
    if access.uses_system_proxy and not is_loopback(str(parts.hostname)):
        session.proxies = get_environ_proxies(target.addresses.api)


def _refuse_unset(access: Access) -> None:
    """Refuse to send a request if the log-in of the target file has no value.

    Raises:
        requests.RequestException: an environment variable that the target file names is not set.
    """
    if problem := access_problems.unset_problem(access):
        raise requests.RequestException(problem)


def _failure(error: Exception, access: Access) -> str:
    """Return why no response came; for a TLS error, also which key of the target file to set."""
    if type(error) is requests.RequestException:
        return str(error)
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        reason = getattr(cause, "reason", None) or (cause.args[0] if cause.args else None)
        cause = reason if isinstance(reason, BaseException) else None
    if cause is None:
        return type(error).__name__
    return access_problems.exchange_problem(cause, access, is_tls=True)


def _sent_json(parts: Parts) -> object:
    """Return the JSON value of a request's body or raw bytes; None if the bytes are not JSON."""
    if "raw" not in parts:
        return parts.get("body")
    try:
        return json.loads(parts["raw"])
    except ValueError:
        return None


def _json_body(answer: Answer) -> object:
    """Return the body of a response; None for plain text, which the contract does not describe."""
    if isinstance(answer.body, str) and answer.headers.get("content-type", "").startswith(
        "text/plain"
    ):
        return None
    return answer.body


def exemption(key: str, now: float, seconds: float = 0) -> str:
    """Return the value of the header ``X-Kirana-Exemption``, which exempts from the rate limit.

    Senders that cannot choose their source address need the exemption.

    Args:
        key: the target's exemption key.
        now: the present time, in seconds since the epoch.
        seconds: the time that the exemption lasts beyond the usual hour, in seconds.
    """
    expiry = str(int(now + seconds) + EXEMPTION_SECONDS)
    signature = hmac.new(key.encode(), expiry.encode(), hashlib.sha256).hexdigest()
    return f"{expiry}.{signature}"
