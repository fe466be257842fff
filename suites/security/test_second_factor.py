"""Checks of second factors: what an admin may do before the second step of a log-in."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from suites.client import StoreClient
from suites.client.websocket import closing_seconds, opens_a_socket
from suites.probes.api import Observation
from suites.pytest_plugin.marks import check
from suites.security.surface import (
    NoFindingAssertion,
    Surface,
    declared_value,
    endpoints,
    good_call,
    takes_token,
)
from suites.testdata.people import credentials, log_in, log_in_to_challenge

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership

pytestmark = pytest.mark.security

NewClient = Callable[[], StoreClient]
TRIES = 12
MAX_SENTENCE = 300
MAX_SILENT_SECONDS = 10.0
LOCKED = 429
UNAUTHORISED, CONFLICT = 401, 409


@check("security.twofa.admins", needs="access")
def test_admins_need_their_second_step(
    new_client: NewClient, surface: Surface, ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """At log-in, an admin gets only a challenge token; only the second step accepts this token."""
    no_finding(_admins(new_client, surface, ownership))
    if "realtime" in surface.target.capabilities:
        no_finding(_without_log_in(new_client()))


def _without_log_in(client: StoreClient) -> Iterator[Observation]:
    """Observe whether a WebSocket without a log-in stays open."""
    for kind, first in (("no message", ""), ("a message that is not JSON", "hello")):
        seconds = closing_seconds(client, "order_updates", first, MAX_SILENT_SECONDS)
        sentence = (
            f"a WebSocket with {kind} was closed after {seconds:.1f} s, expected at most "
            f"{MAX_SILENT_SECONDS:g} s"
        )
        place = f"order_updates {kind}"
        yield Observation("missing-authentication", place, seconds > MAX_SILENT_SECONDS, sentence)


def _admins(
    new_client: NewClient, surface: Surface, ownership: "Ownership"
) -> Iterator[Observation]:
    for role in ("admin", "owner"):
        user = ownership.user(role=role)
        client = new_client()
        answer = client.call("login", expect=200, body=credentials(user)).body
        sentence = (
            f"the log-in of an {role} without a second factor returned {answer['status']!r}; an "
            "access token is not expected"
        )
        has_session = "access_token" in answer
        yield Observation("second-factor-missing", role, has_session, sentence)
        if has_session:
            continue
        log_in(client, user)
        log_in_to_challenge(client, user)
        for endpoint in endpoints():
            if takes_token(endpoint.name) and not declared_value(endpoint.name, "x-challenge"):
                status = surface.sender(client.token).send(endpoint, good_call(endpoint, {})).status
                challenge_sentence = (
                    f"{endpoint.name} returned status {status} to the challenge token of an "
                    f"{role}, expected 401"
                )
                is_open = status != UNAUTHORISED
                yield Observation(
                    "second-factor-skipped", f"{role} {endpoint.name}", is_open, challenge_sentence
                )
        enrolment_status = client.ask("enable_totp").status
        sentence = (
            f"a second enrolment with a challenge token got status {enrolment_status}, "
            f"expected {CONFLICT}"
        )
        yield Observation(
            "second-factor-skipped", f"{role} enrolment", enrolment_status != CONFLICT, sentence
        )
        yield _listens(client, role)
        client.call("send_sms", expect=202)
        for name in ("verify_sms", "verify_totp"):
            statuses = [
                client.ask(name, body={"code": f"{number:06}"}).status for number in range(TRIES)
            ]
            sentence = (
                f"{TRIES} wrong codes for {name} got the statuses {statuses}, expected {LOCKED} "
                "at least once"
            )
            is_open = LOCKED not in statuses
            yield Observation("second-factor-skipped", f"{role} {name} guessing", is_open, sentence)


def _listens(client: StoreClient, role: str) -> Observation:
    """Observe whether a challenge token opens the WebSocket of orders."""
    effect, is_open = opens_a_socket(client)
    sentence = f"with the challenge token of an {role}, {effect}"[:MAX_SENTENCE]
    return Observation("second-factor-skipped", f"{role} order_updates", is_open, sentence)
