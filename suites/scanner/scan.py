"""Run every attack that applies to an HTTP API, from its OpenAPI 3 file.

Attacks with few requests and many findings come first. Attacks that may damage the service or lock
an account come last. A scan always ends with a result: also when its time is over, when the service
does not answer any more, and when somebody interrupts the scan.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from suites.probes.api import Call, Endpoint, Observation
from suites.scanner.operation_scan import OperationScan
from suites.scanner.payloads import fetches, markup, robustness
from suites.scanner.result import Gap, ScanResult
from suites.scanner.rights import (
    assignment,
    entrances,
    exposure,
    function_access,
    object_access,
    session_probes,
    token_keys,
)
from suites.scanner.rights.passive_scan import PassiveScan
from suites.scanner.sending import HttpSender, NotAllowedError, UnreachableError
from suites.scanner.session import PREFIXES, SUCCESS, Login, Session, logged_in, with_prefix
from suites.scanner.survey import registration, vocabulary
from suites.scanner.survey.account import Account, ServiceLostError, Watch
from suites.scanner.survey.bodies import full_call
from suites.scanner.survey.known_values import KnownValues
from suites.scanner.survey.service import GoodCall, Survey

UNAUTHORISED, SERVER_ERROR = 401, 500
# The operations with which the scan looks for the word before the token.
MAX_PREFIX_TRIES = 3
# The answers to a call that succeeded before, once the session or the service is gone.
LOST = (401, 403, 404, 429, *range(500, 600))
THROW_AWAYS = 2
# One operation gets this part of the time that is left.
SHARE = 0.25
Attack = Callable[[Survey], Iterable[Observation | Gap]]
# Attacks on the service as a whole, with the rules that they belong to, in the order of the scan.
ATTACKS: tuple[tuple[str, tuple[str, ...], Attack], ...] = (
    ("secrets in answers", ("exposed-secret",), exposure.exposure),
    ("objects of others", ("object-access",), object_access.reading),
    ("changes of others", ("object-access",), object_access.changing),
    ("bodies that name others", ("object-access",), object_access.naming_others),
    ("passwords of others", ("object-access",), function_access.passwords),
    ("administration", ("function-access",), function_access.administration),
    ("lists of people", ("function-access",), function_access.lists_of_people),
    ("rights at registration", ("mass-assignment",), assignment.at_registration),
    ("rights by a change", ("privilege-change",), assignment.in_changes),
    ("fields of new objects", ("mass-assignment",), assignment.in_new_objects),
    ("tokens", ("forged-token", "key-in-url"), session_probes.token),
    ("other sites", ("csrf",), session_probes.other_sites),
    ("names of users", ("user-enumeration",), entrances.enumeration),
    ("stored markup", ("xss-stored",), markup.stored),
    ("addresses", ("ssrf",), fetches.fetches),
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts from the command line of a scan.

    Args:
        user: the log-in of the user; None for a scan without a log-in, or with a token.
        user2: the log-in of a second user with the same rights; None without a second user.
        admin: the log-in of an administrator; None without an administrator.
        token: a bearer token to use instead of a log-in; empty without a token.
        header: the request header for tokens.
    """

    user: Login | None
    user2: Login | None = None
    admin: Login | None = None
    token: str = ""
    header: str = "Authorization"


@dataclass(frozen=True, slots=True)
class Choice:
    """The options from the command line that limit a scan.

    Args:
        own_host: the host of the service's pages; the scan sends similar host names as ``Origin``.
            Empty for the host of the service's address.
        excluded: operations that are not attacked: operationIds, paths, or methods with paths.
        destructive: whether the scan also sends attacks to DELETE operations, and to operations
            whose names suggest that they destroy data.
    """

    own_host: str = ""
    excluded: tuple[str, ...] = ()
    destructive: bool = False


