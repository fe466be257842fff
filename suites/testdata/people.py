"""Logs users in, with a second factor if the role of the user needs one."""

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyotp

from suites.client import StoreClient, UnexpectedAnswerError
from suites.client.waiting import wait_until
from suites.form import NIGHTLY
from suites.testdata.ownership import Ownership, OwnUser

STEP_SECONDS = 30
CODE_DIGITS = 6
MIN_SECONDS_LEFT = 4
JWT_PARTS = 3
# The store computes a slow hash for each log-in; more log-ins at once would only wait.
MAX_LOG_INS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Person:
    """A user of this run, and a client that is logged in as this user."""

    user: OwnUser
    client: StoreClient


@dataclass(frozen=True, slots=True)
class Device:
    """A second factor that the store has enrolled: the secret of TOTP, and the backup codes."""

    secret: str = field(repr=False)
    backup_codes: list[str] = field(repr=False)

    def code(self, steps: int = 0) -> str:
        """Return the code of a time step of 30 s.

        Args:
            steps: the number of steps after the present step; 0 for the present step.
        """
        return pyotp.TOTP(self.secret).at(time.time(), counter_offset=steps)


def credentials(user: OwnUser) -> dict[str, str]:
    """Return the body of the log-in request of a user."""
    return {"identifier": user.phone, "password": user.password}


def log_in(client: StoreClient, user: OwnUser) -> Person:
    """Log a user in with a client; enrol a second factor first if the store requires one.

    Args:
        client: the client, which gets the access token.
        user: the user.
    """
    answer = client.call("login", expect=200, body=credentials(user)).body
    if answer["status"] == "twofa_enrolment_required":
        client.token = answer["challenge_token"]
        device = enrol(client)
        answer = client.call("verify_totp", expect=200, body={"code": device.code()}).body
    client.token = answer["access_token"]
    return Person(user, client)


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Creates users of this run, and logs each user in with a new client.

    These log-ins prepare a check, so their effects in the database are compared in a nightly run
    only. The checks of log-ins call ``log_in``, or send the requests themselves.

    Args:
        new_client: a function that makes a client.
        ownership: makes the users.
    """

    new_client: Callable[[], StoreClient]
    ownership: Ownership

    def __call__(self, *, role: str = "customer") -> Person:
        """Create one user with a role, and log the user in."""
        return self._prepared(self.new_client(), self.ownership.user(role=role))

    def several(self, *roles: str) -> list[Person]:
        """Create one user for each role, and log the users in at the same time.

        Args:
            roles: the roles; the persons are returned in this order.
        """
        pairs = [(self.new_client(), self.ownership.user(role=role)) for role in roles]
        with ThreadPoolExecutor(MAX_LOG_INS_AT_ONCE) as pool:
            return list(pool.map(lambda pair: self._prepared(*pair), pairs))

    def customers(self, count: int) -> list[Person]:
        """Create a number of customers, and log the customers in at the same time."""
        return self.several(*["customer"] * count)

    @staticmethod
    def _prepared(client: StoreClient, user: OwnUser) -> Person:
        observer = client.observer
        if not NIGHTLY:
            client.observer = None
        try:
            return log_in(client, user)
        finally:
            client.observer = observer


def enrol(client: StoreClient) -> Device:
    """Request a new second factor, which becomes active when a code confirms the factor.

    Args:
        client: a client that is logged in, or that has the challenge token.
    """
    answer = client.call("enable_totp", expect=200).body
    code = pyotp.parse_uri(answer["provisioning_uri"])
    if not isinstance(code, pyotp.TOTP) or (code.secret, code.interval, code.digits) != (
        answer["secret"],
        STEP_SECONDS,
        CODE_DIGITS,
    ):
        raise UnexpectedAnswerError(
            "enable_totp: an app that scans provisioning_uri would compute other codes than an app "
            "with the secret of the response"
        )
    return Device(answer["secret"], answer["backup_codes"])


def log_in_to_challenge(client: StoreClient, user: OwnUser) -> None:
    """Do the first step of a log-in with a second factor; the client gets the challenge token.

    Raises:
        UnexpectedAnswerError: the store does not ask for a second factor.
    """
    client.token = ""
    answer = client.call("login", expect=200, body=credentials(user)).body
    if answer["status"] != "twofa_required":
        raise UnexpectedAnswerError(
            f"login: expected the status twofa_required in the body, got {answer['status']}"
        )
    client.token = answer["challenge_token"]


def token_lifetime(token: str) -> float | None:
    """Return the lifetime of a JSON Web Token (RFC 7519) in seconds; None for other tokens."""
    parts = token.split(".")
    if len(parts) != JWT_PARTS:
        return None
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    claims = json.loads(base64.urlsafe_b64decode(padded))
    return float(claims["exp"]) - float(claims["iat"]) if {"exp", "iat"} <= claims.keys() else None


def wait_for_room_in_step() -> None:
    """Wait until the time step of TOTP lasts some seconds longer, so that its code stays valid."""
    wait_until(
        f"the time step of TOTP lasts more than {MIN_SECONDS_LEFT} s longer",
        lambda: STEP_SECONDS - time.time() % STEP_SECONDS,
        lambda seconds_left: seconds_left > MIN_SECONDS_LEFT,
        seconds=2 * MIN_SECONDS_LEFT,
    )
