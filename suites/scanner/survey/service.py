"""Survey a service: its accounts, a valid request for each operation, and known values."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from suites.probes.api import Call, Endpoint, Exchange
from suites.probes.openapi import declared_places, value_at
from suites.scanner.sending import UnreachableError
from suites.scanner.survey.account import Account, is_accepted, json_of
from suites.scanner.survey.bodies import free_texts, full_call
from suites.scanner.survey.known_values import KnownValues, objects_in
from suites.scanner.survey.registration import Registration, registered
from suites.scanner.survey.vocabulary import (
    IDENTITY,
    PASSWORD,
    changes_privileges,
    is_log_in,
    is_registration,
    is_reset,
)

MAX_CANDIDATES = 4
REFUSED_FOR_VALUE = (400, 409, 422)
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class GoodCall:
    """A request that should succeed, and its response.

    Args:
        endpoint: the operation that gets the request.
        call: the values of the request.
        account: the account that sends the request.
        answer: the response; None without a response.
        reason: why the scan did not send the request; empty without such a reason.
    """

    endpoint: Endpoint
    call: Call
    account: Account
    answer: Exchange | None
    reason: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether the request succeeded."""
        return self.answer is not None and is_accepted(self.answer)


@dataclass(slots=True)
class Survey:
    """What a scan knows about a service: accounts, operations, requests and values.

    Args:
        operations: the operations that may be attacked.
        nobody: sends requests without a session.
        user: the main account of the scan; the same as ``nobody`` without a log-in.
        nonce: a text that is part of every text that the scan creates.
        user2: a second account with the same rights; None when no second account was given.
        admin: an account of an administrator; None when no administrator was given.
        throw_aways: accounts that the scan registered.
        registration: the registration operation; None when no operation looks like one.
        known: values from earlier responses of the service.
        good: a valid request for each operation, keyed by the operation's name.
        damaged: the names of operations that fail after an attack stored a value.
    """

    operations: tuple[Endpoint, ...]
    nobody: Account
    user: Account
    nonce: str
    user2: Account | None = None
    admin: Account | None = None
    throw_aways: list[Account] = field(default_factory=list)
    registration: Registration | None = None
    known: KnownValues = field(default_factory=KnownValues)
    good: dict[str, GoodCall] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    registered: Exchange | None = None

    @property
    def second(self) -> Account | None:
        """A second account with the user's rights: ``user2``, or a throw-away account, or None."""
        return self.user2 or next(iter(self.throw_aways), None)

    @property
    def worker(self) -> Account:
        """The account whose data attacks may change: a throw-away account, or else the user."""
        return next(iter(self.throw_aways), self.user)

    def accounts(self) -> list[Account]:
        """Return every account that has a session."""
        candidates = (self.user, self.user2, self.admin, *self.throw_aways)
        return [
            account for account in candidates if account is not None and account.session.headers
        ]

    def is_log_in(self, endpoint: Endpoint) -> bool:
        """Return whether an operation is the scan's log-in, or looks like another log-in."""
        own = self.user.login is not None and endpoint == self.user.login.endpoint
        has_password = any(PASSWORD.search(place.name) for place in declared_places(endpoint))
        return own or (is_log_in(endpoint) and not endpoint.secured and has_password)

    def is_entrance(self, endpoint: Endpoint) -> bool:
        """Return whether an operation is a log-in, a registration or a password reset."""
        own = self.registration is not None and endpoint == self.registration.endpoint
        return own or self.is_log_in(endpoint) or (is_reset(endpoint) and not endpoint.secured)

    def changes_credentials(self, endpoint: Endpoint) -> bool:
        """Return whether an operation may change name, password or rights of its caller."""
        if endpoint.method in ("GET", "DELETE") or self.is_entrance(endpoint):
            return False
        names = [
            place.name.rpartition(".")[2]
            for place in declared_places(endpoint)
            if place.where == "body"
        ]
        is_own = _is_about_a_person(endpoint) and endpoint.method in ("PUT", "PATCH")
        has_name = is_own and any(map(IDENTITY.match, names))
        return has_name or any(map(PASSWORD.search, names)) or changes_privileges(endpoint)

    def survey(self) -> Iterator[GoodCall]:
        """Yield a valid request for every operation; operations that provide values come first."""
        for endpoint in sorted(self.operations, key=_order):
            try:
                good = self._good_call(endpoint)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                reason = (
                    f"its description in the OpenAPI file is malformed: {type(error).__name__}: "
                    f"{error}"
                )
                good = GoodCall(endpoint, Call(), self.user, None, reason)
            self.good[endpoint.name] = good
            yield good

    def _good_call(self, endpoint: Endpoint) -> GoodCall:
        if self.is_log_in(endpoint) or self.is_entrance(endpoint):
            return self._entrance(endpoint)
        account = self.worker if endpoint.method != "GET" else self.user
        if endpoint.method == "DELETE":
            call = full_call(endpoint, self.known, optional=False)
            return GoodCall(endpoint, call, account, None, "it deletes data")
        if self.changes_credentials(endpoint) and not account.is_throw_away:
            call = next(iter(self.candidates(endpoint, account)))
            return GoodCall(endpoint, call, account, None, "it changes the account of the caller")
        return self._first_accepted(endpoint, account)

    def _entrance(self, endpoint: Endpoint) -> GoodCall:
        """Build a log-in, registration or reset request without a session; do not send it yet."""
        call = full_call(endpoint, self.known, optional=True)
        if self.registration and endpoint == self.registration.endpoint:
            call = self.registration.call(self.known)
        return GoodCall(endpoint, call, self.nobody, None, "")

    def _first_accepted(self, endpoint: Endpoint, account: Account) -> GoodCall:
        """Return the first request that succeeds for an account; else a request that failed."""
        others = [
            sender
            for sender in (self.user, self.admin)
            if sender is not None and sender is not account
        ]
        last = GoodCall(endpoint, full_call(endpoint, self.known, optional=False), account, None)
        for sender in (account, *others):
            for call in list(self.candidates(endpoint, sender)):
                answer = self._sent(endpoint, call, sender)
                if answer is None:
                    continue
                good = GoodCall(endpoint, call, sender, answer)
                if good.is_usable:
                    self.known.learn(endpoint, answer, sender.label)
                    return good
                if last.answer is None or last.answer.status in (401, 403):
                    last = good
                if answer.status in (401, 403):
                    break
        return last

    def _sent(self, endpoint: Endpoint, call: Call, account: Account) -> Exchange | None:
        try:
            return account.send(endpoint, call)
        except UnreachableError:
            return None

    def candidates(self, endpoint: Endpoint, account: Account) -> Iterator[Call]:
        """Yield valid requests to try for an account, the most likely to succeed first."""
        full, small = (full_call(endpoint, self.known, optional=flag) for flag in (True, False))
        bodies = [full] if full == small else [full, small]
        if endpoint.method != "GET" and endpoint.body is not None:
            bodies = list(
                chain.from_iterable((body, self.fresh(endpoint, body)) for body in bodies)
            )
        for call in self._paths(endpoint, account):
            for body in bodies:
                yield replace(body, path=call.path)

    def fresh(self, endpoint: Endpoint, call: Call) -> Call:
        """Add the nonce to free texts of the request, for a service that refuses repeated texts."""
        for place in free_texts(endpoint, call):
            text = f"{value_at(call, place)} {self.nonce}"
            call = call.with_value(place, text[: place.schema.get("maxLength", 200)])
        return call

    def _paths(self, endpoint: Endpoint, account: Account) -> Iterator[Call]:
        """Yield requests with path values: the account's own name, known values, examples."""
        call = full_call(endpoint, self.known, optional=False)
        names = [parameter.name for parameter in endpoint.parameters if parameter.where == "path"]
        if not names:
            yield call
            return
        *before, last = names
        for name in before:
            known = self.path_values(endpoint, name, account)
            call = replace(call, path={**call.path, name: known[0] if known else call.path[name]})
        values = [*self.path_values(endpoint, last, account)[:MAX_CANDIDATES], call.path[last]]
        for value in dict.fromkeys(values):
            yield replace(call, path={**call.path, last: value})

    def path_values(self, endpoint: Endpoint, name: str, account: Account) -> list[str]:
        """Return known values for a path parameter; the account's own name comes first.

        Args:
            endpoint: the operation with the path.
            name: the name of the path parameter.
            account: the account that will send the request.
        """
        known = self.known.for_path(endpoint, name, account.label)
        own = [str(value) for value in account.profile.values()] + [account.name]
        is_person = endpoint.path.partition(f"{{{name}}}")[0].rstrip("/").rpartition("/")[2]
        if is_person.rstrip("s") in PERSONS or IDENTITY.match(name):
            mine = [value for value in known if value in own]
            if not mine and IDENTITY.match(name) and account.name:
                mine = [str(account.profile.get(name, account.name))]
            if not mine and "id" in account.profile:
                mine = [str(account.profile["id"])]
            return [*mine, *(value for value in known if value not in mine)]
        return known

    def learn_profiles(self, accounts: tuple[Account, ...] = ()) -> None:
        """Store each account's profile, from the operations that may show the caller's profile.

        Args:
            accounts: the accounts; empty for every account with a session.
        """
        for account in accounts or tuple(self.accounts()):
            account.profile = {}
            for endpoint in self.profile_operations():
                answer = self._sent(
                    endpoint, full_call(endpoint, self.known, optional=False), account
                )
                if answer is None or not is_accepted(answer):
                    continue
                content = json_of(answer)
                if isinstance(content, dict):
                    for fields in objects_in(
                        {
                            key: value
                            for key, value in content.items()
                            if not isinstance(value, list)
                        }
                    ):
                        if not account.name or account.name in map(str, fields.values()):
                            account.profile = {**account.profile, **fields}

    def profile_operations(self) -> list[Endpoint]:
        """Return the operations that may show the caller's profile: GET, no required parameter."""
        return [
            endpoint
            for endpoint in self.operations
            if endpoint.method == "GET"
            and "{" not in endpoint.path
            and not any(parameter.required for parameter in endpoint.parameters)
        ]

    def new_account(
        self, extra: dict[str, object] | None = None
    ) -> tuple[Account | None, Exchange | None]:
        """Register and return a throw-away account; the survey does not contain this account.

        Args:
            extra: further fields of the registration body; None for no further field.

        Returns:
            The account, or None when registration or log-in fails; and the response to the
            registration, or None without a response.
        """
        if self.registration is None:
            return None, None
        account, answer = registered(self.registration, self.nobody.watch, self.known, extra or {})
        if account is not None:
            self.learn_profiles((account,))
        return account, answer

    def is_broken(self, good: GoodCall) -> bool:
        """Return whether the service answers a valid request with a server error."""
        return good.answer is not None and good.answer.status >= SERVER_ERROR

    def reading_twin(self, endpoint: Endpoint) -> Endpoint | None:
        """Return the GET operation of the same path; None when the path has no GET operation."""
        twins = (
            operation
            for operation in self.operations
            if operation.method == "GET" and operation.path == endpoint.path
        )
        return next(twins, None)

    def collection_of(self, endpoint: Endpoint) -> tuple[Endpoint | None, Endpoint | None]:
        """Return the operations that list and create the objects of a path such as ``/a/{id}``.

        Returns:
            The listing and the creating operation, each None when the file has no such operation.
        """
        prefix = endpoint.path.rpartition("/{")[0].rstrip("/") if "{" in endpoint.path else ""
        by_method: dict[str, Endpoint] = {}
        for operation in self.operations:
            if prefix and operation.path.rstrip("/") == prefix:
                by_method.setdefault(operation.method, operation)
        return by_method.get("GET"), by_method.get("POST") or by_method.get("PUT")


OWN_ACCOUNT = frozenset({"me", "self", "profile", "account", "setting", "identity"})
PERSONS = frozenset(
    {
        "user",
        "member",
        "account",
        "customer",
        "person",
        "people",
        "profile",
        "patient",
        "employee",
        "player",
    }
)


def _is_about_a_person(endpoint: Endpoint) -> bool:
    """Return whether the path names a person or an account, as ``/users/{id}`` and ``/me`` do."""
    parts = [part.rstrip("s").lower() for part in endpoint.path.split("/")]
    return any(part in PERSONS or part in OWN_ACCOUNT for part in parts)


def _order(endpoint: Endpoint) -> tuple[int, int, int]:
    """Sort key: lists first, then operations that create objects, single objects, and changes."""
    by_method = {"GET": 0, "POST": 1, "PUT": 3, "PATCH": 3, "DELETE": 4}
    depth = endpoint.path.count("{")
    rank = by_method.get(endpoint.method, 3)
    return (1 if is_registration(endpoint) else 0, 2 * depth + rank, len(endpoint.path))
