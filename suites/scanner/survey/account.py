"""The accounts of a scan: send requests in a session, renew the session, notice a lost service."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from suites.probes.api import Call, Endpoint, Exchange
from suites.scanner.sending import (
    BudgetOverError,
    HttpSender,
    UnreachableError,
)
from suites.scanner.session import Login, LoginFailedError, Session, logged_in

UNAUTHORISED, TOO_MANY = 401, 429
SUCCESS = range(200, 300)
MIN_RENEWAL_SECONDS = 5.0
MAX_RETRY_AFTER = 5
MAX_WAITS = 20
RECOVERY_SECONDS = 20.0
POLL_SECONDS = 0.25
# The ends of the names of variables in curl lines, by the label of the account.
ENDINGS = {"user": "", "user2": "2", "admin": "_ADMIN"}


class ServiceLostError(Exception):
    """The service does not answer any more after a request, so the scan ends.

    Args:
        endpoint: the operation of the request.
        call: the values of the request.
        message: the error of this request.
    """

    def __init__(self, endpoint: Endpoint, call: Call, message: str) -> None:
        super().__init__(message)
        self.endpoint, self.call = endpoint, call


@dataclass(slots=True)
class Incident:
    """A request that got no response, although the service answered later requests.

    Args:
        endpoint: the operation of the request.
        call: the values of the request.
        message: the error of this request.
        account: the account that sent the request.
    """

    endpoint: Endpoint
    call: Call
    message: str
    account: "Account"


@dataclass(slots=True)
class Watch:
    """The state that all accounts of a scan share.

    Args:
        sender: sends requests without a session.
        health: an operation that answered at the start, for checks that the service is alive; None
            to request ``/`` instead.
        incidents: the requests that got no response.
        waits: how often the scan waited for a rate limit.
        variables: the environment variable that replaces each token, cookie and password.
        names: the user names of all accounts.
    """

    sender: HttpSender
    health: tuple[Endpoint, Call] | None = None
    incidents: list[Incident] = field(default_factory=list)
    waits: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def recovers(self) -> bool:
        """Wait some seconds for the service; return whether it answers a request again."""
        if self.sender.budget:
            # This check must run, even when the time of the present operation is over.
            self.sender.budget.share_end = math.inf
        deadline = time.monotonic() + RECOVERY_SECONDS
        probing = replace(self.sender, seconds=min(2.0, self.sender.seconds))
        while time.monotonic() < deadline:
            try:
                if self.health:
                    probing.send(*self.health)
                else:
                    probing.exchange("GET", "/", {}, None)
            except BudgetOverError:
                return False
            except UnreachableError:
                time.sleep(POLL_SECONDS)
            else:
                return True
        return False


@dataclass(slots=True)
class Account:
    """An account of the scan, or ``nobody``, who sends requests without a session.

    Args:
        label: ``user``, ``user2``, ``admin``, ``throw-away`` or ``nobody``.
        watch: the state that all accounts of the scan share.
        login: the operation and the credentials of the log-in; None with a given token, and for
            ``nobody``.
        session: the session of the account; empty for ``nobody``.
        profile: the fields that the service shows of this account, keyed by field name.
        is_throw_away: whether the scan registered the account itself.
        registration: the request that registered a throw-away account; None for other accounts.
        renewed: when the session began, in seconds on the monotonic clock.
    """

    label: str
    watch: Watch
    login: Login | None
    session: Session
    profile: dict[str, object] = field(default_factory=dict)
    is_throw_away: bool = False
    registration: Call | None = None
    renewed: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.watch.names |= {self.name} - {""}
        self._remember()

    def _remember(self) -> None:
        """Store the name of the variable that replaces the session in curl lines."""
        end = ENDINGS.get(self.label, "_NEW")
        if self.session.token:
            self.watch.variables[self.session.token] = f"TOKEN{end}"
        elif "Cookie" in self.session.headers:
            self.watch.variables[self.session.headers["Cookie"]] = f"COOKIE{end}"

    @property
    def name(self) -> str:
        """The user name with which the account logs in; empty without a log-in."""
        return self.login.name if self.login else ""

    @property
    def sender(self) -> HttpSender:
        """A sender that adds the session headers of the account to each request."""
        sender = self.watch.sender
        return replace(sender, headers={**sender.headers, **self.session.headers})

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send one request in the session of the account.

        After status 429, the account waits as ``Retry-After`` says and repeats the request once,
        unless the wait is too long or the scan has waited too often. After status 401, the account
        logs in again and repeats the request once, unless the account cannot log in, the session
        is new, or the request has its own credentials. If the account does not repeat the request,
        the method returns the response with this status.

        Args:
            endpoint: the operation that gets the request.
            call: the values of the request.

        Raises:
            TimedOutError: no response came in time, but the service answers other requests.
            UnreachableError: the connection broke, but the service answers other requests.
            ServiceLostError: the service does not answer any more.
            BudgetOverError: the time for the whole scan is over.
            ShareOverError: the time for this operation is over.
            NotAllowedError: the scan has sent too many requests.
        """
        answer = self._sent(endpoint, call)
        if answer.status == TOO_MANY and self._waited(answer):
            answer = self._sent(endpoint, call)
        if answer.status == UNAUTHORISED and self._is_renewed(call):
            answer = self._sent(endpoint, call)
        return answer

    def _sent(self, endpoint: Endpoint, call: Call) -> Exchange:
        try:
            return self.sender.send(endpoint, call)
        except UnreachableError as error:
            if not self.watch.recovers():
                budget = self.watch.sender.budget
                if budget and budget.left() <= 0:
                    raise BudgetOverError(
                        f"the time budget of {budget.seconds:g} s is over"
                    ) from error
                raise ServiceLostError(endpoint, call, str(error)) from error
            self.watch.incidents.append(Incident(endpoint, call, str(error), self))
            raise

    def _waited(self, answer: Exchange) -> bool:
        """Wait for the time of the header ``Retry-After``, unless this time is too long."""
        seconds = answer.headers.get("retry-after", "")
        if not seconds.isdigit() or int(seconds) > MAX_RETRY_AFTER or self.watch.waits > MAX_WAITS:
            return False
        self.watch.waits += 1
        time.sleep(int(seconds))
        return True

    def _is_renewed(self, call: Call) -> bool:
        """Log in again, unless the request has credentials of its own or the session is new."""
        has_own = {name.lower() for name in call.headers} & {"authorization", "cookie"}
        is_new = time.monotonic() - self.renewed < MIN_RENEWAL_SECONDS
        if self.login is None or has_own or is_new or not self.session.headers:
            return False
        self.renewed = time.monotonic()
        try:
            self.session = logged_in(self.watch.sender, self.login, {})
        except (LoginFailedError, UnreachableError):
            return False
        self._remember()
        return True


def is_accepted(answer: Exchange) -> bool:
    """Return whether a response reports success; a refusal may have status 200 and an error."""
    if answer.status not in SUCCESS:
        return False
    content = json_of(answer)
    if not isinstance(content, Mapping):
        return True
    status = str(content.get("status", content.get("result", ""))).lower()
    if status in ("fail", "failed", "failure", "error"):
        return False
    if any(content.get(name) is False for name in ("success", "ok", "status")):
        return False
    # An object of the service may have such a number, too, but no explanation beside it.
    codes = [content.get(name) for name in ("code", "status", "statusCode", "status_code")]
    has_code = any(isinstance(code, int) and FIRST_ERROR <= code < LAST_STATUS for code in codes)
    if has_code and EXPLANATIONS & content.keys():
        return False
    return not (content.get("error") or content.get("errors")) or len(content) > MAX_ERROR_FIELDS


MAX_ERROR_FIELDS = 3
FIRST_ERROR, LAST_STATUS = 400, 600
EXPLANATIONS = frozenset({"message", "msg", "error", "errors", "detail", "title", "reason"})


def json_of(answer: Exchange) -> object:
    """Return the parsed JSON of a response; None for a response that is not JSON."""
    text = answer.text.lstrip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
