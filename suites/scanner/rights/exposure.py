"""Look for passwords, password hashes and keys in the responses to valid requests."""

import json
import re
from collections.abc import Iterator, Mapping

from suites.probes.api import Exchange, Observation
from suites.scanner.session import credentials
from suites.scanner.survey.account import json_of
from suites.scanner.survey.service import GoodCall, Survey

MAX_TEXT = 200_000
MAX_DEPTH = 12
MIN_LENGTH = 4
# Names of fields whose value no answer may hold.
SECRET_NAME = re.compile(
    r"^(?:.*_)?(?:password|passwd|passphrase|password_?hash|hashed_?password|pass_?hash|pwd_?hash|"
    r"salt|secret_?key|private_?key|signing_?key|encryption_?key|client_?secret|app_?secret|"
    r"totp_?secret|otp_?secret|two_?factor_?secret|mfa_?secret|cvv|cvc|card_?number|"
    r"reset_?(?:code|token)|reset_?password_?(?:code|token)|password_?reset_?(?:code|token)|"
    r"security_?answer|api_?secret|access_?key_?secret|database_?url|db_?url|connection_?string)$"
    r"|^(?:pwd|pass)$",
    re.IGNORECASE,
)
MASKED = re.compile(
    r"[*•xX.\-]{3,}|<[^>]*>|\[?(?:hidden|redacted|masked|filtered|removed|none|null)\]?",
    re.IGNORECASE,
)
SECRET_VALUE = {
    "a bcrypt hash": re.compile(r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}"),
    "an argon2 hash": re.compile(r"\$argon2(?:id|i|d)\$v=\d"),
    "a scrypt hash": re.compile(r"\bscrypt[:$]\d{1,7}"),
    "a PBKDF2 hash": re.compile(r"\bpbkdf2[_:-]sha\d{1,3}[:$]"),
    "a crypt hash": re.compile(r"\$[156]\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{22,86}"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]{2,10} )?PRIVATE KEY-----"),
    "a key of AWS": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a URL with a password": re.compile(
        r"\b[a-z][a-z0-9+]{2,15}://[^\s:/@\"']{1,60}:[^\s:/@\"']{3,60}@"
    ),
}


def exposure(survey: Survey) -> Iterator[Observation]:
    """Check the response of each request that succeeded for secrets."""
    for good in survey.good.values():
        if good.answer is None or not good.is_usable:
            continue
        yield observed(good, good.answer)
    for account in survey.accounts():
        if account.login and account.session.answer:
            call = credentials(account.login, password=account.login.password)
            good = GoodCall(account.login.endpoint, call, account, account.session.answer)
            yield observed(good, account.session.answer)
    if survey.registration and survey.registered:
        endpoint = survey.registration.endpoint
        good = GoodCall(endpoint, survey.registration.call(survey.known), survey.nobody, None)
        yield observed(good, survey.registered)


def observed(good: GoodCall, answer: Exchange) -> Observation:
    """Return the observation about secrets in a response; its sentence does not show a secret.

    Args:
        good: the valid request, with its operation and its account.
        answer: the response to this request.
    """
    name = good.endpoint.name
    kinds = sorted(set(secrets_in(answer)))
    who = "anybody" if not good.account.session.headers else f"the {good.account.label}"
    sentence = f"{name} shows {', '.join(kinds) or 'no secret'} to {who}"
    return Observation("exposed-secret", name, bool(kinds), sentence, answer)


def secrets_in(answer: Exchange) -> Iterator[str]:
    """Yield a description of each secret in a response: a field name, or the kind of value."""
    sent = _sent_values(answer)
    for name, value in _texts(json_of(answer)):
        is_long = len(value) >= MIN_LENGTH and not MASKED.fullmatch(value)
        if SECRET_NAME.match(_snake(name)) and is_long and value not in sent:
            yield f"the field {name}"
    text = answer.text[:MAX_TEXT]
    for kind, pattern in SECRET_VALUE.items():
        match = pattern.search(text)
        if match and match[0] not in answer.sent and match[0] not in answer.url:
            yield kind


def _sent_values(answer: Exchange) -> set[str]:
    """Return the texts of the request body; such a text in the response is no secret."""
    try:
        return {value for _, value in _texts(json.loads(answer.sent))}
    except (ValueError, RecursionError):
        return set()


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_")


def _texts(content: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        return
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _texts(value, str(key), depth + 1)
    elif isinstance(content, list):
        for item in content[:1000]:
            yield from _texts(item, name, depth + 1)
    elif isinstance(content, str):
        yield name, content
