"""Check whether log-in, registration and reset reveal user names, and limit password guesses."""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.probes.openapi import places
from suites.scanner.payloads.answers import VOLATILE, essence, volatile_values, without
from suites.scanner.result import Gap
from suites.scanner.session import NAME, WRONG_TEXT, Login, credentials
from suites.scanner.survey.account import SUCCESS, Account, is_accepted
from suites.scanner.survey.registration import registered
from suites.scanner.survey.service import Survey
from suites.scanner.survey.vocabulary import is_reset

LIMITED = (423, 429)
# An account of a person is not locked by this number of wrong passwords, in most services.
MAX_OWN_TRIES = 4
MAX_TRIES = 8
MIN_TIMED, MIN_AGAIN = 6, 3
TEXT_TRIES = 2
# The answer to a known name takes longer by this ratio and this number of seconds.
MIN_RATIO, MIN_SECONDS = 1.5, 0.004
GUESSES = 30
SLOWED_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Entrance:
    """A log-in or password reset that is tried with a known and with unknown user names.

    Args:
        endpoint: the log-in or reset operation.
        account: an account that exists in the service.
        call: builds the request for a given user name.
        max_tries: the largest number of requests with the name of this account.
    """

    endpoint: Endpoint
    account: Account
    call: Callable[[str], Call]
    max_tries: int


def enumeration(survey: Survey) -> Iterator[Observation | Gap]:
    """Check whether responses to known and unknown user names differ in text or in time."""
    entrances = list(_entrances(survey))
    if not entrances:
        yield Gap("user-enumeration", "the scan got no log-in operation; give --login and --user")
    for entrance in entrances:
        yield from _compared(survey, entrance)
    if survey.registration is None:
        yield Gap("user-enumeration", "the scan found no registration operation")
    elif survey.throw_aways:
        yield from _registration(survey)


def _entrances(survey: Survey) -> Iterator[Entrance]:
    # Wrong passwords may lock the account, so it is an account that no other attack needs.
    account = survey.new_account()[0] or survey.user2 or survey.user
    if account.login is None:
        return
    tries = MAX_OWN_TRIES if account is survey.user else MAX_TRIES
    login = account.login

    def log_in(name: str) -> Call:
        return credentials(Login(login.endpoint, name, ""), password=WRONG_TEXT)

    yield Entrance(login.endpoint, account, log_in, tries)
    for endpoint in survey.operations:
        good = survey.good.get(endpoint.name)
        if good is not None and is_reset(endpoint) and not endpoint.secured:

            def reset(name: str, endpoint: Endpoint = endpoint, base: Call = good.call) -> Call:
                return _with_name(endpoint, base, name)

            yield Entrance(endpoint, account, reset, tries)


def _with_name(endpoint: Endpoint, call: Call, name: str) -> Call:
    for place in places(endpoint, call):
        if NAME.search(place.name):
            call = call.with_value(place, name)
    return call


def _unknown(survey: Survey, name: str, number: int) -> str:
    """Return an unknown user name with the form and about the length of a known name."""
    before, at, after = name.partition("@")
    mark = f"{survey.nonce[2:]}{number}"
    text = f"{before[: max(1, len(before) - len(mark))]}{mark}"
    return f"{text}{at}{after}"


@dataclass(slots=True)
class Turns:
    """The responses to log-ins or resets; known and unknown user names were sent alternately.

    Args:
        known: the responses to the known name.
        unknown: the responses to the unknown names.
        essences: the status and the text of the first ``TEXT_TRIES`` responses of each kind,
            without names, times and ids: the set for the known name, and then the set for the
            unknown names.
    """

    known: list[Exchange] = field(default_factory=list)
    unknown: list[Exchange] = field(default_factory=list)
    essences: tuple[set[tuple[int, str]], set[tuple[int, str]]] = field(
        default_factory=lambda: (set(), set())
    )


