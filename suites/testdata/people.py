"""Users who are logged in, with their second factor where their role needs it."""

import time
from dataclasses import dataclass, field

import pyotp

from suites.client import StoreClient, UnexpectedAnswerError
from suites.client.waiting import wait_until
from suites.testdata.ownership import OwnUser

STEP_SECONDS = 30
MIN_SECONDS_LEFT = 4


@dataclass(frozen=True, slots=True)
class Person:
    """A user of this run, and a client that is logged in as this user."""

    user: OwnUser
    client: StoreClient


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled second factor."""

    secret: str = field(repr=False)
    backup_codes: list[str] = field(repr=False)

    def code(self, steps: int = 0) -> str:
        """The code of the present time step, or of a step so many steps later."""
        return pyotp.TOTP(self.secret).at(time.time(), counter_offset=steps)


def credentials(user: OwnUser) -> dict[str, str]:
    """The body of a user's log-in."""
    return {"identifier": user.phone, "password": user.password}


def log_in(client: StoreClient, user: OwnUser) -> Person:
    """Log in, and enrol a second factor first if the store requires it."""
    answer = client.call("login", expect=200, body=credentials(user)).body
    if answer["status"] == "twofa_enrolment_required":
        client.token = answer["challenge_token"]
        device = enrol(client)
        answer = client.call("verify_totp", expect=200, body={"code": device.code()}).body
    client.token = answer["access_token"]
    return Person(user, client)


def enrol(client: StoreClient) -> Device:
    """Ask for a new second factor, which becomes active when a code confirms it."""
    answer = client.call("enable_totp", expect=200).body
    return Device(answer["secret"], answer["backup_codes"])


def log_in_to_challenge(client: StoreClient, user: OwnUser) -> None:
    """Log in up to the second step, so that the client holds the challenge."""
    client.token = ""
    answer = client.call("login", expect=200, body=credentials(user)).body
    if answer["status"] != "twofa_required":
        raise UnexpectedAnswerError(f"login: expected a challenge, got {answer['status']}")
    client.token = answer["challenge_token"]


def wait_for_room_in_step() -> None:
    """Wait until the time step has some seconds left, so that its code stays valid."""
    wait_until(
        "a time step with seconds left",
        lambda: STEP_SECONDS - time.time() % STEP_SECONDS,
        lambda seconds_left: seconds_left > MIN_SECONDS_LEFT,
        seconds=2 * MIN_SECONDS_LEFT,
    )
