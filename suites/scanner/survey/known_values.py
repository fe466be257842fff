"""Collect values from responses, such as ids, so that later requests can use these values."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from suites.probes.api import Endpoint, Exchange
from suites.scanner.survey.account import json_of
from suites.scanner.survey.vocabulary import words

MAX_OBJECTS = 2000
MAX_TEXT = 200
MAX_DEPTH = 12
# Fields that name an object, the most certain first.
NAMING_FIELDS = (
    "id",
    "_id",
    "uuid",
    "slug",
    "key",
    "number",
    "code",
    "name",
    "title",
    "username",
    "email",
    "reference",
)


@dataclass(frozen=True, slots=True)
class KnownObject:
    """A JSON object from a response.

    Args:
        path: the path template of the operation that returned the object.
        account: the label of the account that received the object.
        fields: the texts, numbers and booleans of the object, keyed by field name.
    """

    path: str
    account: str
    fields: Mapping[str, object]


@dataclass(slots=True)
class KnownValues:
    """The JSON objects from the responses of the service.

    Args:
        objects: the objects, oldest first.
    """

    objects: list[KnownObject] = field(default_factory=list)

    def learn(self, endpoint: Endpoint, answer: Exchange, account: str) -> None:
        """Add the JSON objects of a response.

        Args:
            endpoint: the operation that gave the response.
            answer: the response of the service.
            account: the label of the account that sent the request.
        """
        for fields in objects_in(json_of(answer)):
            if len(self.objects) < MAX_OBJECTS:
                self.objects.append(KnownObject(endpoint.path, account, fields))

    def for_path(self, endpoint: Endpoint, name: str, account: str) -> list[str]:
        """Return values to try for a path parameter, the most likely values first.

        Values from the collection of the path come before values of fields with the same name.

        Args:
            endpoint: the operation with the path.
            name: the name of the path parameter.
            account: the label of an account; values that this account received come first.
        """
        prefix = endpoint.path.partition(f"{{{name}}}")[0].rstrip("/")
        noun = singular(words(prefix.rstrip("/").rpartition("/")[2]).replace(" ", ""))
        near = [known for known in self.objects if known.path.rstrip("/") == prefix]
        near.sort(key=lambda known: known.account != account)
        candidates = [value for known in near if (value := _naming(known.fields, name, noun))]
        field_names = {plain(name), *([f"{noun}id"] if plain(name) == "id" else ())} - {"id"}
        for known in self.objects:
            candidates += [
                str(value) for key, value in known.fields.items() if plain(key) in field_names
            ]
        return list(dict.fromkeys(candidates))

    def of_name(self, name: str) -> list[object]:
        """Return the known values of a field; for ``order_id``, also the field ``id`` of orders."""
        plain_name = plain(name)
        noun = plain_name.removesuffix("ids").removesuffix("id")
        values: list[object] = []
        for known in self.objects:
            values += [value for key, value in known.fields.items() if plain(key) == plain_name]
            segment = singular(plain(known.path.rstrip("/").rpartition("/")[2]))
            if noun and noun != plain_name and segment == noun and "id" in known.fields:
                values.append(known.fields["id"])
        return list(dict.fromkeys(values))


def _naming(fields: Mapping[str, object], name: str, noun: str) -> str:
    """Return the value of the field that fits a path parameter; empty if no field fits."""
    by_plain = {plain(key): value for key, value in fields.items()}
    plain_name = plain(name)
    short = plain_name.removeprefix(noun) if noun else plain_name
    for key in (plain_name, short, f"{noun}{plain_name}", *map(plain, NAMING_FIELDS), f"{noun}id"):
        if key in by_plain:
            return str(by_plain[key])
    return ""


def plain(name: str) -> str:
    """Return a name in lower case, with letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def singular(noun: str) -> str:
    """Return the singular of an English noun, by simple rules for the endings."""
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun.removesuffix("s") if not noun.endswith("ss") else noun


def objects_in(content: object, depth: int = 0) -> Iterator[Mapping[str, object]]:
    """Yield the scalar fields of every object in a JSON value, outer objects first.

    Args:
        content: the parsed JSON value.
        depth: the number of objects and lists around the value.
    """
    if depth > MAX_DEPTH:
        return
    if isinstance(content, Mapping):
        scalars = {
            str(name): value
            for name, value in content.items()
            if isinstance(value, bool | int | float)
            or (isinstance(value, str) and 0 < len(value) <= MAX_TEXT)
        }
        if scalars:
            yield scalars
        for value in content.values():
            yield from objects_in(value, depth + 1)
    elif isinstance(content, list):
        for item in content[:100]:
            yield from objects_in(item, depth + 1)