def _turns(survey: Survey, entrance: Entrance, name: str) -> Turns:
    """Send the known name and unknown names in turns, until the service limits the requests."""
    turns = Turns()
    for number in range(entrance.max_tries):
        stranger = _unknown(survey, name, number)
        pair = [
            survey.nobody.send(entrance.endpoint, entrance.call(text)) for text in (name, stranger)
        ]
        if any(answer.status in LIMITED for answer in pair):
            break
        turns.known.append(pair[0])
        turns.unknown.append(pair[1])
        # Later responses may say how many tries are left.
        if number < TEXT_TRIES:
            turns.essences[0].add(essence(pair[0], name))
            turns.essences[1].add(essence(pair[1], stranger))
    return turns


def _compared(survey: Survey, entrance: Entrance) -> Iterator[Observation | Gap]:
    """Compare the responses to a known name and to unknown names, by text and by time."""
    turns = _turns(survey, entrance, entrance.account.name)
    place = entrance.endpoint.name
    if not turns.known:
        reason = f"the service limits the requests to {place} from the first request on"
        yield Gap("user-enumeration", reason)
        return
    by_text = _by_text(place, turns.essences, (turns.known[-1], turns.unknown[-1]))
    yield by_text
    if by_text.is_finding:
        return  # when the texts differ, a difference in time adds nothing
    if len(turns.known) < MIN_TIMED:
        yield Gap("user-enumeration", _why_not_timed(place, entrance, len(turns.known)))
        return
    is_slower = _is_slower(turns)
    if is_slower:
        fresh = survey.new_account()[0] or entrance.account
        second = _turns(survey, entrance, fresh.name)
        is_slower = len(second.known) >= MIN_AGAIN and _is_slower(second)
    yield _by_time(place, turns, is_finding=is_slower)


def _why_not_timed(place: str, entrance: Entrance, tries: int) -> str:
    if entrance.max_tries < MIN_TIMED:
        return (
            f"{place}: to compare response times, the scan must send {MIN_TIMED} requests for one "
            "account, and the service could then lock this account; name a spare account with "
            "--user2"
        )
    return (
        f"{place}: the service limited the requests after {tries} tries; to compare response "
        f"times, the scan needs {MIN_TIMED} tries"
    )


def _by_text(
    place: str,
    essences: tuple[set[tuple[int, str]], set[tuple[int, str]]],
    answers: tuple[Exchange, Exchange],
) -> Observation:
    is_stable = all(len(texts) == 1 for texts in essences)
    # Where each text differs by itself, the statuses may still tell known from unknown names.
    statuses = [{status for status, _ in texts} for texts in essences]
    by_status = all(len(each) == 1 for each in statuses) and statuses[0] != statuses[1]
    differs = by_status or (is_stable and essences[0] != essences[1])
    known, unknown = answers
    sentence = (
        f"{place} answers {_shown(known)} to a known name and {_shown(unknown)} to an unknown name"
        if differs
        else f"{place} answers known and unknown user names with the same text"
    )
    return Observation(
        "user-enumeration",
        f"{place} text",
        differs,
        sentence,
        unknown,
        steps=(known,),
        cause=f"{place} text",
    )


def _shown(answer: Exchange) -> str:
    return f"{answer.status} {VOLATILE.sub('…', answer.text)[:80]!r}"


def _is_slower(turns: Turns) -> bool:
    """Return whether one kind of user name gets slower responses than the other kind.

    The medians must differ. Without the fastest response of the slower kind and the slowest
    response of the other kind, the two ranges of times must not overlap.
    """
    times = [[answer.seconds for answer in answers] for answers in (turns.known, turns.unknown)]
    quick, slow = sorted(times, key=statistics.median)
    apart = statistics.median(slow) - statistics.median(quick)
    is_apart = (
        statistics.median(slow) > MIN_RATIO * statistics.median(quick) and apart > MIN_SECONDS
    )
    return is_apart and sorted(slow)[1] > sorted(quick)[-2]


