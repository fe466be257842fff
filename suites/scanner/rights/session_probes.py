"""Probes of the session after a log-in: forged tokens, cookies, and requests of other sites."""

from collections.abc import Iterator
from dataclasses import replace

from suites.probes import forging, passive
from suites.probes.api import Endpoint, Exchange, Observation
from suites.scanner.result import Gap
from suites.scanner.sending import HttpSender
from suites.scanner.session import Login, Session, cookie_names, logged_in
from suites.scanner.survey.account import is_accepted, json_of
from suites.scanner.survey.service import GoodCall, Survey

CHOSEN = "chosenbysomebody0123456789"
REDIRECTS = range(300, 400)
TEXT = "text/plain"


def token(survey: Survey) -> Iterator[Observation | Gap]:
    """Send forged tokens, and the genuine token in the URL, to an operation that needs a token."""
    session = survey.user.session
    web_token = session.json_web_token
    if not session.token and not web_token:
        reason = "the session has no token" if session.headers else "no log-in was given"
        yield from (Gap(rule, reason) for rule in ("forged-token", "key-in-url"))
        return
    good = _closed(survey)
    if good is None:
        reason = "no operation accepts the genuine token and refuses a request without a token"
        yield from (Gap(rule, reason) for rule in ("forged-token", "key-in-url"))
        return
    sender = survey.nobody.watch.sender
    endpoint = good.endpoint
    if web_token:
        forgeries = [
            forgery
            for forgery in forging.forgeries(web_token, "somebody-else")
            if not forgery[0].startswith("the weak key")
        ]
        for observation in forging.tokens_refused(
            sender,
            endpoint,
            good.call,
            web_token,
            ("forged-token", forgeries),
            headers=session.headers,
        ):
            accepted = observation.exchange is not None and is_accepted(observation.exchange)
            is_finding = observation.is_finding and accepted
            yield replace(observation, is_finding=is_finding, cause="tokens")
    else:
        yield Gap("forged-token", "the session token is not a JSON Web Token")
    for name in ("access_token", "token") if session.token else ():
        call = replace(good.call, query={**good.call.query, name: session.token})
        answer = sender.send(endpoint, call)
        sentence = (
            f"{endpoint.name}: a request with the token in the URL (?{name}=…) got status "
            f"{answer.status}"
        )
        yield Observation(
            "key-in-url",
            f"{endpoint.name} {name}",
            is_accepted(answer),
            sentence,
            answer,
            cause="key-in-url",
        )


def _closed(survey: Survey) -> GoodCall | None:
    """Return a valid GET request that needs the user's session; None without such a request."""
    for good in survey.good.values():
        if (
            good.endpoint.method == "GET"
            and good.is_usable
            and good.account is survey.user
            and not is_accepted(survey.nobody.send(good.endpoint, good.call))
        ):
            return good
    return None


def chosen_session(sender: HttpSender, login: Login, answer: Exchange) -> Iterator[Observation]:
    """Check whether the log-in accepts a session cookie whose value the client chose before.

    Args:
        sender: sends requests without a session.
        login: the operation and the credentials of the log-in.
        answer: the response to a log-in that succeeded.
    """
    names = cookie_names(answer)
    if names:
        chosen = {"Cookie": "; ".join(f"{name}={CHOSEN}" for name in names)}
        session = logged_in(sender, login, chosen)
        if session.token:
            return  # the session depends on the token, and on no cookie
        is_used = CHOSEN in session.headers.get("Cookie", "")
        verb = "keeps" if is_used else "replaces"
        sentence = f"the log-in {verb} the session cookie that the client sent with the log-in"
        yield Observation("session-fixation", "log-in", is_used, sentence, session.answer)


def other_sites(survey: Survey) -> Iterator[Observation]:
    """Check whether a form on another site can change data with the user's session cookie.

    Without a CORS preflight request, a browser sends only text or a form to another site.
    """
    for good in survey.good.values():
        endpoint, session = good.endpoint, good.account.session
        if endpoint.method != "POST" or not good.is_usable or "Cookie" not in session.headers:
            continue
        is_sent_along = sends_along(session)
        headers = {**good.call.headers, "Origin": passive.EVIL}
        if "json" in endpoint.body_type:
            headers["Content-Type"] = TEXT
        call = survey.fresh(endpoint, good.call)
        answer = good.account.send(endpoint, replace(call, headers=headers))
        verb = "send" if is_sent_along else "do not send"
        sentence = (
            f"{endpoint.name} answers {answer.status} to a request of another site; browsers "
            f"{verb} the session cookie with the request"
        )
        is_served = is_accepted(answer) or answer.status in REDIRECTS
        is_accepted_there = is_served and is_sent_along
        yield Observation("csrf", endpoint.name, is_accepted_there, sentence, answer, cause="csrf")


def sends_along(session: Session) -> bool:
    """Return whether browsers send the cookies of a session with requests of other sites."""
    cookies = session.answer.headers.get("set-cookie", "").lower() if session.answer else ""
    return "samesite=none" in cookies or "samesite" not in cookies


def without_token(sender: HttpSender, endpoint: Endpoint, good: GoodCall) -> Iterator[Observation]:
    """Check whether an operation that needs a session accepts a request without a session."""
    for observation in forging.no_token(sender, endpoint, good.call):
        answer = observation.exchange
        accepted = answer is not None and is_accepted(answer) and _has_kind_of(good.answer, answer)
        yield replace(observation, is_finding=observation.is_finding and accepted)


def _has_kind_of(good: Exchange | None, answer: Exchange) -> bool:
    """Return whether a response is JSON where the good response is: a log-in page is a refusal."""
    return good is None or json_of(good) is None or json_of(answer) is not None
