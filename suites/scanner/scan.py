"""Runs every probe that applies to an HTTP API described by an OpenAPI 3 file."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from suites.inspection import transport
from suites.probes import bounds, forging, injection, passive
from suites.probes.api import Call, Endpoint, Exchange, Observation, filled
from suites.probes.openapi import benign
from suites.probes.rules import RULES
from suites.scanner.sending import HttpSender, NotAllowedError, UnreachableError
from suites.scanner.session import (
    SUCCESS,
    Login,
    LoginFailedError,
    Session,
    cookie_names,
    credentials,
    logged_in,
)

ENDS_SESSION = re.compile(
    "log-?_?out|sign-?_?out|end-?_?session|DELETE .*(session|account)", re.IGNORECASE
)
SERVER_ERROR = 500
# What a call that was let in before is answered when the session or the service is gone.
LOST = (401, 403, 404, 429, *range(500, 600))
TLS_DAYS = 14
WRONG = "not the password"
CHOSEN = "chosenbysomebody0123456789"

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
    "exposed-secret": "needs the secrets to look for",
    "vulnerable-dependency": "needs the list of dependencies",
    "missing-audit": "needs the service's log",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scan saw.

    Args:
        observations: what probes saw.
        left: for each rule without an observation, why.
        problems: what could not be looked at, so that *nothing found* would be untrue.
        notes: operations that refuse a good call for a reason of their own, such as an unknown id.
    """

    observations: list[Observation]
    left: dict[str, str]
    problems: list[str]
    notes: list[str] = field(default_factory=list)

    def take(self, probe: Iterator[Observation], place: str) -> None:
        """Run a probe to its end, or as far as the service lets it."""
        try:
            self.observations.extend(probe)
        except (UnreachableError, NotAllowedError, LoginFailedError, ValueError) as error:
            self.problems.append(f"{place}: {error}"[:300])


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan.

    Args:
        endpoints: the operations.
        sender: the way to the service, with nobody's session.
        login: how to log in, or None.
        token: a bearer token instead, or empty.
    """

    endpoints: tuple[Endpoint, ...]
    sender: HttpSender
    login: Login | None
    token: str

    def run(self) -> Seen:
        """Look at every operation; what could not be looked at is said beside what was seen.

        Raises:
            UnreachableError: the service does not answer at all.
            LoginFailedError: the log-in failed.
        """
        session = self._session()
        inside = replace(self.sender, headers={**self.sender.headers, **session.headers})
        seen = Seen([], {}, [])
        usable = [self._look_at(one, session, inside, seen) for one in self._tried()]
        if not any(usable):
            seen.problems.append("no operation answered a good call, so nothing was looked at")
        for probe in self._of_service(session):
            seen.take(probe, "the service as a whole")
        looked_for = {one.rule for one in seen.observations}
        reasons = {**NEEDS, **_not_here(session, self.endpoints, self.sender)}
        seen.left.update(
            (name, reasons.get(name, "nothing to try it on"))
            for name in RULES if name not in looked_for
        )  # fmt: skip
        return seen

    def _tried(self) -> list[Endpoint]:
        return [one for one in self.endpoints
                if not ENDS_SESSION.search(f"{one.method} {one.name} {one.path}")]  # fmt: skip

    def _session(self) -> Session:
        if self.token:
            return Session({"Authorization": f"Bearer {self.token}"}, self.token, None)
        if self.login is None:
            self.sender.exchange("GET", "/", {}, None)
            return Session({}, "", None)
        return logged_in(self.sender, self.login, {})

    def _look_at(self, one: Endpoint, session: Session, inside: HttpSender, seen: Seen) -> bool:
        """Every probe at one operation; whether its answers say anything."""
        call, log_in = self._call(one), bool(self.login and one == self.login.endpoint)
        sender = self.sender if log_in else inside
        throttled = sender.throttled
        try:
            answer = sender.send(one, call)
        except UnreachableError as error:
            seen.problems.append(str(error))
            return False
        usable = answer.status in SUCCESS or log_in
        for probe in self._probes(one, call, session, sender, answer):
            seen.take(probe, one.name)
        if not usable:
            seen.notes.append(f"{one.name} answers {answer.status} to a good call")
        if answer.status >= SERVER_ERROR:
            seen.problems.append(f"{one.name} answers {answer.status} to a good call")
        try:
            later = sender.send(one, call).status
        except UnreachableError as error:
            seen.problems.append(f"after its probes: {error}")
            return usable
        if usable and not log_in and later not in SUCCESS and later in LOST:
            seen.problems.append(f"{one.name} answered {answer.status} at first and {later} later")
        if sender.throttled > throttled:
            seen.problems.append(f"{one.name} answered 429: the service limits what is sent")
        return usable

    def _probes(
        self, one: Endpoint, call: Call, session: Session, sender: HttpSender, answer: Exchange
    ) -> Iterator[Iterator[Observation]]:
        nobody = self.sender
        over_tls = nobody.base.startswith("https:")
        yield passive.security_headers(
            answer, one.name, page="html" in _kind(answer), over_tls=over_tls
        )
        if one.secured and session.headers:
            yield forging.no_token(nobody, one, call)
            yield iter([passive.private_data_is_not_cached(answer, one.name)])
        yield passive.cors(sender, one, call, str(urlsplit(nobody.base).hostname))
        secrets = (self.login.password,) if self.login else ()
        yield passive.survives(sender, one, call, secrets)
        yield bounds.bounds_kept(sender, one, call)
        for probe in injection.INJECTIONS:
            yield probe(sender, one, call)

    def _of_service(self, session: Session) -> Iterator[Iterator[Observation]]:
        nobody = self.sender
        yield injection.traversal_of_address(nobody, ("/", "/static"))
        yield self._of_session(session, self._tried())
        if nobody.base.startswith("https:"):
            yield transport.tls(nobody.base, ca_file=nobody.ca_file, days=TLS_DAYS,
                                seconds=nobody.seconds)  # fmt: skip

    def _call(self, one: Endpoint) -> Call:
        if self.login and one == self.login.endpoint:
            return credentials(self.login, password=WRONG)
        return benign(one)

    def _of_session(self, session: Session, tried: list[Endpoint]) -> Iterator[Observation]:
        secured = [one for one in tried if one.secured]
        if session.token.count(".") == 2 and secured:  # noqa: PLR2004 - a JWT
            forged = forging.forgeries(session.token, "somebody-else")
            open_ = {**self.sender.headers, **session.headers}
            inside = replace(self.sender, headers=open_)
            let_in = [one for one in secured
                      if inside.send(one, benign(one)).status in forging.SUCCESS]  # fmt: skip
            if not let_in:
                return
            asked = let_in[0]
            yield from forging.tokens_refused(
                self.sender, asked, benign(asked), session.token, ("forged-token", forged)
            )
            named = replace(self.sender, headers={})
            answer = named.send(
                asked, replace(benign(asked), query={"access_token": session.token})
            )
            said = f"?access_token=… is answered {answer.status}"
            yield Observation("key-in-url", asked.name, answer.status in SUCCESS, said, answer)
        if self.login and session.answer:
            yield from passive.cookies(session.answer, self.login.endpoint.name)
            yield from self._of_log_in(session)
        if "Cookie" in session.headers:
            yield from self._by_other_sites(session, secured)

    def _of_log_in(self, session: Session) -> Iterator[Observation]:
        assert self.login is not None  # noqa: S101 - its callers have looked
        known = self.sender.send(self.login.endpoint, credentials(self.login, password=WRONG))
        stranger = replace(self.login, name=f"x{self.login.name}")
        unknown = self.sender.send(stranger.endpoint, credentials(stranger, password=WRONG))
        alike = injection.shape(known, self.login.name) == injection.shape(unknown, stranger.name)
        said = f"answers {known.status} to known and {unknown.status} to unknown users"
        yield Observation("user-enumeration", "log-in text", not alike, said, unknown)
        names = cookie_names(session.answer)
        if names:
            chosen = {"Cookie": "; ".join(f"{name}={CHOSEN}" for name in names)}
            again = logged_in(self.sender, self.login, chosen)
            kept = CHOSEN in again.headers.get("Cookie", CHOSEN)
            said = f"a cookie named before log-in is {'used' if kept else 'replaced'} after it"
            yield Observation("session-fixation", "log-in", kept, said, again.answer)

    def _by_other_sites(self, session: Session, secured: list[Endpoint]) -> Iterator[Observation]:
        """A cookie that browsers send along from other sites, on operations that change."""
        cookies = session.answer.headers.get("set-cookie", "") if session.answer else ""
        sent_along = "samesite=none" in cookies.lower() or "samesite" not in cookies.lower()
        for one in secured:
            if one.method == "GET":
                continue
            headers = {**session.headers, "Origin": passive.EVIL}
            answer = self.sender.send(one, replace(benign(one), headers=headers))
            taken = answer.status in SUCCESS and sent_along
            how = "are" if sent_along else "are not"
            said = f"{one.name} answers {answer.status} to another site; cookies {how} sent along"
            yield Observation("csrf", one.name, taken, said, answer)


def _kind(answer: Exchange) -> str:
    return answer.headers.get("content-type", "")


def _not_here(
    session: Session, endpoints: tuple[Endpoint, ...], sender: HttpSender
) -> dict[str, str]:
    reasons = {"csp": "no page", "xss-reflected": "no page takes a value"}
    if not session.headers:
        reasons |= dict.fromkeys(
            ("missing-authentication", "cookie-flags", "session-fixation", "csrf", "forged-token",
             "user-enumeration", "cacheable-private-data", "key-in-url"),
            "no log-in was given")  # fmt: skip
    elif session.token:
        reasons |= dict.fromkeys(("csrf", "session-fixation", "cookie-flags"), "no cookie session")
    else:
        reasons |= dict.fromkeys(("forged-token", "key-in-url"), "no token session")
    if not any(one.secured for one in endpoints):
        reasons["missing-authentication"] = "no operation declares security"
    if sender.base.startswith("http:"):
        reasons["tls"] = "the address is plain HTTP"
    return reasons


def pages_to_show(
    endpoints: tuple[Endpoint, ...], sender: HttpSender
) -> list[tuple[str, Callable[[str], str]]]:
    """Addresses of pages that take a value, and how a payload gets into each."""
    pages = [one for one in endpoints
             if one.method == "GET" and "html" in _kind(sender.send(one, benign(one)))]  # fmt: skip
    return [
        (f"{one.name} {name}", _address(sender.base, one, name))
        for one in pages
        for name in one.query_names
    ]


def _address(base: str, one: Endpoint, name: str) -> Callable[[str], str]:
    def address(payload: str) -> str:
        query: dict[str, Any] = {**benign(one).query, name: payload}
        return f"{base}{filled(one.path, benign(one).path)}?{urlencode(query)}"

    return address
