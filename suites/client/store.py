"""The client of the store's HTTP operations."""

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
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from gates.model import Access, Target
from gates.sources import access_problems
from gates.sources.connection import is_loopback
from suites.client.exchanges import Exchange, parsed, remember
from suites.client.masking import masked_body
from suites.client.observing import Call
from suites.contract import Contract, Operation

if TYPE_CHECKING:
    from suites.client.observing import CallObserver

MAX_BYTES = 8_000_000
EXEMPTION_SECONDS = 3600
# How many times the target's patience an answer to one request of a crowd may take.
CROWD_PATIENCE = 6
# A server may close an idle connection at any moment (RFC 9112, section 9.5); many servers do so
# after 5 seconds. A request that is sent at that moment gets no answer from a correct store.
MAX_IDLE_SECONDS = 1.0
ANY_STATUS = "any documented status"


class Parts(TypedDict, total=False):
    """The parts of a request: path and query parameters, a JSON body or raw bytes, headers."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: object
    raw: bytes
    headers: Mapping[str, str]


class UnexpectedAnswerError(AssertionError):
    """The store gave another answer than expected, or no answer; the text has the curl line.

    Args:
        text: the whole message.
        expected: the expectation alone; may be empty.
        observed: the observation alone; may be empty.
        exchange: the exchange with the store; None for an error of a WebSocket.
    """

    def __init__(
        self, text: str, *, expected: str = "", observed: str = "", exchange: Exchange | None = None
    ) -> None:
        super().__init__(text)
        self.expected, self.observed, self.exchange = expected, observed, exchange


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the store.

    Args:
        status: HTTP status.
        body: the parsed JSON body; the text of another body; None for an empty body.
        headers: header by lower-case name.
        seconds: wall time until the whole body was received.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    seconds: float


class _Nobody:
    """The observer of a client that nobody observes."""

    def begin(self, call: Call) -> None:
        """Do nothing."""

    def end(self, call: Call, status: int | None, body: object) -> list[str]:
        """No problem."""
        del call, status, body
        return []


_NOBODY = _Nobody()


class _SourceAdapter(HTTPAdapter):
    """Connects from one source address."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as in the base class
        super().init_poolmanager(*args, source_address=(self._source, 0), **kwargs)


class StoreClient:
    """Calls operations of one target, as one user or without a user.

    Args:
        target: the target to call.
        contract: the operations and the answers that they must give.
        run_id: marks the requests as test traffic of this run.
        source: the address to send from; empty for the address that the system chooses.
    """

    def __init__(self, target: Target, contract: Contract, run_id: str, source: str) -> None:
        self.target = target
        self.contract = contract
        self.source = source
        self.run_id = run_id
        self.token = ""
        self._patience_seconds = target.patience_seconds
        self.observer: CallObserver | None = None
        self._last_answer_at = 0.0
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Kirana-Synthetic"] = run_id
        _use_access(self._session, target)
        if source:
            self._session.mount("http://", _SourceAdapter(source))
            self._session.mount("https://", _SourceAdapter(source))

    def close(self) -> None:
        """Close the connections of this client."""
        self._session.close()

    def wait_as_part_of_a_crowd(self) -> None:
        """Wait longer for each answer, because many clients send at the same moment.

        A store that hashes 24 passwords at once answers the last log-in much later than a single
        one. How quickly a store answers a single request is a question of other checks.
        """
        self._patience_seconds = CROWD_PATIENCE * self.target.patience_seconds

    def call(self, operation_id: str, *, expect: int, **parts: Unpack[Parts]) -> Answer:
        """Call an operation and compare the answer with the contract.

        Args:
            operation_id: the operation.
            expect: the HTTP status that the answer must have.
            parts: path and query parameters, JSON body or raw bytes, headers.

        Returns:
            The answer; it has the expected status and the documented shape.

        Raises:
            UnexpectedAnswerError: no answer came, or the answer has another status or shape.
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
        """Call an operation like ``call``, but accept any documented status."""
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
        """The answer, if it has no problems.

        Args:
            operation: the operation.
            request: the request.
            answer: the answer.
            comparison: the expectation, and the problems of the answer.

        Raises:
            UnexpectedAnswerError: the answer has problems.
        """
        __tracebackhide__ = True
        expected, problems = comparison
        if not problems:
            return answer
        access = self.target.access.api
        exchange = Exchange(request, answer.status, answer.body, answer.seconds, access=access)
        raise UnexpectedAnswerError(
            f"{operation.name}: {'; '.join(problems)}\n"
            f"  answered {masked_body(answer.body)} in {answer.seconds:.3f} s\n"
            f"  again: {exchange.curl()}",
            expected=f"{operation.name} answers with {expected}, in the documented shape",
            observed="; ".join(
                [
                    f"status {answer.status}",
                    *(problem for problem in problems if "expected status" not in problem),
                ]
            ),
            exchange=exchange,
        )

    def other_method(self, method: str, operation_id: str, path: Mapping[str, str]) -> int:
        """Send another HTTP method to the path of an operation.

        Returns:
            The status of the answer.
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
        """The answer, with what it repeats wrongly, and what the observer has against the call."""
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
        if started - self._last_answer_at > MAX_IDLE_SECONDS:
            self._session.close()  # the next request opens a new connection
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
        self._last_answer_at = time.perf_counter()
        seconds = self._last_answer_at - started
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = Answer(response.status_code, parsed(raw, headers), headers, seconds)
        remember(Exchange(request, answer.status, answer.body, seconds, access=access))
        return answer


def _use_access(session: requests.Session, target: Target) -> None:
    """Log in, and use certificates and the proxy, as the target file says."""
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
    """Send no request without the log-in that the target file names.

    Raises:
        requests.RequestException: an environment variable is not set.
    """
    if problem := access_problems.unset_problem(access):
        raise requests.RequestException(problem)


def _failure(error: Exception, access: Access) -> str:
    """Why the store did not answer: the error, or the key of the target file that mends it."""
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
    """The JSON that is sent, as a body or as raw bytes; None for other bytes."""
    if "raw" not in parts:
        return parts.get("body")
    try:
        return json.loads(parts["raw"])
    except ValueError:
        return None


def _json_body(answer: Answer) -> object:
    """The body that the contract describes; None for plain text, which has no description."""
    if isinstance(answer.body, str) and answer.headers.get("content-type", "").startswith(
        "text/plain"
    ):
        return None
    return answer.body


def exemption(key: str, now: float, seconds: float = 0) -> str:
    """The value of ``X-Kirana-Exemption``, for senders that cannot choose their source address.

    Args:
        key: the target's exemption key.
        now: seconds since the epoch.
        seconds: how long the sender needs the exemption, beyond the usual hour.
    """
    expiry = str(int(now + seconds) + EXEMPTION_SECONDS)
    signature = hmac.new(key.encode(), expiry.encode(), hashlib.sha256).hexdigest()
    return f"{expiry}.{signature}"