@dataclass(slots=True)
class Scan:
    """One scan of a service.

    Args:
        endpoints: all operations of the OpenAPI file.
        sender: sends requests to the service without a session.
        accounts: the accounts from the command line.
        choice: the options that limit the scan.
        result: the result, which grows while the scan runs.
        on_progress: called at the beginning of each part of the scan, with the name of the part,
            the number of finished parts, and the number of all parts; None for no call.
        survey: the survey of the service; None before the scan begins.
        done: the number of parts of the scan that have begun.
    """

    endpoints: tuple[Endpoint, ...]
    sender: HttpSender
    accounts: Accounts
    choice: Choice
    result: ScanResult = field(default_factory=ScanResult)
    on_progress: Callable[[str, int, int], None] | None = None
    survey: Survey | None = None
    done: int = 0

    def run(self) -> ScanResult:
        """Attack every operation, and return the findings and the parts that were not tested.

        Raises:
            UnreachableError: the service does not answer the first request.
            LoginFailedError: the log-in of a given account failed.
        """
        survey = self.survey = self._begun()
        try:
            self._attacked(survey)
        except ServiceLostError as error:
            self._lost(survey, error)
        except NotAllowedError as error:
            self.result.problem(f"{error}; not tested: {self._rest()}")
        except KeyboardInterrupt:
            self.result.problem(f"stopped by the user; not tested: {self._rest()}")
        return self.result

    def _rest(self) -> str:
        return f"the parts from {self.done + 1} to {self._total()} of the scan"

    def _total(self) -> int:
        return len(ATTACKS) + 2 * len(self.survey.operations if self.survey else ()) + 3

    def _step(self, name: str) -> None:
        if self.on_progress:
            self.on_progress(name, self.done, self._total())
        self.done += 1

    def _begun(self) -> Survey:
        """Log in with the given accounts, and select the operations to attack."""
        self.sender.exchange("GET", "/", {}, None)  # raises where the service does not answer
        watch = Watch(self.sender, self._health())
        nobody = Account("nobody", watch, None, Session({}, "", None))
        user = self._account("user", watch, self.accounts.user) or nobody
        if self.accounts.token:
            prefix = "Bearer " if self.accounts.header == "Authorization" else ""
            session = Session(
                {self.accounts.header: f"{prefix}{self.accounts.token}"}, self.accounts.token, None
            )
            user = Account("user", watch, None, session)
        survey = Survey(tuple(self._chosen()), nobody, user, registration.new_nonce())
        survey.user2 = self._account("user2", watch, self.accounts.user2)
        survey.admin = self._account("admin", watch, self.accounts.admin)
        return survey

    def _health(self) -> tuple[Endpoint, Call] | None:
        for endpoint in self.endpoints:
            is_simple = endpoint.method == "GET" and "{" not in endpoint.path
            if is_simple and not self._is_left_out(endpoint):
                call = full_call(endpoint, KnownValues(), optional=False)
                try:
                    if self.sender.send(endpoint, call).status < SERVER_ERROR:
                        return endpoint, call
                except UnreachableError:
                    continue
        return None

    def _account(self, label: str, watch: Watch, login: Login | None) -> Account | None:
        if login is None:
            return None
        session = logged_in(self.sender, login, {})
        prefix = self._accepted_prefix(session) if login.header in session.headers else ""
        if prefix is None or not session.token or login.header != "Authorization":
            return Account(label, watch, login, session)
        login = replace(login, prefix=prefix)
        headers = {login.header: with_prefix(login, session.token)}
        return Account(label, watch, login, replace(session, headers=headers))

    def _accepted_prefix(self, session: Session) -> str | None:
        """Return the word before the token that an operation accepts; None if none is accepted."""
        closed = [
            endpoint
            for endpoint in self.endpoints
            if endpoint.method == "GET"
            and endpoint.secured
            and "{" not in endpoint.path
            and not self._is_left_out(endpoint)
        ]
        for prefix in PREFIXES:
            headers = {**self.sender.headers, "Authorization": f"{prefix}{session.token}"}
            sender = replace(self.sender, headers=headers)
            for endpoint in closed[:MAX_PREFIX_TRIES]:
                call = full_call(endpoint, KnownValues(), optional=False)
                with contextlib.suppress(UnreachableError):
                    if sender.send(endpoint, call).status in SUCCESS:
                        return prefix
        return None

    def _is_left_out(self, endpoint: Endpoint) -> bool:
        return (
            _is_named(endpoint, self.choice.excluded)
            or vocabulary.ends_session(endpoint)
            or (vocabulary.is_destructive(endpoint) and not self.choice.destructive)
        )

    def _chosen(self) -> Iterator[Endpoint]:
        """Yield the operations to attack; add a note for each other operation."""
        for endpoint in self.endpoints:
            if not self._is_left_out(endpoint):
                yield endpoint
            elif _is_named(endpoint, self.choice.excluded):
                self.result.notes.append(f"{endpoint.name} is left out: --exclude names it")
            elif vocabulary.ends_session(endpoint):
                self.result.notes.append(
                    f"{endpoint.name} is left out: its name suggests that it ends the session"
                )
            else:
                reason = "its name suggests that it destroys data; use --destructive to attack it"
                self.result.notes.append(f"{endpoint.name} is left out: {reason}")

    def _attacked(self, survey: Survey) -> None:
        self._step("accounts")
        self._surveyed(survey)
        passive = PassiveScan(survey, self._own_host())
        self.result.add(passive.observations(), "answers")
        self._service_attacks(survey)
        scans = [
            OperationScan(survey, good, self.choice.destructive) for good in survey.good.values()
        ]
        entrances_ = [scan for scan in scans if survey.is_entrance(scan.good.endpoint)]
        others = [scan for scan in scans if scan not in entrances_]
        self._operations(survey, passive, sorted(others, key=lambda scan: scan.seconds))
        self._step("guesses of passwords")
        self._still_there(survey)
        self.result.add(entrances.guessing(survey), "guesses of passwords")
        self._operations(survey, passive, entrances_)
        self.result.add(passive.transport(), "the transport")
        sentence = "every request got a response in time, or is reported as a finding"
        self.result.note(Observation("service-hang", "all", is_finding=False, sentence=sentence))

    def _operations(self, survey: Survey, passive: PassiveScan, scans: list[OperationScan]) -> None:
        """Send harmful values to each operation of a list, and then malformed values to each."""
        for scan in scans:
            name = scan.good.endpoint.name
            self._step(name)
            self.result.add(passive.origins(scan.good), name)
            self._shared(survey, scan, scan.quick())
        for scan in scans:
            self._step(f"malformed values, {scan.good.endpoint.name}")
            self._shared(survey, scan, scan.malformed())

    def _shared(
        self, survey: Survey, scan: OperationScan, probes: Iterable[Iterable[Observation | Gap]]
    ) -> None:
        """Run the attacks on one operation within the time for this operation."""
        budget = self.sender.budget
        if budget:
            budget.share(SHARE)
        for probe in probes:
            self.result.add(probe, scan.good.endpoint.name)
        if budget:
            budget.share_end = math.inf
        self._hangs(survey, scan.good)

    def _own_host(self) -> str:
        return self.choice.own_host or str(urlsplit(self.sender.base).hostname)

    def _surveyed(self, survey: Survey) -> None:
        """Register throw-away accounts, and find a valid request for every operation."""
        survey.learn_profiles()
        log_in = survey.user.login.endpoint if survey.user.login else None
        survey.registration = registration.find(survey.operations, log_in, survey.nonce)
        for _ in range(THROW_AWAYS if survey.registration else 0):
            account, survey.registered = survey.new_account()
            if account is not None:
                survey.throw_aways.append(account)
        for good in survey.survey():
            self._noted(survey, good)
        if not any(good.is_usable for good in survey.good.values()):
            text = "no operation accepted a valid request, so no operation was tested"
            self.result.problem(text)
        closed = [good.answer for good in survey.good.values() if good.endpoint.secured]
        refused = [answer is not None and answer.status == UNAUTHORISED for answer in closed]
        if survey.user.session.headers and refused and all(refused):
            text = "no operation that needs a session accepts the session of the user (status 401)"
            self.result.problem(text)

    def _noted(self, survey: Survey, good: GoodCall) -> None:
        name, answer = good.endpoint.name, good.answer
        if good.reason:
            self.result.notes.append(f"{name} got no valid request: {good.reason}")
        elif answer is None:
            if not survey.is_entrance(good.endpoint):
                self.result.problem(f"{name} gave no response to a valid request")
        elif survey.is_broken(good):
            self.result.problem(f"{name} answers {answer.status} to a valid request")
        elif not good.is_usable:
            self.result.notes.append(f"{name} answers {answer.status} to a valid request")

    def _service_attacks(self, survey: Survey) -> None:
        self._step("key of the tokens")
        keys = token_keys.weak_key(survey.user.session.json_web_token)
        self.result.add(keys, "key of the tokens")
        for name, rules, attack in ATTACKS:
            self._step(name)
            before = len(self.result.problems)
            self.result.add(attack(survey), name)
            for problem in self.result.problems[before:]:
                for rule in rules:
                    self.result.note(Gap(rule, problem))
        user = survey.user
        if user.login and user.session.answer:
            attack_ = session_probes.chosen_session(self.sender, user.login, user.session.answer)
            self.result.add(attack_, "log-in")

    def _hangs(self, survey: Survey, good: GoodCall) -> None:
        """Repeat requests without a response; report each request that again gets no response."""
        if survey.nobody.watch.incidents:
            self.result.add(robustness.hang(survey, good), good.endpoint.name)

    def _still_there(self, survey: Survey) -> None:
        """Check that the operations still answer as before the attacks; else add a problem."""
        for good in survey.good.values():
            is_reading = good.endpoint.method == "GET" and good.is_usable
            damaged = any(
                finding.rule == "stored-damage" and good.endpoint.name in finding.place
                for finding in self.result.findings
            )
            if not is_reading or good.answer is None or damaged:
                continue
            try:
                status = good.account.send(good.endpoint, good.call).status
            except UnreachableError as error:
                self.result.problem(
                    f"after the attacks, {good.endpoint.name} gave no response: {error}"
                )
                continue
            if status in LOST:
                statuses = f"{good.answer.status} before the attacks and {status} afterwards"
                self.result.problem(f"{good.endpoint.name} answered {statuses}")

    def _lost(self, survey: Survey, error: ServiceLostError) -> None:
        """Report a service that does not answer any more, and end the scan."""
        good = survey.good.get(error.endpoint.name)
        payload = robustness.payload_text(error.call, good.call) if good else "a request"
        sentence = (
            f"{error.endpoint.name}: after {payload} the service does not answer any more ({error})"
        )
        exchange = survey.user.sender.unanswered(error.endpoint, error.call)
        self.result.note(
            Observation(
                "service-hang",
                error.endpoint.name,
                is_finding=True,
                sentence=sentence,
                exchange=exchange,
            )
        )
        self.result.problem(
            f"the service has not answered since a request to {error.endpoint.name}; "
            f"not tested: {self._rest()}"
        )


def _is_named(endpoint: Endpoint, names: tuple[str, ...]) -> bool:
    """Return whether one of the names is the operation's operationId, path, or method and path."""
    own = {endpoint.name, endpoint.path, f"{endpoint.method} {endpoint.path}"}
    return bool(own & set(names))
