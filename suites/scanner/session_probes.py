"""Probes of the session that a log-in gives: its token, its cookies, and the log-in itself."""

from collections.abc import Iterator
from dataclasses import replace

from suites.probes import forging, injection, passive
from suites.probes.api import Endpoint, Exchange, Observation
from suites.probes.openapi import benign
from suites.scanner.sending import HttpSender
from suites.scanner.session import (
    SUCCESS,
    WRONG_TEXT,
    Login,
    Session,
    cookie_names,
    credentials,
    logged_in,
)

CHOSEN = "chosenbysomebody0123456789"
DOTS_OF_JWT = 2


def token(sender: HttpSender, session: Session, secured: list[Endpoint]) -> Iterator[Observation]:
    """Forged tokens, and the token in an address, at an operation that accepts the genuine token.

    Args:
        sender: sends without a session.
        session: the session; without a JSON Web Token, there is no observation.
        secured: the operations that need a session.
    """
    if session.token.count(".") != DOTS_OF_JWT:
        return
    with_session = replace(sender, headers={**sender.headers, **session.headers})
    endpoint = next(
        (
            endpoint
            for endpoint in secured
            if with_session.send(endpoint, benign(endpoint)).status in forging.SUCCESS
        ),
        None,
    )
    if endpoint is None:
        return
    forgeries = forging.forgeries(session.token, "somebody-else")
    yield from forging.tokens_refused(
        sender, endpoint, benign(endpoint), session.token, ("forged-token", forgeries)
    )
    call = replace(benign(endpoint), query={"access_token": session.token})
    answer = replace(sender, headers={}).send(endpoint, call)
    sentence = f"?access_token=… is answered {answer.status}"
    is_accepted = answer.status in SUCCESS
    yield Observation("key-in-url", endpoint.name, is_accepted, sentence, answer)


def login(sender: HttpSender, login: Login, answer: Exchange) -> Iterator[Observation]:
    """Whether the log-in tells which users exist, and keeps a cookie from before the log-in.

    Args:
        sender: sends without a session.
        login: how to log in.
        answer: the answer to a log-in that succeeded.
    """
    known = sender.send(login.endpoint, credentials(login, password=WRONG_TEXT))
    stranger = replace(login, name=f"x{login.name}")
    unknown = sender.send(stranger.endpoint, credentials(stranger, password=WRONG_TEXT))
    is_same = injection.shape(known, login.name) == injection.shape(unknown, stranger.name)
    sentence = f"answers {known.status} to known and {unknown.status} to unknown users"
    yield Observation("user-enumeration", "log-in text", not is_same, sentence, unknown)
    names = cookie_names(answer)
    if names:
        chosen = {"Cookie": "; ".join(f"{name}={CHOSEN}" for name in names)}
        session = logged_in(sender, login, chosen)
        is_used = CHOSEN in session.headers.get("Cookie", CHOSEN)
        sentence = f"a cookie from before log-in is {'used' if is_used else 'replaced'} after it"
        yield Observation("session-fixation", "log-in", is_used, sentence, session.answer)


def other_sites(
    sender: HttpSender, session: Session, secured: list[Endpoint]
) -> Iterator[Observation]:
    """Whether another site can change data with a cookie that browsers send along.

    Args:
        sender: sends without a session.
        session: the session; without a cookie, there is no observation.
        secured: the operations that need a session.
    """
    if "Cookie" not in session.headers:
        return
    cookies = session.answer.headers.get("set-cookie", "") if session.answer else ""
    is_sent_along = "samesite=none" in cookies.lower() or "samesite" not in cookies.lower()
    for endpoint in secured:
        if endpoint.method == "GET":
            continue
        headers = {**session.headers, "Origin": passive.EVIL}
        answer = sender.send(endpoint, replace(benign(endpoint), headers=headers))
        is_accepted = answer.status in SUCCESS and is_sent_along
        verb = "are" if is_sent_along else "are not"
        sentence = (
            f"{endpoint.name} answers {answer.status} to another site; cookies {verb} sent along"
        )
        yield Observation("csrf", endpoint.name, is_accepted, sentence, answer)
