"""Runs every probe that applies to an HTTP API described by an OpenAPI 3 file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from suites.inspection import transport
from suites.probes import bounds, forging, injection, passive
from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.probes.openapi import benign
from suites.probes.rules import RULES
from suites.scanner import session_probes
from suites.scanner.sending import HttpSender, NotAllowedError, UnreachableError
from suites.scanner.session import (
    SUCCESS,
    WRONG_TEXT,
    Login,
    LoginFailedError,
    Session,
    credentials,
    logged_in,
)

ENDS_SESSION = re.compile(
    "log-?_?out|sign-?_?out|end-?_?session|DELETE .*(session|account)", re.IGNORECASE
)
SERVER_ERROR = 500
# The answers to a call that succeeded before, once the session or the service is gone.
LOST = (401, 403, 404, 429, *range(500, 600))
TLS_DAYS = 14
MAX_PROBLEM = 300

NEEDS_VALUES = "needs the secrets to look for"
# Why a probe cannot be run from the outside, with one account and one address.
NEEDS = {
    "log-injection": "needs to read the service's log",
    "xss-stored": "needs to know where stored text is shown",
    "xss-dom": "needs to know the pages",
    "token-claims": "needs the signing key",
    "dead-session": "would end accounts",
    "password-guessing": "would lock the account",
    "second-factor-missing": "needs an administrator's account",
    "second-factor-skipped": "needs an administrator's account",
    "function-access": "needs accounts of every role",
    "object-access": "needs a second account",
    "mass-assignment": "needs to see what was stored",
    "rate-limit": "no limit is stated",
    "rate-limit-bypass": "no limit is stated",
    "open-port": "needs the list of ports",
    "weak-password-hash": "needs the database",
    "vulnerable-dependency": "needs the list of dependencies",
    "missing-audit": "needs the service's log",
    "exposed-secret": NEEDS_VALUES,
}
# The rules whose probes need a session of any kind, a token, and a cookie.
SESSION_RULES = (
    "missing-authentication",
    "cookie-flags",
    "session-fixation",
    "csrf",
    "forged-token",
    "user-enumeration",
    "cacheable-private-data",
    "key-in-url",
)
TOKEN_RULES = ("forged-token", "key-in-url")
COOKIE_RULES = ("csrf", "session-fixation", "cookie-flags")


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The result of a scan.

    Args:
        observations: the observations of the probes.
        not_applicable: for each rule without an observation, the reason.
        problems: the parts that could not be tested; with a problem, *nothing found* would be
            untrue.
        notes: operations that refuse a good call for their own reason, such as an unknown id.
    """

    observations: list[Observation] = field(default_factory=list)
    not_applicable: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, probe: Iterator[Observation], place: str) -> None:
        """Run a probe to its end, or to the point where the service stops it."""
        try:
            self.observations.extend(probe)
        except (UnreachableError, NotAllowedError, LoginFailedError, ValueError) as error:
            self.problems.append(f"{place}: {error}"[:MAX_PROBLEM])

    def add_pages(self, observations: list[Observation]) -> None:
        """Add the observations in the browser; their rules are then applicable."""
        self.observations.extend(observations)
        for observation in observations:
            self.not_applicable.pop(observation.rule, None)


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan.

    Args:
        endpoints: the operations.
        sender: sends to the service without a session.
        login: how to log in, or None.
        token: a bearer token to use instead of a log-in, or empty.
    """

    endpoints: tuple[Endpoint, ...]
    sender: HttpSender
    login: Login | None
    token: str

    def run(self) -> ScanResult:
        """Probe every operation, and list what could not be probed.

        Raises:
            UnreachableError: the service does not answer at all.
            LoginFailedError: the log-in failed.
        """
        session = self._session()
        result = ScanResult()
        inside = replace(self.sender, headers={**self.sender.headers, **session.headers})
        answers = [
            self._probe_endpoint(endpoint, session, inside, result) for endpoint in self._probed()
        ]
        if not any(answers):
            result.problems.append("no operation answered a good call, so no operation was tested")
        for probe in self._service_probes(session):
            result.add(probe, "the service as a whole")
        observed_rules = {observation.rule for observation in result.observations}
        reasons = {**NEEDS, **_reasons(session, self.endpoints, self.sender)}
        for name in RULES:
            if name not in observed_rules:
                reason = reasons.get(name, "no operation has a place for this attack")
                result.not_applicable[name] = reason
        return result

    def _probed(self) -> list[Endpoint]:
        """The operations, without those that would end the session."""
        return [
            endpoint
            for endpoint in self.endpoints
            if not ENDS_SESSION.search(f"{endpoint.method} {endpoint.name} {endpoint.path}")
        ]

    def _session(self) -> Session:
        if self.token:
            return Session({"Authorization": f"Bearer {self.token}"}, self.token, None)
        if self.login is None:
            self.sender.exchange("GET", "/", {}, None)  # raises where the service does not answer
            return Session({}, "", None)
        return logged_in(self.sender, self.login, {})

    def _is_login(self, endpoint: Endpoint) -> bool:
        return self.login is not None and endpoint == self.login.endpoint

    def _good_call(self, endpoint: Endpoint) -> Call:
        if self.login is not None and endpoint == self.login.endpoint:
            return credentials(self.login, password=WRONG_TEXT)
        return benign(endpoint)

    def _probe_endpoint(
        self, endpoint: Endpoint, session: Session, inside: HttpSender, result: ScanResult
    ) -> bool:
        """Run every probe on one operation.

        Args:
            endpoint: the operation.
            session: the session.
            inside: sends with the session; the log-in is probed without a session.
            result: the result to which the observations are added.

        Returns:
            Whether the operation accepts a good call, so that its observations count.
        """
        sender = self.sender if self._is_login(endpoint) else inside
        throttled_before = sender.throttled
        call = self._good_call(endpoint)
        try:
            answer = sender.send(endpoint, call)
        except UnreachableError as error:
            result.problems.append(str(error))
            return False
        is_usable = answer.status in SUCCESS or self._is_login(endpoint)
        for probe in self._endpoint_probes(endpoint, session, sender, answer):
            result.add(probe, endpoint.name)
        if not is_usable:
            result.notes.append(f"{endpoint.name} answers {answer.status} to a good call")
        if answer.status >= SERVER_ERROR:
            result.problems.append(f"{endpoint.name} answers {answer.status} to a good call")
        try:
            status_after = sender.send(endpoint, call).status
        except UnreachableError as error:
            result.problems.append(f"after the probes of {endpoint.name}: {error}")
            return is_usable
        if answer.status in SUCCESS and not self._is_login(endpoint) and status_after in LOST:
            statuses = f"{answer.status} at first and {status_after} later"
            result.problems.append(f"{endpoint.name} answered {statuses}")
        if sender.throttled > throttled_before:
            result.problems.append(f"{endpoint.name} answered 429: the service limits the requests")
        return is_usable

    def _endpoint_probes(
        self, endpoint: Endpoint, session: Session, sender: HttpSender, answer: Exchange
    ) -> Iterator[Iterator[Observation]]:
        call = self._good_call(endpoint)
        base = self.sender.base
        over_tls = base.startswith("https:")
        is_page = "html" in answer.content_type
        yield passive.security_headers(answer, endpoint.name, page=is_page, over_tls=over_tls)
        if endpoint.secured and session.headers:
            yield forging.no_token(self.sender, endpoint, call)
            yield iter([passive.private_data_is_not_cached(answer, endpoint.name)])
        yield passive.cors(sender, endpoint, call, str(urlsplit(base).hostname))
        secrets = (self.login.password,) if self.login else ()
        yield passive.survives(sender, endpoint, call, secrets)
        yield bounds.bounds_kept(sender, endpoint, call)
        for probe in injection.INJECTIONS:
            yield probe(sender, endpoint, call)

    def _service_probes(self, session: Session) -> Iterator[Iterator[Observation]]:
        sender = self.sender
        secured = [endpoint for endpoint in self._probed() if endpoint.secured]
        yield injection.traversal_of_address(sender, ("/", "/static"))
        yield session_probes.token(sender, session, secured)
        if self.login and session.answer:
            yield passive.cookies(session.answer, self.login.endpoint.name)
            yield session_probes.login(sender, self.login, session.answer)
        yield session_probes.other_sites(sender, session, secured)
        if sender.base.startswith("https:"):
            yield transport.tls(
                sender.base, ca_file=sender.ca_file, days=TLS_DAYS, seconds=sender.seconds
            )


def _reasons(
    session: Session, endpoints: tuple[Endpoint, ...], sender: HttpSender
) -> dict[str, str]:
    """Why probes do not apply to this service and this session, by rule."""
    reasons = {"csp": "no page", "xss-reflected": "no page takes a value"}
    if not session.headers:
        reasons |= dict.fromkeys(SESSION_RULES, "no log-in was given")
    elif session.token:
        reasons |= dict.fromkeys(COOKIE_RULES, "no cookie session")
    else:
        reasons |= dict.fromkeys(TOKEN_RULES, "no token session")
    if not any(endpoint.secured for endpoint in endpoints):
        reasons["missing-authentication"] = "no operation declares security"
    if sender.base.startswith("http:"):
        reasons["tls"] = "the address is plain HTTP"
    return reasons
