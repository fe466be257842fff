"""Logging in as somebody, second step included."""

import time
from dataclasses import dataclass, field

import pyotp

from suites.client import StoreClient, UnexpectedAnswerError
from suites.client.waiting import wait_until
from suites.testdata.ownership import OwnUser

STEP_SECONDS = 30
ROOM_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Person:
    """A user of this run and a client logged in as them."""

    user: OwnUser
    client: StoreClient


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled second factor."""

    secret: str = field(repr=False)
    backup_codes: list[str] = field(repr=False)

    def code(self, steps: int = 0) -> str:
        """The code of this time step, or of one so many steps away."""
        return pyotp.TOTP(self.secret).at(time.time(), counter_offset=steps)


def credentials(user: OwnUser) -> dict[str, str]:
    """What a user logs in with."""
    return {"identifier": user.phone, "password": user.password}


def log_in(client: StoreClient, user: OwnUser) -> Person:
    """Log in; who must enrol a second factor first does so."""
    answer = client.call("login", expect=200, body=credentials(user)).body
    if answer["status"] == "twofa_enrolment_required":
        client.token = answer["challenge_token"]
        device = enrol(client)
        answer = client.call("verify_totp", expect=200, body={"code": device.code()}).body
    client.token = answer["access_token"]
    return Person(user, client)


def enrol(client: StoreClient) -> Device:
    """Ask for a new device; it is in force once a code confirms it."""
    answer = client.call("enable_totp", expect=200).body
    return Device(answer["secret"], answer["backup_codes"])


def challenged(client: StoreClient, user: OwnUser) -> None:
    """Log in as far as the second step: the client holds the challenge."""
    client.token = ""
    answer = client.call("login", expect=200, body=credentials(user)).body
    if answer["status"] != "twofa_required":
        raise UnexpectedAnswerError(f"login: expected a challenge, got {answer['status']}")
    client.token = answer["challenge_token"]


def wait_for_room_in_step() -> None:
    """Wait until the time step has some seconds left, so that its code stays its code."""
    wait_until(
        "a time step with seconds left",
        lambda: STEP_SECONDS - time.time() % STEP_SECONDS,
        lambda left: left > ROOM_SECONDS,
        seconds=2 * ROOM_SECONDS,
    )
