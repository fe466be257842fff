"""Check whether a user can set protected fields in registrations, changes and new objects.

A response alone is no finding. The service must show the sent value in a later response, and must
show another value after a request without the field.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.scanner.result import Gap
from suites.scanner.rights.owned_objects import attempt, is_person, of_person, succeeded
from suites.scanner.survey.account import Account, is_accepted, json_of
from suites.scanner.survey.bodies import full_call
from suites.scanner.survey.known_values import KnownValues, objects_in
from suites.scanner.survey.service import Survey
from suites.scanner.survey.vocabulary import PRIVILEGE, SERVER_SET, changes_privileges

RAISED = 31337
ADMIN_WORDS = ("admin", "administrator", "Admin", "ADMIN")
USUAL_FIELDS: Mapping[str, object] = {
    "role": "admin",
    "admin": True,
    "is_admin": True,
    "isAdmin": True,
    "is_superuser": True,
    "is_staff": True,
}


def privileged_values(survey: Survey, shown: Mapping[str, object]) -> dict[str, list[object]]:
    """Return the values to send for each field about rights or money.

    Args:
        survey: the survey of the service.
        shown: the fields of an ordinary account that the service shows, with their values.

    Returns:
        The values to send, keyed by field name, in the order of the tries.
    """
    admin = survey.admin.profile if survey.admin else {}
    fields: dict[str, list[object]] = {name: [value] for name, value in USUAL_FIELDS.items()}
    declared = _declared(survey)
    for name, value in {**admin, **shown}.items():
        if not PRIVILEGE.match(name):
            continue
        current = shown.get(name, value)
        if isinstance(current, bool):
            fields[name] = [not current]
        elif isinstance(current, int | float):
            fields[name] = [RAISED]
        else:
            candidates = [admin.get(name), *declared.get(name, ()), *ADMIN_WORDS]
            fields[name] = [
                candidate
                for candidate in dict.fromkeys(candidates)
                if candidate not in (None, current)
            ]
    return fields


def _declared(survey: Survey) -> dict[str, list[Any]]:
    """Return the ``enum`` values that the OpenAPI file lists for each field name."""
    values_by_name: dict[str, list[Any]] = {}

    def walk(schema: object) -> None:
        if isinstance(schema, Mapping):
            for name, part in (schema.get("properties") or {}).items():
                if isinstance(part, Mapping):
                    for variant in (part, *(part.get("anyOf") or ()), *(part.get("allOf") or ())):
                        values_by_name.setdefault(name, []).extend(variant.get("enum") or ())
                    walk(part)

    for endpoint in survey.operations:
        walk(endpoint.body)
    return values_by_name


def at_registration(survey: Survey) -> Iterator[Observation | Gap]:
    """Register an account with fields about rights, and check whether the account then has them."""
    registration = survey.registration
    if registration is None or not survey.throw_aways:
        yield Gap("mass-assignment", "the scan could not register an account")
        return
    plain = survey.throw_aways[0]
    views = _shown_fields(survey, plain)
    fields = privileged_values(survey, {**views, **plain.profile})
    place = registration.endpoint.name
    if not _is_visible(fields, views, survey):
        yield Gap(
            "mass-assignment",
            f"{place}: the scan cannot read which rights an account has, because no response shows "
            "a field about rights; give --admin",
        )
        return
    attempts = [{name: values[0] for name, values in fields.items() if values}]
    attempts += [
        {name: value} for name, values in fields.items() for value in values if name in views
    ]
    for extra in attempts:
        account, answer = survey.new_account(extra)
        if account is None:
            continue
        after = _shown_fields(survey, account)
        taken = {
            name: value
            for name, value in extra.items()
            if after.get(name) == value and views.get(name) != value
        }
        if taken:
            sentence = (
                f"{place} accepts {_named(taken)}: the new account has these values afterwards; an "
                "account without these fields has "
                f"{_named({name: views.get(name) for name in taken})}"
            )
            yield Observation(
                "mass-assignment", place, is_finding=True, sentence=sentence, exchange=answer
            )
            return
    sentence = f"{place} ignores or refuses the fields {', '.join(sorted(fields))}"
    yield Observation("mass-assignment", place, is_finding=False, sentence=sentence)


def _is_visible(fields: Mapping[str, object], views: Mapping[str, object], survey: Survey) -> bool:
    return bool(set(fields) & set(views)) or survey.admin is not None


def _named(fields: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in fields.items())


def _shown_fields(survey: Survey, account: Account) -> dict[str, object]:
    """Return the fields of an account that the account itself or an administrator can read."""
    shown: dict[str, object] = {}
    readers = [account, *([survey.admin] if survey.admin else [])]
    for good in survey.good.values():
        if good.endpoint.method != "GET" or "{" in good.endpoint.path or not good.is_usable:
            continue
        for reader in readers:
            answer = attempt(reader, good.endpoint, good.call)
            if answer is None or not is_accepted(answer):
                continue
            for fields in objects_in(json_of(answer)):
                if account.name in map(str, fields.values()):
                    shown |= dict(fields)
    return {**shown, **account.profile}


def in_changes(survey: Survey) -> Iterator[Observation | Gap]:
    """Check whether an ordinary account can change its own rights."""
    account, is_lent = next(iter(survey.throw_aways), None), False
    if account is None:
        account, is_lent = survey.user2, True
    if account is None:
        reason = "no account that may be changed: give --user2, or describe a registration"
        yield Gap("privilege-change", reason)
        return
    for endpoint in survey.operations:
        is_own = "{" not in endpoint.path or is_person(endpoint)
        is_change = endpoint.method in ("PUT", "PATCH", "POST") and is_own
        if not is_change or survey.is_entrance(endpoint) or endpoint.body is None:
            continue
        if endpoint.method == "POST" and not changes_privileges(endpoint):
            continue
        yield from _changed(survey, endpoint, account, is_lent=is_lent)


def _changed(
    survey: Survey, endpoint: Endpoint, account: Account, *, is_lent: bool
) -> Iterator[Observation]:
    call = _own_call(survey, endpoint, account)
    if call is None or not isinstance(call.body, dict):
        return
    before = _shown_fields(survey, account)
    fields = privileged_values(survey, before)
    own_fields = {name: values for name, values in fields.items() if name in before}
    tries = [{name: values[0] for name, values in own_fields.items() if values}]
    tries += [{name: value} for name, values in own_fields.items() for value in values]
    for extra in filter(None, tries):
        body = {**call.body, **extra}
        answer = attempt(account, endpoint, replace(call, body=body))
        if answer is None or not is_accepted(answer):
            continue
        survey.learn_profiles((account,))
        after = _shown_fields(survey, account)
        taken = {
            name: value
            for name, value in extra.items()
            if after.get(name) == value != before.get(name)
        }
        if taken:
            sentence = (
                f"{endpoint.name}: an ordinary account gives itself {_named(taken)}, which "
                f"the service shows afterwards; before, the account had "
                f"{_named({name: before.get(name) for name in taken})}"
            )
            yield Observation(
                "privilege-change",
                endpoint.name,
                is_finding=True,
                sentence=sentence,
                exchange=answer,
            )
            back = {name: before.get(name) for name in taken}
            attempt(account, endpoint, replace(call, body={**call.body, **back}))
            survey.learn_profiles((account,))
            return
    sentence = (
        f"{endpoint.name} ignores or refuses "
        f"{', '.join(sorted(own_fields)) or 'fields about rights'}"
    )
    yield Observation("privilege-change", endpoint.name, is_finding=False, sentence=sentence)
    if is_lent:
        survey.learn_profiles((account,))


def _own_call(survey: Survey, endpoint: Endpoint, account: Account) -> Call | None:
    """Return a valid request that changes the account itself to its present values."""
    call = full_call(endpoint, survey.known, optional=True)
    if "{" in endpoint.path:
        owned = of_person(survey, endpoint, account)
        if owned is None:
            return None
        call = replace(call, path=owned.call.path)
    if isinstance(call.body, dict):
        values = {name: account.profile.get(name, value) for name, value in call.body.items()}
        call = replace(call, body=values)
    return call


def in_new_objects(survey: Survey) -> Iterator[Observation]:
    """Create objects with fields that only the service may set, and check the stored values."""
    for good in list(survey.good.values()):
        endpoint = good.endpoint
        reader = _reader(survey, endpoint)
        is_making = endpoint.method == "POST" and "{" not in endpoint.path and good.is_usable
        if not is_making or reader is None or not isinstance(good.call.body, dict):
            continue
        observation = _after_making(survey, good.call, (endpoint, reader), good.account)
        if observation is not None:
            yield observation


def _reader(survey: Survey, making: Endpoint) -> Endpoint | None:
    prefix = f"{making.path.rstrip('/')}/{{"
    return next(
        (
            operation
            for operation in survey.operations
            if operation.method == "GET"
            and operation.path.startswith(prefix)
            and operation.path.count("{") == 1
        ),
        None,
    )


def _after_making(
    survey: Survey, call: Call, pair: tuple[Endpoint, Endpoint], account: Account
) -> Observation | None:
    making, reader = pair
    usual = _stored(survey, call, pair, account)
    if usual is None:
        return None
    shown = usual[0]
    declared = set((making.body or {}).get("properties", {}))
    fields = {
        name: value
        for name, value in shown.items()
        if name not in declared and (SERVER_SET.match(name) or PRIVILEGE.match(name))
    }
    for name, value in fields.items():
        wrong = _other(survey, name, value, account)
        body = {**call.body, name: wrong}
        stored = _stored(survey, replace(call, body=body), pair, account)
        if stored is not None and stored[0].get(name) == wrong != value:
            sentence = (
                f"{making.name} accepts {name} {wrong!r}, and {reader.name} shows this value "
                f"afterwards; the service itself sets {value!r}"
            )
            return Observation(
                "mass-assignment",
                f"{making.name} {name}",
                is_finding=True,
                sentence=sentence,
                exchange=stored[1],
            )
    sentence = f"{making.name} ignores or refuses {', '.join(fields) or 'further fields'}"
    return Observation("mass-assignment", making.name, is_finding=False, sentence=sentence)


def _other(survey: Survey, name: str, value: object, account: Account) -> object:
    """Return another value of the same type; instead of an account's value, another account's."""
    del name
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return RAISED
    other = survey.second if survey.second is not account else survey.user
    for key, own in account.profile.items():
        if own == value and other is not None and key in other.profile:
            return other.profile[key]
    if other is not None and value == account.name:
        return other.name
    return f"{value}x"


def _stored(
    survey: Survey, call: Call, pair: tuple[Endpoint, Endpoint], account: Account
) -> tuple[dict[str, object], Exchange] | None:
    """Create an object; return the fields that the service then shows, and the exchange."""
    making, reader = pair
    answer = attempt(account, making, survey.fresh(making, call))
    if answer is None or not is_accepted(answer):
        return None
    known = KnownValues()
    known.learn(making, answer, account.label)
    name = reader.path.rpartition("{")[2].partition("}")[0]
    for value in known.for_path(reader, name, account.label)[:3]:
        read = attempt(account, reader, Call(path={name: value}))
        if read is not None and succeeded(read):
            objects = list(objects_in(json_of(read)))
            # A response may have the object in an envelope, such as {"data": {...}}.
            named = [each for each in objects if value in map(str, each.values())]
            chosen = [*named, *objects]
            return (dict(chosen[0]), answer) if chosen else None
    return None
