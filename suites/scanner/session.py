"""Logs in to any service: by form or JSON, for a token or a cookie."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from suites.probes import forging
from suites.probes.api import Call, Endpoint, Exchange
from suites.probes.openapi import benign, places
from suites.scanner.sending import HttpSender

SUCCESS = range(200, 400)
# Typed on purpose: no user has this password.
WRONG_TEXT = "not the password"
OPAQUE_TOKEN = re.compile(
    r'"(?:[a-z]{1,20}[_-]?)?(?:token|jwt|session_?id)"\s{0,5}:\s{0,5}"([^"\s]{8,4000})"',
    re.IGNORECASE,
)
PASSWORD_NAME = re.compile("pass", re.IGNORECASE)
NAME = re.compile("user|mail|login|phone|identifier|name", re.IGNORECASE)


class LoginFailedError(Exception):
    """The log-in gave no session, so the operations that need a session cannot be probed."""


@dataclass(frozen=True, slots=True)
class Login:
    """The operation and the credentials of a log-in.

    Args:
        endpoint: the operation.
        name: the name of the user.
        password: the password of the user.
        header: the header that carries the token; ``Authorization`` has the scheme *Bearer*.
    """

    endpoint: Endpoint
    name: str
    password: str
    header: str = "Authorization"


@dataclass(frozen=True, slots=True)
class Session:
    """The session after a log-in.

    Args:
        headers: the Authorization or Cookie header of the session; empty without a session.
        token: the token; empty for a session by cookie.
        answer: the exchange of the log-in; None without a log-in.
    """

    headers: Mapping[str, str]
    token: str
    answer: Exchange | None


def logged_in(sender: HttpSender, login: Login, headers: Mapping[str, str]) -> Session:
    """Log in.

    Raises:
        LoginFailedError: the answer is a refusal, or holds neither token nor cookie.
    """
    call = replace(credentials(login, password=login.password), headers=headers)
    answer = sender.send(login.endpoint, call)
    token = forging.TOKEN.search(answer.text)
    if answer.status not in SUCCESS:
        raise LoginFailedError(f"{login.endpoint.name} answers {answer.status}")
    opaque = OPAQUE_TOKEN.search(answer.text)
    if token or opaque:
        text = token[0] if token else str(opaque and opaque[1])
        prefix = "Bearer " if login.header == "Authorization" else ""
        return Session({login.header: f"{prefix}{text}"}, text, answer)
    received = answer.headers.get("set-cookie", "")
    jar = "; ".join(cookie.partition(";")[0] for cookie in received.split("\n") if cookie)
    jar = jar or headers.get("Cookie", "")
    if not jar:
        raise LoginFailedError(f"{login.endpoint.name} gives neither a token nor a cookie")
    return Session({"Cookie": jar}, "", answer)


def credentials(login: Login, *, password: str) -> Call:
    """The call of a log-in, with this password."""
    call = benign(login.endpoint)
    for place in places(login.endpoint, call):
        if PASSWORD_NAME.search(place.name):
            call = call.with_value(place, password)
        elif NAME.search(place.name):
            call = call.with_value(place, login.name)
    return call


def cookie_names(answer: Exchange | None) -> list[str]:
    """The names of the cookies that an answer sets."""
    received = answer.headers.get("set-cookie", "") if answer else ""
    return [cookie.partition("=")[0] for cookie in received.split("\n") if "=" in cookie]
