"""An account of a scan: sends with its session, renews the session, and notices a lost service."""

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
    """After a request, the service answers nothing any more, so the scan ends.

    Args:
        endpoint: the operation of the request.
        call: the values of the request.
        message: what happened.
    """

    def __init__(self, endpoint: Endpoint, call: Call, message: str) -> None:
        super().__init__(message)
        self.endpoint, self.call = endpoint, call


@dataclass(slots=True)
class Incident:
    """A request without an answer, after which the service answered again.

    Args:
        endpoint: the operation of the request.
        call: the values of the request.
        message: what happened.
        account: the account that sent the request.
    """

    endpoint: Endpoint
    call: Call
    message: str
    account: "Account"


@dataclass(slots=True)
class Watch:
    """What all accounts of a scan share: the health of the service, and waiting for its limit.

    Args:
        sender: sends without a session.
        health: an operation that answered at first; None for the root.
        incidents: the requests without an answer.
        waits: how often the scan waited for a rate limit.
        variables: the name of an environment variable for each token, cookie and password.
        names: the names of all accounts.
    """

    sender: HttpSender
    health: tuple[Endpoint, Call] | None = None
    incidents: list[Incident] = field(default_factory=list)
    waits: int = 0
    variables: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def recovers(self) -> bool:
        """Whether the service answers again, within some seconds."""
        if self.sender.budget:
            # A lost service must be found out, whatever share of the time is left.
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
    """An account, or nobody.

    Args:
        label: ``user``, ``user2``, ``admin``, ``throw-away`` or ``nobody``.
        watch: shared by all accounts.
        login: how to log in; None with a token or for nobody.
        session: the session; empty for nobody.
        profile: the values that the service shows of this account, by name.
        is_throw_away: whether the scan registered the account itself.
        registration: the call that registered the account; None for another account.
        renewed: when the session began, on the monotonic clock.
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
        """Name the variable that stands for the session in a curl line."""
        end = ENDINGS.get(self.label, "_NEW")
        if self.session.token:
            self.watch.variables[self.session.token] = f"TOKEN{end}"
        elif "Cookie" in self.session.headers:
            self.watch.variables[self.session.headers["Cookie"]] = f"COOKIE{end}"

    @property
    def name(self) -> str:
        """The name with which the account logs in; empty without one."""
        return self.login.name if self.login else ""

    @property
    def sender(self) -> HttpSender:
        """Sends with the session of the account."""
        sender = self.watch.sender
        return replace(sender, headers={**sender.headers, **self.session.headers})

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send one call with the session, which is renewed when it has expired.

        Raises:
            TimedOutError: no answer came in time; the service answers other requests.
            UnreachableError: the connection broke; the service answers other requests.
            ServiceLostError: the service does not answer any more.
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
            if isinstance(error, BudgetOverError):
                raise
            if not self.watch.recovers():
                budget = self.watch.sender.budget
                if budget and budget.left() <= 0:
                    raise BudgetOverError(f"the time of {budget.seconds:g} s is over") from error
                raise ServiceLostError(endpoint, call, str(error)) from error
            self.watch.incidents.append(Incident(endpoint, call, str(error), self))
            raise

    def _waited(self, answer: Exchange) -> bool:
        """Wait as long as the service says, if this is not too long."""
        seconds = answer.headers.get("retry-after", "")
        if not seconds.isdigit() or int(seconds) > MAX_RETRY_AFTER or self.watch.waits > MAX_WAITS:
            return False
        self.watch.waits += 1
        time.sleep(int(seconds))
        return True

    def _is_renewed(self, call: Call) -> bool:
        """Log in again, unless the call has its own credentials or the session is new."""
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
    """Whether an answer says that the request succeeded; some services refuse with status 200."""
    if answer.status not in SUCCESS:
        return False
    content = json_of(answer)
    if not isinstance(content, Mapping):
        return True
    status = str(content.get("status", content.get("result", ""))).lower()
    if status in ("fail", "failed", "failure", "error") or content.get("success") is False:
        return False
    return not (content.get("error") or content.get("errors")) or len(content) > MAX_ERROR_FIELDS


MAX_ERROR_FIELDS = 3


def json_of(answer: Exchange) -> object:
    """The JSON value of an answer; None for another text."""
    text = answer.text.lstrip()
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
