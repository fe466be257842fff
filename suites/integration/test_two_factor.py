"""Checks of second factors: time-based codes, SMS codes and backup codes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from suites.client import StoreClient
from suites.pytest_plugin.marks import check
from suites.testdata.people import (
    NewPerson,
    Person,
    credentials,
    enrol,
    log_in,
    log_in_to_challenge,
    token_lifetime,
    wait_for_room_in_step,
)

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnUser, Shop

pytestmark = [pytest.mark.integration, pytest.mark.access_control]

LOCK_SECONDS = 900


@check("access.twofa.totp", needs="access")
def test_totp(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """A TOTP code works only once and only near its time step; 5 wrong codes block all codes."""
    person = new_person()
    client, user_id = person.client, person.user.user_id
    device = enrol(client)
    wait_for_room_in_step()

    client.call("verify_totp", expect=401, body={"code": "000000"})
    client.call("verify_totp", expect=401, body={"code": device.code(-2)})
    client.call("verify_totp", expect=401, body={"code": device.backup_codes[0]})
    client.call("verify_totp", expect=200, body={"code": device.code(-1)})
    client.call("enable_totp", expect=409)

    log_in_to_challenge(client, person.user)
    client.call("show_cart", expect=401)
    client.call("verify_totp", expect=401, body={"code": device.code(-1)})
    client.call("verify_totp", expect=401, body={"code": device.code(2)})
    client.call("verify_totp", expect=200, body={"code": device.code()})
    client.call("verify_totp", expect=401, body={"code": device.code()})
    session = client.call("verify_totp", expect=200, body={"code": device.code(1)}).body
    # After a newer code, the older code must not work again.
    client.call("verify_totp", expect=401, body={"code": device.code()})
    _require_whole_session(client, session, person.user)

    log_in_to_challenge(client, person.user)
    for number in (3, 0):
        backup = {"code": device.backup_codes[number]}
        client.call("verify_totp", expect=200, body=backup)
        client.call("verify_totp", expect=401, body=backup)
    stored = database.twofa_devices.find_one({"user_id": user_id})
    assert stored is not None
    assert len(stored["backup_digests"]) == len(device.backup_codes) - 2
    assert device.backup_codes[1] not in str(stored)

    wrong = [client.ask("verify_totp", body={"code": "000000"}).status for _ in range(5)]
    assert wrong == [401, 401, 401, 401, 429]
    client.token = session["access_token"]
    client.call("show_cart", expect=200)
    locked = client.call("disable_twofa", expect=429, body={"code": device.code(1)})
    stored = database.twofa_devices.find_one({"user_id": user_id})
    assert stored is not None
    seconds_left = (stored["locked_until"] - datetime.now(UTC)).total_seconds()
    assert seconds_left <= int(locked.headers["retry-after"]) <= seconds_left + 2

    other = new_person()
    auditor = log_in(new_client(), ownership.user(role="owner"))  # observed, with its enrolment
    _enrol_again_and_disable(other, device.backup_codes[1])
    after = database.twofa_devices.find_one({"user_id": user_id})
    assert after is not None
    assert after["backup_digests"] == stored["backup_digests"], "another user's code was spent"
    path = {"user_id": other.user.user_id}
    entries = auditor.client.call("user_audit", expect=200, path=path).body["entries"]
    assert [entry["action"] for entry in entries] == ["twofa.disabled", "twofa.enabled"]


@check("access.twofa.sms", needs="access")
def test_sms(
    new_person: NewPerson,
    new_client: Callable[[], StoreClient],
    ownership: "Ownership",
    database: "Shop",
) -> None:
    """An SMS code goes only to the phone, works once, for 300 s; 5 wrong codes block all codes."""
    person = new_person()
    client, by_user = person.client, {"user_id": person.user.user_id}

    codes: list[str] = []

    def request_code() -> str:
        answer = client.call("send_sms", expect=202)
        message = database.sms_outbox.find_one(by_user, sort=[("at", -1)])
        assert message is not None
        assert message["to"] == person.user.phone
        code = str(message["text"]).split()[0]
        assert code not in str(answer.body)
        codes.append(code)
        return code

    def age(seconds: int) -> None:
        pending = database.sms_codes.find_one(by_user)
        assert pending is not None
        earlier = pending["expires_at"] - timedelta(seconds=seconds)
        database.sms_codes.update_one(by_user, {"$set": {"expires_at": earlier}})

    client.call("verify_sms", expect=409, body={"code": "000000"})
    code = request_code()
    other = new_person()
    of_another = _texted_code(other.client, other.user, database)
    client.call("verify_sms", expect=401, body=of_another)
    pending = database.sms_codes.find_one(by_user)
    assert pending is not None
    time_left = pending["expires_at"] - datetime.now(UTC)
    assert timedelta(seconds=295) < time_left <= timedelta(seconds=300)
    assert code not in str(pending)
    client.call("verify_sms", expect=200, body={"code": code})
    client.call("verify_sms", expect=409, body={"code": code})

    code = request_code()
    age(290)
    client.call("verify_sms", expect=200, body={"code": code})
    code = request_code()
    age(301)
    client.call("verify_sms", expect=401, body={"code": code})

    # A new code is valid for its own 300 s, although an earlier code expires soon.
    request_code()
    age(295)
    code = request_code()
    pending = database.sms_codes.find_one(by_user)
    assert pending is not None
    assert pending["expires_at"] - datetime.now(UTC) > timedelta(seconds=295)
    _lock_by_wrong_sms_codes(client, code)
    # The chance that five codes of a million are all under 100 is 1 in 10²⁰.
    assert len(codes) == 5
    assert max(map(int, codes)) >= 100
    _texted_code_as_second_step(new_person(), new_client(), ownership, database)


def _lock_by_wrong_sms_codes(client: StoreClient, code: str) -> None:
    """Send the second to the fifth wrong SMS code; require a lock of 15 minutes, also for codes.

    Args:
        client: the client of a user who has sent one wrong code.
        code: the right code.
    """
    tries = [client.ask("verify_sms", body={"code": "x"}).status for _ in range(4)]
    assert tries == [401, 401, 401, 401]
    locked = client.call("verify_sms", expect=429, body={"code": code})
    assert LOCK_SECONDS - 20 <= int(locked.headers["retry-after"]) <= LOCK_SECONDS + 1
    assert client.ask("send_sms").status == 429


def _enrol_again_and_disable(person: Person, code_of_another: str) -> None:
    """Require that only the newest enrolment counts, and that only a right code disables it.

    An enrolment that no code has confirmed changes no log-in.

    Args:
        person: a person without a second factor.
        code_of_another: a backup code of another user, which must not open a session of the person.
    """
    client = person.client
    abandoned, device = enrol(client), enrol(client)
    answer = client.call("login", expect=200, body=credentials(person.user)).body
    assert answer["status"] == "ok", "an enrolment counts only after a code has confirmed it"
    wait_for_room_in_step()
    client.call("disable_twofa", expect=409, body={"code": device.code()})
    client.call("verify_totp", expect=401, body={"code": abandoned.code(-1)})
    client.call("verify_totp", expect=200, body={"code": device.code(-1)})
    client.call("disable_twofa", expect=401, body={"code": "000000"})
    session = client.token
    log_in_to_challenge(client, person.user)
    client.call("verify_totp", expect=401, body={"code": abandoned.backup_codes[0]})
    client.call("verify_totp", expect=401, body={"code": code_of_another})
    client.call("verify_totp", expect=200, body={"code": device.backup_codes[0]})
    client.token = session
    client.call("disable_twofa", expect=200, body={"code": device.code(1)})
    assert log_in(client, person.user).client.token


def _require_whole_session(client: StoreClient, session: dict[str, Any], user: "OwnUser") -> None:
    """Require that a log-in with a second factor opened a session that can be refreshed.

    Args:
        client: a client, which keeps its token.
        session: the body of the response that opened the session.
        user: the user who logged in.
    """
    before = client.token
    renewal = {"refresh_token": session["refresh_token"]}
    renewed = client.call("refresh", expect=200, body=renewal).body
    client.token = renewed["access_token"]
    client.call("show_cart", expect=200)
    client.token = before
    assert [each["user"]["id"] for each in (session, renewed)] == [user.user_id] * 2
    lifetimes = [token_lifetime(each["access_token"]) for each in (session, renewed)]
    assert {*lifetimes} <= {None, session["expires_in"]}


def _texted_code(client: StoreClient, user: "OwnUser", database: "Shop") -> dict[str, str]:
    """Request an SMS code, and return the body of the request that verifies this code.

    Args:
        client: a client that is logged in as the user, or that has the challenge token.
        user: the user.
        database: the database of the store.
    """
    client.call("send_sms", expect=202)
    message = database.sms_outbox.find_one({"user_id": user.user_id}, sort=[("at", -1)])
    assert message is not None
    return {"code": str(message["text"]).split()[0]}


def _texted_code_as_second_step(
    person: Person, client: StoreClient, ownership: "Ownership", database: "Shop"
) -> None:
    """Require that an SMS code completes a log-in only if the user has enrolled a second factor."""
    admin = ownership.user(role="admin")
    challenge = client.call("login", expect=200, body=credentials(admin)).body
    client.token = challenge["challenge_token"]
    client.call("verify_sms", expect=409, body=_texted_code(client, admin, database))
    assert database.sessions.count_documents({"user_id": admin.user_id}) == 0

    device = enrol(person.client)
    person.client.call("verify_totp", expect=200, body={"code": device.code()})
    log_in_to_challenge(client, person.user)
    code = _texted_code(client, person.user, database)
    session = client.call("verify_sms", expect=200, body=code).body
    client.token = session["access_token"]
    client.call("show_cart", expect=200)
    _require_whole_session(client, session, person.user)
