"""Attack one operation: send harmful values in its parameters."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from suites.probes import bounds
from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.probes.openapi import places
from suites.scanner.payloads import injections, markup, slow_patterns
from suites.scanner.payloads.robustness import DamageWatch, readers_of, survives
from suites.scanner.result import Gap
from suites.scanner.rights.session_probes import without_token
from suites.scanner.sending import UnreachableError
from suites.scanner.session import WRONG_TEXT, Login, credentials
from suites.scanner.survey.account import Account
from suites.scanner.survey.service import GoodCall, Survey

SERVER_ERROR = 500
CLOSED = (401, 403)
# A request with these statuses is refused before the service uses its values.
REFUSED = frozenset({400, 415, 422})
TOO_MANY = 429
MAX_FAILURES = 4
VALUE_RULES = (
    "sql-injection",
    "nosql-injection",
    "command-injection",
    "template-injection",
    "header-injection",
    "path-traversal",
    "slow-pattern",
    "unhandled-input",
    "input-bounds",
)


@dataclass(slots=True)
class PatientSender:
    """Sends requests as an account; a request without a response gives an exchange with status 0.

    Args:
        account: the account that sends the requests.
        failures: how many requests got no response.
        limited: how many requests got status 429.
    """

    account: Account
    failures: int = 0
    limited: int = 0

    def send(self, endpoint: Endpoint, call: Call) -> Exchange:
        """Send a request, and return the exchange; its status is 0 without a response.

        Raises:
            UnreachableError: too many requests to this operation got no response.
        """
        try:
            answer = self.account.send(endpoint, call)
        except UnreachableError:
            self.failures += 1
            if self.failures > MAX_FAILURES:
                raise
            return self.account.sender.unanswered(endpoint, call)
        self.limited += answer.status == TOO_MANY
        return answer


@dataclass(slots=True)
class OperationScan:
    """The attacks on one operation.

    Args:
        survey: the survey of the service.
        good: a valid request to the operation.
        destructive: whether the scan also sends attacks to DELETE operations.
        slow_places: the parameters for which the method ``quick`` saw a slow response to a text
            value; the method ``malformed`` sends no long values in these parameters.
    """

    survey: Survey
    good: GoodCall
    destructive: bool
    slow_places: set[str] = field(default_factory=set, init=False)

    @property
    def seconds(self) -> float:
        """The response time of the valid request, in seconds; 0 without a response."""
        return self.good.answer.seconds if self.good.answer else 0.0

    def quick(self) -> Iterator[Iterable[Observation | Gap]]:
        """Yield the attacks that rarely damage the service."""
        good, endpoint = self.good, self.good.endpoint
        has_session = bool(self.survey.user.session.headers)
        if endpoint.secured and has_session and endpoint.method != "DELETE" and not good.reason:
            yield without_token(self.survey.nobody.sender, endpoint, good)
        reason = self._reason_to_skip()
        if reason:
            gap = f"{endpoint.name}: {reason}"
            yield [Gap(rule, gap) for rule in VALUE_RULES if places(endpoint, good.call)]
            return
        if good.answer is not None and good.answer.status in REFUSED:
            status = good.answer.status
            gap = f"{endpoint.name}: the scan found no valid request (status {status})"
            yield [Gap(rule, gap) for rule in VALUE_RULES if places(endpoint, good.call)]
        sender, call = self._sender(), self._call()
        yield sender.drained()
        yield self._slow(sender, call)
        yield self._watched(markup.reflected(sender, endpoint, call), sender)
        yield self._watched(injections.sql(sender, endpoint, call), sender)
        yield self._watched(injections.nosql(sender, endpoint, call), sender)
        yield self._watched(injections.others(sender, endpoint, call), sender)
        limited = sender.account.limited if isinstance(sender.account, PatientSender) else 0
        if limited:
            gap = f"{endpoint.name}: {limited} requests got status 429, so they tested nothing"
            yield [Gap(rule, gap) for rule in VALUE_RULES]

    def malformed(self) -> Iterator[Iterable[Observation | Gap]]:
        """Yield the attacks with malformed values, and with values beyond the declared bounds."""
        if self._reason_to_skip():
            return
        sender, call = self._sender(), self._call()
        yield sender.drained()
        if self._is_damaged():
            reason = (
                f"{self.good.endpoint.name} answers with errors after an earlier attack stored a "
                "value"
            )
            yield [Gap(rule, reason) for rule in ("unhandled-input", "input-bounds")]
            return
        yield survives(sender, self.good.endpoint, call, frozenset(self.slow_places))
        if not self.slow_places and not self.survey.is_entrance(self.good.endpoint):
            yield self._bounds(sender, call)

    def _slow(self, sender: DamageWatch, call: Call) -> Iterator[Observation | Gap]:
        """Look for slow regular expressions; store the parameters that must get no long values."""
        endpoint = self.good.endpoint
        for outcome in slow_patterns.slow_patterns(sender, endpoint, call):
            is_gap = isinstance(outcome, Gap)
            text = outcome.reason.partition(": ")[0] if isinstance(outcome, Gap) else outcome.place
            if is_gap or (isinstance(outcome, Observation) and outcome.is_finding):
                self.slow_places.add(text.removeprefix(f"{endpoint.name} "))
            yield outcome

    def _watched(
        self, observations: Iterable[Observation], sender: DamageWatch
    ) -> Iterator[Observation]:
        for observation in observations:
            yield observation
            yield from sender.drained()

    def _bounds(self, sender: DamageWatch, call: Call) -> Iterator[Observation]:
        for observation in bounds.bounds_kept(sender, self.good.endpoint, call):
            is_kept = "kept" in observation.place
            status = observation.exchange.status if observation.exchange else 0
            is_finding = observation.is_finding and is_kept and 0 < status < SERVER_ERROR
            yield replace(observation, is_finding=is_finding, cause="bounds")

    def _sender(self) -> DamageWatch:
        patient = PatientSender(self.good.account)
        readers = readers_of(self.survey, self.good.endpoint)
        watch = DamageWatch(patient, readers, self.survey.damaged)
        watch.look_before()
        return watch

    def _is_damaged(self) -> bool:
        """Return whether the valid request, which succeeded before, fails now."""
        good = self.good
        if not good.is_usable or good.endpoint.method != "GET":
            return False
        try:
            return good.account.send(good.endpoint, good.call).status >= SERVER_ERROR
        except UnreachableError:
            return True

    def _call(self) -> Call:
        """Return a valid request; for the log-in, a request with a wrong password.

        The service refuses a wrong password, so the response to an accepted attack is different.
        """
        good, user = self.good, self.survey.user
        if user.login is not None and good.endpoint == user.login.endpoint:
            # Wrong passwords may lock the account, so it is an account that no other attack needs.
            account = self.survey.new_account()[0] or self.survey.user2 or user
            login = user.login
            return credentials(Login(login.endpoint, account.name, ""), password=WRONG_TEXT)
        return good.call

    def _reason_to_skip(self) -> str:
        """Return why the scan sends no harmful values to the operation; empty without a reason."""
        good, answer = self.good, self.good.answer
        if good.endpoint.method == "DELETE" and not self.destructive:
            return "it deletes data; use --destructive to attack it"
        if good.reason:
            return good.reason
        if self.survey.is_entrance(good.endpoint):
            return ""
        if answer is None:
            return "it gives no response to a valid request"
        if answer.status in CLOSED or answer.status >= SERVER_ERROR:
            return f"it answers a valid request with {answer.status}"
        return ""
