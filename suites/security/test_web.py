"""Checks for browsers: scripts, headers, cookies, other origins, forms of other sites, caches."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from gates.model import Target
from suites.client.exchanges import parsed
from suites.contract import Operation
from suites.probes import passive
from suites.probes.api import Call, Exchange, Observation
from suites.probes.bounds import bounds_kept
from suites.probes.browser import TextDisplay, runs
from suites.pytest_plugin.marks import check
from suites.security.surface import (
    NoFindingAssertion,
    Surface,
    Values,
    endpoint_named,
    endpoints,
    good_call,
)
from suites.testdata.people import Person, credentials

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from suites.client.pages import Visit
    from suites.testdata.ownership import Ownership, OwnUser

pytestmark = pytest.mark.security

# How long a browser may show an old page or an old price.
MAX_PAGE_SECONDS, MAX_READ_SECONDS = 300, 10
LARGE_BODY, TOO_LARGE = 1_000_000, 413

PAGES = ("/", "/app.js", "/style.css", "/favicon.svg", "/nothing-here")
BAD_REQUEST, UNAUTHORISED = 400, 401


@check("security.xss", needs="auth")
def test_no_text_runs(
    frontend: "Visit", target: Target, ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """The shop shows product names, user names, searches and URLs as text, never as a script."""
    displays = (
        TextDisplay("xss-stored", "a product's name in the list", _product(target, ownership)),
        TextDisplay("xss-stored", "a user's name in the greeting", _greeting(target, ownership)),
        TextDisplay("xss-reflected", "the search in the page", _search),
        TextDisplay("xss-reflected", "a query of the address", _address(target, "/?q={}")),
        TextDisplay("xss-reflected", "a path of the address", _address(target, "/{}")),
        TextDisplay("xss-dom", "the fragment of the address", _address(target, "/#{}")),
    )
    observations = [
        observation for display in displays for observation in runs(frontend.page, display)
    ]
    assert len(observations) >= len(displays)
    no_finding(observations)


def _product(target: Target, ownership: "Ownership") -> Callable[["Page", str], None]:
    def show(page: "Page", payload: str) -> None:
        word = f"zq{ownership.event_id()[-8:]}"
        product = ownership.findable_product(word, price_paise=100, shown_as=f"{word} {payload}")
        page.goto(target.addresses.frontend)
        # The first list may arrive late and replace the results of the search.
        page.locator("#products li").first.wait_for()
        page.fill("#q", word)
        with ownership.on_sale(product):
            page.click("#search button")
            page.locator(f"#products li:has-text('{word}')").first.wait_for()

    return show


def _greeting(target: Target, ownership: "Ownership") -> Callable[["Page", str], None]:
    def show(page: "Page", payload: str) -> None:
        user = ownership.user(name=f"zq {payload}")
        page.goto(target.addresses.frontend)
        page.fill("#login [name=identifier]", user.phone)
        page.fill("#login [name=password]", user.password)
        page.click("#login button")
        page.locator("#greeting:has-text('zq')").wait_for()

    return show


def _search(page: "Page", payload: str) -> None:
    page.fill("#q", payload)
    page.click("#search button")


def _address(target: Target, template: str) -> Callable[["Page", str], None]:
    def show(page: "Page", payload: str) -> None:
        page.goto("about:blank")
        page.goto(target.addresses.frontend + template.format(quote(payload)))

    return show


@check("security.headers", needs="auth")
def test_headers(
    surface: Surface,
    owner: Person,
    customer: "OwnUser",
    values: Values,
    no_finding: NoFindingAssertion,
) -> None:
    """Pages and responses have the security headers; caches may not store private responses."""
    pages = surface.frontend()
    for path in PAGES:
        page = pages.exchange("GET", path, {}, None)
        no_finding(passive.security_headers(page, path, page=True))
        no_finding([passive.is_soon_fresh(page, path, MAX_PAGE_SECONDS)])
    no_finding(_of_operations(surface, owner.client.token, values))
    no_finding(_of_log_in(surface, customer))


def _of_operations(surface: Surface, token: str, values: Values) -> Iterator[Observation]:
    for endpoint in endpoints():
        if endpoint.name in ("metrics", "logout"):
            continue
        answer = surface.sender(token).send(endpoint, good_call(endpoint, values))
        yield from passive.security_headers(answer, endpoint.name, page=False)
        if endpoint.secured:
            yield passive.private_data_is_not_cached(answer, endpoint.name)
        yield passive.is_soon_fresh(answer, endpoint.name, MAX_READ_SECONDS)


def _of_log_in(surface: Surface, user: "OwnUser") -> Iterator[Observation]:
    session = surface.sender().send(endpoint_named("login"), Call(body=credentials(user)))
    yield passive.private_data_is_not_cached(session, "login")
    refresh_body = {"refresh_token": json.loads(session.text)["refresh_token"]}
    refreshed = surface.sender().send(endpoint_named("refresh"), Call(body=refresh_body))
    yield passive.private_data_is_not_cached(refreshed, "refresh")


@check("security.cors", needs="auth")
def test_other_origins(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion, target: Target
) -> None:
    """No other origin may read a response: no foreign origin, no similar origin, and not null."""
    host = str(urlsplit(target.addresses.edge_https).hostname)
    sender = surface.sender(owner.client.token)
    for endpoint in endpoints():
        if endpoint.name != "logout":
            no_finding(passive.cors(sender, endpoint, good_call(endpoint, values), host))


@check("security.csrf", needs="cart")
def test_other_sites_cannot_act(
    surface: Surface, ownership: "Ownership", no_finding: NoFindingAssertion
) -> None:
    """The store refuses a request with cookies but without a token; cookies have secure flags."""
    user = ownership.user()
    answer = surface.sender().send(endpoint_named("login"), Call(body=credentials(user)))
    no_finding(_with_cookies_only(surface, answer))


def _with_cookies_only(surface: Surface, logged_in: Exchange) -> Iterator[Observation]:
    yield from passive.cookies(logged_in, "login")
    received = logged_in.headers.get("set-cookie", "").split("\n")
    jar = "; ".join(cookie.partition(";")[0] for cookie in received if cookie)
    for name in ("clear_cart", "show_cart"):
        headers = {"Cookie": jar or "session=x", "Origin": passive.EVIL}
        answer = surface.sender().send(endpoint_named(name), Call(headers=headers))
        sentence = (
            f"{name} returned status {answer.status} to another site's request without a token, "
            f"expected {UNAUTHORISED}"
        )
        yield Observation("csrf", name, answer.status != UNAUTHORISED, sentence, answer)


@check("security.input", needs="auth")
def test_bad_input(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion, target: Target
) -> None:
    """Responses to forty kinds of bad input have a status under 500, and reveal no internals.

    The JSON body of each refusal has the documented shape. A body of a megabyte is refused.
    """
    secrets = (*target.secrets.values(), owner.user.password)
    observations: list[Observation] = []
    wrong_shapes: list[str] = []
    for endpoint in endpoints():
        if endpoint.name not in ("logout", "metrics"):
            sender = surface.sender(owner.client.token if endpoint.secured else "")
            new = list(passive.survives(sender, endpoint, good_call(endpoint, values), secrets))
            observations += new
            wrong_shapes += _wrong_shapes(owner.client.contract.operation(endpoint.name), new)
    no_finding(observations)
    assert dict(_statuses_of_large_bodies(surface, owner, values)) == {}, (
        f"expected {TOO_LARGE} for each body of {LARGE_BODY} bytes"
    )
    wrong = sorted(set(wrong_shapes))
    assert not wrong, f"{len(wrong)} refusals do not have the documented shape, such as {wrong[0]}"


def _statuses_of_large_bodies(
    surface: Surface, owner: Person, values: Values
) -> Iterator[tuple[str, int]]:
    """Send valid bodies that blanks make too large; yield each operation that answers not 413."""
    for endpoint in endpoints():
        if endpoint.body is None or TOO_LARGE not in endpoint.statuses:
            continue
        call = good_call(endpoint, values)
        body = json.dumps(call.body).encode().ljust(LARGE_BODY)
        sender = surface.sender(owner.client.token if endpoint.secured else "")
        status = sender.send(endpoint, replace(call, raw_body=body)).status
        if status != TOO_LARGE:
            yield endpoint.name, status


def _wrong_shapes(operation: Operation, observations: Iterable[Observation]) -> Iterator[str]:
    """Yield a sentence for each refusal whose JSON body does not have the documented shape.

    A server before the store may refuse a request with a page of its own, which is not JSON.
    """
    for observation in observations:
        answer = observation.exchange
        if answer is None or answer.status not in operation.answers or answer.status < BAD_REQUEST:
            continue
        if not answer.content_type.startswith("application/json"):
            continue
        body = parsed(answer.text.encode(), answer.headers)
        for problem in operation.problems(answer.status, body):
            yield f"{observation.place}: status {answer.status}: {problem}"


@check("security.input.bounds", needs="access")
def test_stated_bounds_are_kept(
    surface: Surface, owner: Person, values: Values, no_finding: NoFindingAssertion
) -> None:
    """A value at a bound of the contract is accepted, and a value beyond the bound is refused."""
    sender = surface.sender(owner.client.token)
    observations = [
        observation
        for endpoint in endpoints()
        if endpoint.name != "logout"
        for observation in bounds_kept(sender, endpoint, good_call(endpoint, values))
    ]
    no_finding(observations)
