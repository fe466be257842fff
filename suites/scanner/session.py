"""Log in to a service by form or JSON, and take its token or cookie as the session."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from suites.probes import forging
from suites.probes.api import Call, Endpoint, Exchange
from suites.probes.openapi import benign, places
from suites.scanner.sending import HttpSender

SUCCESS = range(200, 400)
# A wrong password: no user has this password.
WRONG_TEXT = "not the password"
# Names of fields with a session token. A token to renew a session, or against forged requests, is
# no session token.
TOKEN_NAME = re.compile(r"(?:token|jwt|session_?id)$|^access$", re.IGNORECASE)
OTHER_TOKEN = re.compile(r"refresh|csrf|xsrf|id_?token$|reset|device|push|fcm", re.IGNORECASE)
# Some services name the only token a key.
KEY_NAME = re.compile(r"^(?:auth|access|session)?[_-]?key$", re.IGNORECASE)
MIN_TOKEN, MIN_KEY, MAX_TOKEN = 8, 20, 4000
MAX_DEPTH = 6
# The words before a token in the header Authorization, the most frequent first.
PREFIXES = ("Bearer ", "Token ", "JWT ", "")
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
        header: the request header for the token.
        prefix: the word before the token in the header ``Authorization``, followed by a blank.
    """

    endpoint: Endpoint
    name: str
    password: str
    header: str = "Authorization"
    prefix: str = "Bearer "


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

    @property
    def json_web_token(self) -> str:
        """The JSON Web Token of the session, which a cookie may have; empty without one."""
        match = forging.TOKEN.search(self.token or self.headers.get("Cookie", ""))
        return match[0] if match else ""


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
    if answer.status not in SUCCESS:
        raise LoginFailedError(
            f"the log-in {login.endpoint.name} answers {answer.status}; check user and password"
        )
    if text := session_token(answer.text):
        return Session({login.header: with_prefix(login, text)}, text, answer)
    received = answer.headers.get("set-cookie", "")
    jar = "; ".join(cookie.partition(";")[0] for cookie in received.split("\n") if cookie)
    jar = jar or headers.get("Cookie", "")
    if not jar and (text := session_token(answer.text, name=KEY_NAME)):
        return Session({login.header: with_prefix(login, text)}, text, answer)
    if not jar:
        raise LoginFailedError(
            f"the response of the log-in {login.endpoint.name} has neither a token nor a cookie"
        )
    return Session({"Cookie": jar}, "", answer)


def with_prefix(login: Login, token: str) -> str:
    """Return the value of the header that carries a token."""
    return f"{login.prefix}{token}" if login.header == "Authorization" else token


def session_token(text: str, name: re.Pattern[str] = TOKEN_NAME) -> str:
    """Return the session token in the response to a log-in; empty where there is none.

    Args:
        text: the body of the response. In JSON, names decide between several tokens: the token to
            renew the session comes first in some services.
        name: the names of the fields that may have the token.
    """
    try:
        fields = list(_texts(json.loads(text)))
    except (ValueError, RecursionError):
        match = forging.TOKEN.search(text)
        return match[0] if match else ""
    shortest = MIN_KEY if name is KEY_NAME else MIN_TOKEN
    named = [
        (key, value)
        for key, value in fields
        if shortest <= len(value) <= MAX_TOKEN
        and not re.search(r"\s", value)
        and not OTHER_TOKEN.search(key)
        and (name.search(key) or (name is TOKEN_NAME and forging.TOKEN.fullmatch(value)))
    ]
    # A field such as access_token before others, and JSON Web Tokens before other texts.
    named.sort(
        key=lambda pair: ("access" not in pair[0].lower(), not forging.TOKEN.fullmatch(pair[1]))
    )
    return named[0][1] if named else ""


def _texts(content: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each field of a JSON value, at any depth."""
    if isinstance(content, str):
        yield name, content
    elif depth < MAX_DEPTH and isinstance(content, Mapping):
        for key, value in content.items():
            yield from _texts(value, str(key), depth + 1)
    elif depth < MAX_DEPTH and isinstance(content, list):
        for value in content:
            yield from _texts(value, name, depth + 1)


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
