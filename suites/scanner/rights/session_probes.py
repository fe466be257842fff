"""Probes of the session that a log-in gives: its token, its cookies, and other sites."""

from collections.abc import Iterator
from dataclasses import replace

from suites.probes import forging, passive
from suites.probes.api import Endpoint, Exchange, Observation
from suites.scanner.result import Gap
from suites.scanner.sending import HttpSender
from suites.scanner.session import SUCCESS, Login, Session, cookie_names, logged_in
from suites.scanner.survey.account import is_accepted
from suites.scanner.survey.service import GoodCall, Survey

CHOSEN = "chosenbysomebody0123456789"
DOTS_OF_JWT = 2
TEXT = "text/plain"


def token(survey: Survey) -> Iterator[Observation | Gap]:
    """Forged tokens, and the token in an address, where the genuine token is accepted."""
    session = survey.user.session
    if not session.token:
        reason = "no token session" if session.headers else "no log-in was given"
        yield from (Gap(rule, reason) for rule in ("forged-token", "key-in-url"))
        return
    good = _closed(survey)
    if good is None:
        reason = "no operation accepts the genuine token and refuses a call without a token"
        yield from (Gap(rule, reason) for rule in ("forged-token", "key-in-url"))
        return
    sender = survey.nobody.watch.sender
    endpoint = good.endpoint
    if session.token.count(".") == DOTS_OF_JWT:
        forgeries = [forgery for forgery in forging.forgeries(session.token, "somebody-else")
                     if not forgery[0].startswith("the weak key")]  # fmt: skip
        for observation in forging.tokens_refused(
            sender, endpoint, good.call, session.token, ("forged-token", forgeries)
        ):
            yield replace(observation, cause="tokens")
    else:
        yield Gap("forged-token", "the token is no JSON Web Token")
    for name in ("access_token", "token"):
        call = replace(good.call, query={**good.call.query, name: session.token})
        answer = sender.send(endpoint, call)
        sentence = f"?{name}=… is answered {answer.status}"
        yield Observation("key-in-url", f"{endpoint.name} {name}", is_accepted(answer), sentence,
                          answer, cause="key-in-url")  # fmt: skip


def _closed(survey: Survey) -> GoodCall | None:
    """A valid call that reads with the user's session, and is refused without a session."""
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
    """Whether the log-in keeps a cookie from before.

    Args:
        sender: sends without a session.
        login: how to log in.
        answer: the answer to a log-in that succeeded.
    """
    names = cookie_names(answer)
    if names:
        chosen = {"Cookie": "; ".join(f"{name}={CHOSEN}" for name in names)}
        session = logged_in(sender, login, chosen)
        is_used = CHOSEN in session.headers.get("Cookie", CHOSEN)
        sentence = f"a cookie from before log-in is {'used' if is_used else 'replaced'} after it"
        yield Observation("session-fixation", "log-in", is_used, sentence, session.answer)


def other_sites(survey: Survey) -> Iterator[Observation]:
    """Whether a form of another site can change data with a cookie that browsers send along.

    A browser sends such a request without asking only by POST, and only as text or as a form.
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
        verb = "are" if is_sent_along else "are not"
        sentence = (
            f"{endpoint.name} answers {answer.status} to another site; cookies {verb} sent along"
        )
        is_accepted_there = answer.status in SUCCESS and is_sent_along
        yield Observation("csrf", endpoint.name, is_accepted_there, sentence, answer, cause="csrf")


def sends_along(session: Session) -> bool:
    """Whether browsers send the session's cookies with requests of other sites."""
    cookies = session.answer.headers.get("set-cookie", "").lower() if session.answer else ""
    return "samesite=none" in cookies or "samesite" not in cookies


def without_token(sender: HttpSender, endpoint: Endpoint, good: GoodCall) -> Iterator[Observation]:
    """Whether an operation that declares security answers without a session."""
    for observation in forging.no_token(sender, endpoint, good.call):
        accepted = observation.exchange is not None and is_accepted(observation.exchange)
        yield replace(observation, is_finding=observation.is_finding and accepted)
