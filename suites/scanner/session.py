"""Log in to a service by form or JSON, and take its token or cookie as the session."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from suites.probes import forging
from suites.probes.api import Call, Endpoint, Exchange
from suites.probes.openapi import benign, places
from suites.scanner.sending import HttpSender

SUCCESS = range(200, 400)
# A wrong password: no user has this password.
WRONG_TEXT = "not the password"
OPAQUE_TOKEN = re.compile(
    r'"(?:[a-z]{1,20}[_-]?)?(?:token|jwt|session_?id)"\s{0,5}:\s{0,5}"([^"\s]{8,4000})"',
    re.IGNORECASE,
)
PASSWORD_NAME = re.compile("pass", re.IGNORECASE)
NAME = re.compile("user|mail|login|phone|identifier|name", re.IGNORECASE)


class LoginFailedError(Exception):
    """The log-in gave no session, so the scan cannot test operations that need a session."""


@dataclass(frozen=True, slots=True)
class Login:
    """The operation and the credentials of a log-in.

    Args:
        endpoint: the log-in operation.
        name: the name of the user.
        password: the password of the user.
        header: the request header for the token; in ``Authorization``, the token follows *Bearer*.
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
    """Log in to the service, and return the session.

    Args:
        sender: sends requests without a session.
        login: the operation and the credentials of the log-in.
        headers: further headers of the log-in request.

    Raises:
        LoginFailedError: the response is a refusal, or has neither a token nor a cookie.
        UnreachableError: no response came.
    """
    call = replace(credentials(login, password=login.password), headers=headers)
    answer = sender.send(login.endpoint, call)
    token = forging.TOKEN.search(answer.text)
    if answer.status not in SUCCESS:
        raise LoginFailedError(
            f"the log-in {login.endpoint.name} answers {answer.status}; check user and password"
        )
    opaque = OPAQUE_TOKEN.search(answer.text)
    if token or opaque:
        text = token[0] if token else str(opaque and opaque[1])
        prefix = "Bearer " if login.header == "Authorization" else ""
        return Session({login.header: f"{prefix}{text}"}, text, answer)
    received = answer.headers.get("set-cookie", "")
    jar = "; ".join(cookie.partition(";")[0] for cookie in received.split("\n") if cookie)
    jar = jar or headers.get("Cookie", "")
    if not jar:
        raise LoginFailedError(
            f"the response of the log-in {login.endpoint.name} has neither a token nor a cookie"
        )
    return Session({"Cookie": jar}, "", answer)


def credentials(login: Login, *, password: str) -> Call:
    """Return the request of a log-in with the given password instead of the user's."""
    call = benign(login.endpoint)
    for place in places(login.endpoint, call):
        if PASSWORD_NAME.search(place.name):
            call = call.with_value(place, password)
        elif NAME.search(place.name):
            call = call.with_value(place, login.name)
    return call


def cookie_names(answer: Exchange | None) -> list[str]:
    """Return the names of the cookies that a response sets; an empty list without a response."""
    received = answer.headers.get("set-cookie", "") if answer else ""
    return [cookie.partition("=")[0] for cookie in received.split("\n") if "=" in cookie]
