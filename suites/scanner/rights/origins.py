"""Check which other origins the service allows to read its responses (CORS)."""

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from suites.probes.api import Call, Endpoint, Exchange, Observation
from suites.probes.passive import EVIL
from suites.scanner.survey.account import Account


def look_alikes(own_host: str) -> dict[str, str]:
    """Return foreign origins that a wrong comparison accepts as the service's own host.

    Args:
        own_host: the service's host, with its port where the port is not the default.

    Returns:
        The origins, keyed by a description of their kind.
    """
    name, colon, port = own_host.partition(":")
    end = f"{colon}{port}"
    origin_by_kind = {
        "a host that begins with the service's own host": f"https://{name}.evil.example",
        "a host that ends with the service's own host": f"https://evil{name}{end}",
    }
    try:
        ipaddress.ip_address(name)
    except ValueError:
        if "." in name:
            origin_by_kind["a host with a letter in place of a dot"] = (
                f"https://{name.replace('.', 'x', 1)}{end}"
            )
    origin_by_kind["a host with a hyphen before the service's own host"] = (
        f"https://evil-{name}{end}"
    )
    return origin_by_kind


def cors(account: Account, endpoint: Endpoint, call: Call, own_host: str) -> Iterator[Observation]:
    """Check whether a foreign origin, a similar origin or ``null`` may read a response.

    Args:
        account: the account that sends the requests.
        endpoint: the operation.
        call: a valid request to the operation.
        own_host: the service's host; the similar origins are made from this name.
    """
    origins = {"a foreign origin": EVIL, "the null origin": "null", **look_alikes(own_host)}
    is_read = endpoint.method == "GET"
    for kind, origin in origins.items():
        answers = []
        if is_read:
            headers = {**call.headers, "Origin": origin}
            answers.append(account.send(endpoint, replace(call, headers=headers)))
        if kind == "a foreign origin" or not is_read:
            headers = {
                **call.headers,
                "Origin": origin,
                "Access-Control-Request-Method": endpoint.method,
            }
            preflight = replace(endpoint, method="OPTIONS", body=None)
            answers.append(
                account.send(preflight, replace(call, headers=headers, body=None, raw_body=None))
            )
        for answer in answers:
            yield _observed(endpoint, answer, (kind, origin))
        if kind == "a foreign origin" and any(_allowed(answer) == origin for answer in answers):
            return


def _allowed(answer: Exchange) -> str:
    return answer.headers.get("access-control-allow-origin", "")


def _observed(endpoint: Endpoint, answer: Exchange, origin: tuple[str, str]) -> Observation:
    kind, value = origin
    allowed = _allowed(answer)
    sends_credentials = answer.headers.get("access-control-allow-credentials", "") == "true"
    place = f"{answer.method} {endpoint.name} {value}"
    if allowed == "*" and endpoint.secured and not sends_credentials:
        sentence = f"{endpoint.name} needs a session, but its CORS header allows every origin"
        return Observation(
            "cors-wildcard", place, is_finding=True, sentence=sentence, exchange=answer, cause="*"
        )
    may_read = allowed == value or (allowed == "*" and sends_credentials)
    with_cookies = " with credentials" if sends_credentials else ""
    permission = f"{allowed or 'nothing'}{with_cookies}"
    sentence = (
        f"{endpoint.name}: for the origin {value} ({kind}), the CORS header of the response allows "
        f"{permission}"
    )
    cause = "look-alikes" if "own host" in kind or "letter" in kind else kind
    return Observation("cors", place, may_read, sentence, answer, cause=cause)
