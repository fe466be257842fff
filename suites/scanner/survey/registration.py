"""Register throw-away accounts, so that attacks do not damage the accounts of real users."""

import secrets
from dataclasses import dataclass, replace

from suites.probes.api import Call, Endpoint, Exchange
from suites.probes.openapi import places
from suites.scanner.sending import UnreachableError
from suites.scanner.session import Login, LoginFailedError, logged_in
from suites.scanner.survey.account import Account, Watch, is_accepted
from suites.scanner.survey.bodies import GOOD_PASSWORD, full_call
from suites.scanner.survey.known_values import KnownValues
from suites.scanner.survey.vocabulary import NAME, PASSWORD, is_log_in, is_registration, is_reset

# All names that a scan creates have the nonce. Curl lines replace it, so that they can run again.
NONCE_DIGITS = 8


def new_nonce() -> str:
    """Return a new nonce: random letters and digits, so that names of the scan are unique."""
    return f"kp{secrets.token_hex(NONCE_DIGITS // 2)}"


@dataclass(slots=True)
class Registration:
    """The operation that registers accounts.

    Args:
        endpoint: the registration operation.
        log_in: the log-in operation.
        nonce: a text that is part of every registered user name.
        number: the number of registration requests so far; it makes each name unique.
    """

    endpoint: Endpoint
    log_in: Endpoint
    nonce: str
    number: int = 0

    def call(self, known: KnownValues, *, optional: bool = True) -> Call:
        """Build a request that registers an account with a new user name.

        Args:
            known: values from earlier responses of the service.
            optional: whether the body also has optional properties.
        """
        self.number += 1
        call = full_call(self.endpoint, known, optional=optional)
        for place in places(self.endpoint, call):
            name = place.name.rpartition(".")[2]
            if place.where != "body":
                continue
            if PASSWORD.search(name):
                call = call.with_value(place, GOOD_PASSWORD)
            elif unique := self._unique(name, is_email=place.schema.get("format") == "email"):
                call = call.with_value(place, unique)
        return call

    def _unique(self, name: str, *, is_email: bool) -> str:
        text = f"{self.nonce}n{self.number}"
        lower = name.lower()
        if is_email or "mail" in lower:
            return f"{text}@example.com"
        if "phone" in lower or "mobile" in lower:
            return f"55{int(f'0x{self.nonce[2:]}', 0) % 10**6:06}{self.number % 100:02}"
        return text if NAME.search(name) else ""

    def name_in(self, call: Call) -> str:
        """Return the user name for the log-in of an account, from its registration request."""
        names = [
            place.name
            for place in places(self.log_in, full_call(self.log_in, KnownValues(), optional=True))
            if place.where == "body" and NAME.search(place.name)
        ]
        fields = call.body if isinstance(call.body, dict) else {}
        for name in (*names, "username", "email", "login", "name", "user"):
            if isinstance(fields.get(name), str):
                return str(fields[name])
        return next((str(value) for value in fields.values() if self.nonce in str(value)), "")


def find(
    endpoints: tuple[Endpoint, ...], log_in: Endpoint | None, nonce: str
) -> Registration | None:
    """Find the registration operation, by its name and the password field in its body.

    Args:
        endpoints: all operations of the OpenAPI file.
        log_in: the log-in operation; None when the scan has no log-in.
        nonce: a text that will be part of every registered user name.

    Returns:
        The registration; None without a log-in, or when no operation looks like a registration.
    """
    if log_in is None:
        return None
    for endpoint in endpoints:
        call = full_call(endpoint, KnownValues(), optional=True)
        has_password = any(
            PASSWORD.search(place.name) for place in places(endpoint, call) if place.where == "body"
        )
        others = endpoint != log_in and not is_reset(endpoint) and "{" not in endpoint.path
        if has_password and others and is_registration(endpoint):
            return Registration(endpoint, log_in, nonce)
    for endpoint in endpoints:
        call = full_call(endpoint, KnownValues(), optional=True)
        names = [place.name for place in places(endpoint, call) if place.where == "body"]
        if (
            endpoint.method == "POST"
            and endpoint != log_in
            and not endpoint.secured
            and not is_log_in(endpoint)
            and not is_reset(endpoint)
            and "{" not in endpoint.path
            and any(map(PASSWORD.search, names))
            and any(map(NAME.search, names))
        ):
            return Registration(endpoint, log_in, nonce)
    return None


def registered(
    registration: Registration, watch: Watch, known: KnownValues, extra: dict[str, object]
) -> tuple[Account | None, Exchange | None]:
    """Register an account and log in to it.

    Args:
        registration: the registration operation.
        watch: the state that all accounts of the scan share.
        known: values from earlier responses of the service.
        extra: further fields of the registration body, with their values.

    Returns:
        The account, or None when registration or log-in fails; and the response to the last
        registration request, or None without a response.
    """
    answer = None
    for optional in (True, False):
        call = registration.call(known, optional=optional)
        if extra and isinstance(call.body, dict):
            call = replace(call, body={**call.body, **extra})
        try:
            answer = watch.sender.send(registration.endpoint, call)
            login = Login(registration.log_in, registration.name_in(call), GOOD_PASSWORD)
            if is_accepted(answer):
                session = logged_in(watch.sender, login, {})
                account = Account(
                    "throw-away", watch, login, session, is_throw_away=True, registration=call
                )
                return account, answer
        except (UnreachableError, LoginFailedError):
            continue
    return None, answer
