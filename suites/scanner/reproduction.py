"""The curl line of a request: pasted into a shell, it sends the same bytes again.

Secrets are variables of the environment. Bodies that no shell can hold are written by Python.
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
# An address of the listener of the attack on addresses: to see it again, something must listen.
_LISTENER = re.compile(r"127\.0\.0\.1:(\d+)(?:/|%2F)kp\d+(?:/|%2F)")
_READ_SESSION = (
    "grep -oE 'eyJ[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]*|"
    '"[A-Za-z_]*[tT]oken" *: *"[^"]+"\' | head -1 | sed -E \'s/.*: *"([^"]+)"/\\1/\''
)
_READ_COOKIES = "sed -nE 's/^[Ss]et-[Cc]ookie: ([^;]*).*/\\1/p' | tr -d '\\r' | paste -sd ';' -"


@dataclass(frozen=True, slots=True)
class Replacements:
    """What a curl line writes instead of what was sent.

    Args:
        variables: the variable that stands for each secret.
        nonce: the text in the names that the scan made; names must be new in each run.
        names: the names of accounts, which exist and stay as they are.
        registration: the address of the registration.
        registers: whether a registration must have a new name.
    """

    variables: Mapping[str, str]
    nonce: str = ""
    names: frozenset[str] = frozenset()
    registration: str = ""
    registers: bool = False

    def is_new(self, exchange: Exchange, text: str) -> bool:
        """Whether the request makes something whose name must be new."""
        if exchange.method != "POST" or not self.nonce or self.nonce not in text:
            return False
        is_known = any(name in text for name in self.names)
        return not is_known or (self.registers and exchange.url == self.registration)


def again(exchange: Exchange, replacements: Replacements) -> str:
    """The curl line that repeats a request."""
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
    """Secrets as they look in an address, where this is not how they look anyway."""
    return {quote_plus(secret): name for secret, name in variables.items()}


def _literal(body: bytes | None) -> str | None:
    """A body as text that a shell can hold; None for another body."""
    if body is None or len(body) > MAX_LITERAL or _RUN.search(body):
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _expression(body: bytes) -> str:
    """A short Python expression for bytes: runs are written as a product."""
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
    """A word of the shell in which secrets are variables."""
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
    """How each secret may look in a request, and what the shell writes for it."""
    forms: dict[str, str] = {}
    for secret, name in variables.items():
        if len(secret) < MIN_SECRET:
            continue
        encoders = {json.dumps(secret)[1:-1]: "json.dumps(os.environ[{!r}])[1:-1]",
                    quote_plus(secret): "urllib.parse.quote_plus(os.environ[{!r}])"}  # fmt: skip
        for form, code in encoders.items():
            program = f"import json, os, urllib.parse; print({code.format(name)})"
            forms[form] = f'"$(python3 -c {shlex.quote(program)})"'
        forms[secret] = f'"${name}"'
    return forms


def preparation(account: Account) -> str:
    """The lines that log an account in, for the curl lines that need its session."""
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
