"""Logging in to any service: by form or JSON, to a token or a cookie."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from suites.probes import forging
from suites.probes.api import Call, Endpoint, Exchange
from suites.probes.openapi import benign, places
from suites.scanner.sending import HttpSender

SUCCESS = range(200, 400)
OPAQUE = re.compile(r'"(?:access_token|token|id_token|jwt)"\s*:\s*"([^"\s]{8,})"')
PASSWORD = re.compile("pass", re.IGNORECASE)
NAME = re.compile("user|mail|login|phone|identifier|name", re.IGNORECASE)


class LoginFailedError(Exception):
    """The log-in did not give a session, so nothing behind it can be looked at."""


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in.

    Args:
        endpoint: the operation, by id, or method and path.
        name: who.
        password: with what.
    """

    endpoint: Endpoint
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Session:
    """What a log-in gave.

    Args:
        headers: what carries it: an Authorization or a Cookie header; empty without one.
        token: the token, if it is one.
        answer: the log-in's exchange.
    """

    headers: Mapping[str, str]
    token: str
    answer: Exchange | None


def logged_in(sender: HttpSender, login: Login, headers: Mapping[str, str]) -> Session:
    """Log in.

    Raises:
        LoginFailedError: no session came of it.
    """
    call = replace(credentials(login, password=login.password), headers=headers)
    answer = sender.send(login.endpoint, call)
    token = forging.TOKEN.search(answer.text)
    if answer.status not in SUCCESS:
        raise LoginFailedError(f"{login.endpoint.name} answers {answer.status}")
    opaque = OPAQUE.search(answer.text)
    if token or opaque:
        found = token[0] if token else str(opaque and opaque[1])
        return Session({"Authorization": f"Bearer {found}"}, found, answer)
    received = answer.headers.get("set-cookie", "")
    jar = "; ".join(one.partition(";")[0] for one in received.split("\n") if one)
    jar = jar or headers.get("Cookie", "")
    if not jar:
        raise LoginFailedError(f"{login.endpoint.name} gives neither a token nor a cookie")
    return Session({"Cookie": jar}, "", answer)


def credentials(login: Login, *, password: str) -> Call:
    """A log-in's call with this password."""
    call = benign(login.endpoint)
    for place in places(login.endpoint, call):
        if PASSWORD.search(place.name):
            call = call.with_value(place, password)
        elif NAME.search(place.name):
            call = call.with_value(place, login.name)
    return call


def cookie_names(answer: Exchange | None) -> list[str]:
    """The names of the cookies an answer sets."""
    received = answer.headers.get("set-cookie", "") if answer else ""
    return [one.partition("=")[0] for one in received.split("\n") if "=" in one]