def _by_time(place: str, turns: Turns, *, is_finding: bool) -> Observation:
    medians = [
        statistics.median(answer.seconds for answer in answers)
        for answers in (turns.known, turns.unknown)
    ]
    sentence = (
        f"{place}: the median time of {len(turns.known)} responses is {medians[0]:.3f} s for a "
        f"known name and {medians[1]:.3f} s for unknown names"
        f"{', in two measurements' if is_finding else ''}"
    )
    return Observation(
        "user-enumeration",
        f"{place} time",
        is_finding,
        sentence,
        turns.known[-1],
        cause=f"{place} time",
    )


def _registration(survey: Survey) -> Iterator[Observation | Gap]:
    """Register an existing name and a new name with otherwise equal bodies; compare the texts."""
    registration, account = survey.registration, survey.throw_aways[-1]
    if registration is None or account.registration is None:
        return
    essences: tuple[set[tuple[int, str]], set[tuple[int, str]]] = (set(), set())
    pair: list[Exchange] = []
    for _ in range(2):
        fresh = registration.call(survey.known)
        pair = [
            survey.nobody.send(registration.endpoint, call)
            for call in (account.registration, fresh)
        ]
        if any(answer.status in LIMITED for answer in pair):
            yield Gap(
                "user-enumeration", f"{registration.endpoint.name} refuses requests by a rate limit"
            )
            return
        for answers, answer, call in zip(
            essences, pair, (account.registration, fresh), strict=True
        ):
            echoed = [str(value) for value in (call.body or {}).values()]
            answers.add(essence(answer, *sorted(echoed, key=len, reverse=True)))
    yield _by_text(registration.endpoint.name, essences, (pair[0], pair[1]))


def guessing(survey: Survey) -> Iterator[Observation | Gap]:
    """Check that the service limits password guesses, with wrong passwords for one account."""
    account = None
    if survey.registration:
        account, _ = registered(survey.registration, survey.nobody.watch, survey.known, {})
    account = account or next(iter(survey.throw_aways), None) or survey.user2
    if account is None or account.login is None:
        reason = (
            "the attack may lock an account, and the scan has no spare account: give --user2, or "
            "describe a registration operation"
        )
        yield Gap("password-guessing", reason)
        return
    login = account.login
    place = login.endpoint.name
    right = survey.nobody.send(login.endpoint, credentials(login, password=login.password))
    answers = [
        survey.nobody.send(login.endpoint, credentials(login, password=f"{WRONG_TEXT} {number}"))
        for number in range(GUESSES)
    ]
    after = survey.nobody.send(login.endpoint, credentials(login, password=login.password))
    if not is_accepted(right):
        yield Gap("password-guessing", f"{place} answered {right.status} to the correct password")
        return
    yield _judged(place, (right, answers, after))


def _judged(place: str, answers: tuple[Exchange, list[Exchange], Exchange]) -> Observation:
    before, guesses, after = answers
    statuses = [guess.status for guess in guesses]
    is_refused = any(status in LIMITED for status in statuses)
    is_locked = before.status in SUCCESS and (
        after.status != before.status or len(after.text) * 2 < len(before.text)
    )
    first, last = (
        statistics.median(guess.seconds for guess in part) for part in (guesses[:5], guesses[-5:])
    )
    is_slowed = last > SLOWED_SECONDS and last > 3 * first
    # Values that differ in each response, such as the id of the request, show no limit.
    volatile = volatile_values(*guesses[:2])
    first_guess, last_guess = without(guesses[0], volatile), without(guesses[-1], volatile)
    differs = essence(first_guess, f"{WRONG_TEXT} 0") != essence(
        last_guess, f"{WRONG_TEXT} {GUESSES - 1}"
    )
    is_open = not (is_refused or is_locked or is_slowed or differs)
    seconds = sum(guess.seconds for guess in guesses)
    sentence = (
        f"{place} answered {GUESSES} wrong passwords in {seconds:.1f} s, each with status "
        f"{statuses[-1]}, and then accepted the correct password: it does not limit guesses"
        if is_open
        else f"{place}: the service limits or slows down password guessing; HTTP statuses: "
        f"{sorted(set(statuses))}"
    )
    return Observation(
        "password-guessing", place, is_open, sentence, guesses[-1], steps=tuple(guesses[:1])
    )
