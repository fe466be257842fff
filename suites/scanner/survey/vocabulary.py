"""Recognise operations and fields by their names: log-in, registration, password, role, owner.

An OpenAPI file does not state the purpose of an operation, so the scan infers it from the names.
Names are split into words first: ``createDb``, ``create_db`` and ``/create-db`` are the words
*create* and *db*.
"""

import re

from suites.probes.api import Call, Endpoint, Parameter
from suites.probes.openapi import places

_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")

PASSWORD = re.compile(r"pass(?!port|enger|age)|pwd", re.IGNORECASE)
NAME = re.compile(
    r"user|mail|login|phone|mobile|identifier|account|handle|nick|^name$", re.IGNORECASE
)
IDENTITY = re.compile(
    r"^(user_?name|user|user_?id|e?mail|email_?address|login|account|account_?id|owner|owner_?id|"
    r"member|member_?id|customer|customer_?id|uid|userid|handle)$",
    re.IGNORECASE,
)
# Fields that decide about rights or money, which a user may not set.
PRIVILEGE = re.compile(
    r"^(role|roles|user_?role|is_?admin|admin|is_?super_?user|super_?user|is_?staff|staff|"
    r"permissions?|scopes?|groups?|access_?level|privileges?|user_?type|account_?type|is_?owner|"
    r"is_?moderator|verified|is_?verified|email_?verified|approved|is_?approved|balance|credits?|"
    r"credit_?limit|wallet|is_?premium|premium|tier|plan|discount|paid|is_?paid)$",
    re.IGNORECASE,
)
# Fields of an object that the server sets.
SERVER_SET = re.compile(
    r"^(owner|owner_?id|user|user_?id|created_?by|author|author_?id|buyer|seller|price|total|"
    r"total_?price|amount|status|state|is_?public|published)$",
    re.IGNORECASE,
)
# Fields that only the person concerned should read.
PRIVATE = re.compile(
    r"secret|private|passw|token|e?mail|phone|mobile|address|street|birth|ssn|iban|card|cvv|"
    r"salary|balance|diagnos|medical|health|note|message|location|role|admin",
    re.IGNORECASE,
)
ADDRESS_OF_WEB = re.compile(
    r"ur[il]$|^ur[il]|link|href|callback|webhook|hook|image|avatar|picture|photo|logo|feed|"
    r"endpoint|redirect|target|website|domain|host|source|src|proxy|fetch|site$|report$|mechanic_api",
    re.IGNORECASE,
)

_LOG_IN = re.compile(r"\b(log ?in|sign ?in|authenticate|authentication|token|session|sessions)\b")
_REGISTER = re.compile(
    r"\b(register|registration|sign ?up|create (user|account|member|customer)|enrol|enroll|"
    r"new (user|account|member)|join|(users?|accounts?|members?|customers?)$)"
)
_RESET = re.compile(r"\b(reset|forgot|forgotten|recover|recovery|remind|lost)\b")
_LOG_OUT = re.compile(
    r"\b(log ?out|sign ?out|log ?off|end session|close account|deactivate|revoke|unsubscribe|"
    r"delete (me|account|profile|self|session))\b"
)
_DESTRUCTIVE = re.compile(
    r"\b(create ?db|create database|init ?db|reset ?db|reset (database|all|data|everything)|"
    r"drop|truncate|wipe|purge|flush|shut ?down|restart|reboot|reinit\w*|re ?initiali[sz]e|"
    r"populate|seed|restore|factory|clear (all|data|database|db)|delete all|destroy|"
    r"kill|uninstall|migrate|nuke|erase)\b"
)
_ADMINISTRATION = re.compile(
    r"\b(admin|admins|administrator|administrators|administration|internal|backoffice|back office|"
    r"superuser)\b"
)
_PRIVILEGE_CHANGE = re.compile(r"\b(role|roles|permission|permissions|grant|promote|privilege)\b")


def words(text: str) -> str:
    """Return the words of a name, in lower case, separated by blanks."""
    return " ".join(filter(None, _WORD_BREAK.split(text))).lower()


def _names(endpoint: Endpoint) -> str:
    """Return the words of the operation's name and of its path without parameters."""
    path = re.sub(r"\{[^}]*\}", " ", endpoint.path)
    return f"{words(endpoint.name.rpartition('.')[2])} / {words(path)}"


def password_places(endpoint: Endpoint, call_body: object) -> list[Parameter]:
    """Return the fields of a request body whose names say that they are passwords."""
    every_place = places(endpoint, Call(body=call_body))
    return [place for place in every_place if place.where == "body" and PASSWORD.search(place.name)]


def is_log_in(endpoint: Endpoint) -> bool:
    """Return whether the names of an operation say that it logs a user in."""
    return endpoint.method == "POST" and bool(_LOG_IN.search(_names(endpoint)))


def is_registration(endpoint: Endpoint) -> bool:
    """Return whether the names of an operation say that it creates an account."""
    path = words(re.sub(r"/v?\d+(?=/|$)", "", endpoint.path))
    named = bool(_REGISTER.search(words(endpoint.name)) or _REGISTER.search(path))
    return endpoint.method == "POST" and named and not is_reset(endpoint)


def is_reset(endpoint: Endpoint) -> bool:
    """Return whether the names of an operation say that it resets a forgotten password."""
    return endpoint.method == "POST" and bool(_RESET.search(_names(endpoint)))


def ends_session(endpoint: Endpoint) -> bool:
    """Return whether the names of an operation say that it ends the caller's session or account."""
    own = endpoint.method == "DELETE" and re.search(
        r"/(me|self|account|profile|session)/?$", endpoint.path
    )
    return bool(own or _LOG_OUT.search(_names(endpoint)))


def is_destructive(endpoint: Endpoint) -> bool:
    """Return whether the names of an operation say that it destroys data of the service."""
    return bool(_DESTRUCTIVE.search(_names(endpoint)))


def is_administration(endpoint: Endpoint) -> bool:
    """Return whether path, name or description say that an operation is for administrators."""
    described = words(endpoint.description)
    only = re.search(
        r"\b(only|requires?) (for )?(an? |the )?(admin|administrator|staff)", described
    )
    return bool(
        _ADMINISTRATION.search(_names(endpoint))
        or only
        or re.search(r"\b(admin|admins|administrators?) only\b", described)
    )


def changes_privileges(endpoint: Endpoint) -> bool:
    """Return whether the names of an operation say that it grants roles or permissions."""
    return endpoint.method != "GET" and bool(_PRIVILEGE_CHANGE.search(_names(endpoint)))
