"""Write the curl line that repeats a request: in a shell, it sends the same bytes again.

Environment variables replace the secrets. For a binary, long or repetitive body, the
line runs Python, which writes the body.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote_plus

from suites.probes.api import Exchange
from suites.scanner.session import credentials
from suites.scanner.survey.account import ENDINGS, Account

MAX_LITERAL = 4000
MIN_SECRET = 4
_RUN = re.compile(rb"(.{1,8}?)\1{24,}", re.DOTALL)
# Headers that curl writes itself.
_OWN_HEADERS = ("host", "content-length", "accept-encoding", "user-agent")
# A URL of the scan's own listener: to repeat the attack, a server must listen there.
_LISTENER = re.compile(r"127\.0\.0\.1:(\d+)(?:/|%2F)kp\d+(?:/|%2F)")
_READ_SESSION = (
    "grep -oE 'eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*|"
    '"[A-Za-z_]*[tT]oken" *: *"[^"]+"\' | head -1 | sed -E \'s/.*: *"([^"]+)"/\\1/\''
)
_READ_COOKIES = "sed -nE 's/^[Ss]et-[Cc]ookie: ([^;]*).*/\\1/p' | tr -d '\\r' | paste -sd ';' -"


@dataclass(frozen=True, slots=True)
class Replacements:
    """The texts that a curl line replaces, such as secrets and names that must be new.

    Args:
        variables: the name of the environment variable that replaces each secret.
        nonce: the text in all names that the scan created; a repeated request needs a new text.
        names: the user names of existing accounts, which are not replaced.
        registration: the URL of the registration operation; empty without one.
        registers: whether a repeated registration needs a new user name.
    """

    variables: Mapping[str, str]
    nonce: str = ""
    names: frozenset[str] = frozenset()
    registration: str = ""
    registers: bool = False

    def is_new(self, exchange: Exchange, text: str) -> bool:
        """Return whether a repetition of the request must use a new name.

        Args:
            exchange: the request with its response.
            text: the body of the request as text.
        """
        if exchange.method != "POST" or not self.nonce or self.nonce not in text:
            return False
        is_known = any(name in text for name in self.names)
        return not is_known or (self.registers and exchange.url == self.registration)


def again(exchange: Exchange, replacements: Replacements) -> str:
    """Return the curl line that repeats a request.

    Args:
        exchange: the request with its response.
        replacements: the secrets and names to replace, and the texts that replace them.
    """
    variables, nonce = replacements.variables, replacements.nonce
    body = exchange.payload
    text = _literal(body)
    parts = ["curl", "-g", "-i", "--path-as-is", "-X", exchange.method]
    is_new = replacements.is_new(exchange, text or "")
    secrets = {**variables, **({nonce: "N"} if is_new else {})}
    for name, value in exchange.sent_headers.items():
        if name.lower() not in _OWN_HEADERS and value:
            parts += ["-H", _quoted(f"{name}: {value}", variables)]
    before = 'N="kp$(date +%s)"; ' if is_new else ""
    listener = _LISTENER.search(text or exchange.url)
    if listener:
        port = listener[1]
        before += f"(timeout 5 python3 -m http.server {port} --bind 127.0.0.1 &); sleep 1; "
    if body is not None and text is not None:
        parts += ["--data-raw", _quoted(text, secrets)]
    elif body is not None:
        program = f"import sys; sys.stdout.buffer.write({_expression(body)})"
        before = f"python3 -c {shlex.quote(program)} | "
        parts += ["--data-binary", "@-"]
    parts.append(_quoted(exchange.target or exchange.url, {**variables, **_encoded(variables)}))
    return before + " ".join(parts)


def _encoded(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, keyed by the URL-encoded form of each secret."""
    return {quote_plus(secret): name for secret, name in variables.items()}


def _literal(body: bytes | None) -> str | None:
    """Return a body as text for a shell; None when the body is binary, long or repetitive."""
    if body is None or len(body) > MAX_LITERAL or _RUN.search(body):
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _expression(body: bytes) -> str:
    """Return a short Python expression for bytes; a repeated part is written as a product."""
    parts, position = [], 0
    for match in _RUN.finditer(body):
        if match.start() > position:
            parts.append(repr(body[position : match.start()]))
        unit = match[1]
        parts.append(f"{unit!r}*{len(match[0]) // len(unit)}")
        position = match.end()
    if position < len(body) or not parts:
        parts.append(repr(body[position:]))
    return "+".join(parts)


def _quoted(text: str, variables: Mapping[str, str]) -> str:
    """Return a text as a quoted word of the shell, in which variables replace the secrets."""
    forms = _forms(variables)
    if not forms:
        return shlex.quote(text)
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    parts, position = [], 0
    for match in pattern.finditer(text):
        if match.start() > position:
            parts.append(shlex.quote(text[position : match.start()]))
        parts.append(forms[match[0]])
        position = match.end()
    if position < len(text) or not parts:
        parts.append(shlex.quote(text[position:]))
    return "".join(parts)


def _forms(variables: Mapping[str, str]) -> dict[str, str]:
    """Return each form that a secret may have in a request, with its replacement in the shell."""
    forms: dict[str, str] = {}
    for secret, name in variables.items():
        if len(secret) < MIN_SECRET:
            continue
        encoders = {
            json.dumps(secret)[1:-1]: "json.dumps(os.environ[{!r}])[1:-1]",
            quote_plus(secret): "urllib.parse.quote_plus(os.environ[{!r}])",
        }
        for form, code in encoders.items():
            program = f"import json, os, urllib.parse; print({code.format(name)})"
            forms[form] = f'"$(python3 -c {shlex.quote(program)})"'
        forms[secret] = f'"${name}"'
    return forms


def preparation(account: Account) -> str:
    """Return the command that logs an account in and sets its session variable.

    The result is empty for an account without a log-in or without a session.
    """
    if account.login is None or not account.session.headers:
        return ""
    login, sender = account.login, account.watch.sender
    request = sender.unanswered(login.endpoint, credentials(login, password=login.password))
    variable = account.watch.variables.get(login.password)
    line = again(request, Replacements({login.password: variable} if variable else {}))
    end = ENDINGS.get(account.label, "_NEW")
    quiet = line.replace("curl -g -i", "curl -s -g -i", 1)
    if account.session.token:
        return f"TOKEN{end}=$({quiet} | {_READ_SESSION})"
    return f"COOKIE{end}=$({quiet} | {_READ_COOKIES})"
