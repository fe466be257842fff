"""The browser's side: scripts, headers, cookies, other origins, other sites' forms, caches."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from gates.model import Target
from suites.probes import passive
from suites.probes.api import Call, Exchange, Observation
from suites.probes.bounds import bounds_kept
from suites.probes.browser import Shown, runs
from suites.pytest_plugin.marks import check
from suites.security.surface import Judge, Surface, Values, endpoint, endpoints, good_call
from suites.testdata.people import Person, credentials

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from suites.client.pages import Visit
    from suites.testdata.ownership import Ownership, OwnUser

pytestmark = pytest.mark.security

PAGES = ("/", "/app.js", "/style.css", "/favicon.svg", "/nothing-here")
UNAUTHORISED = 401


@check("security.xss", needs="auth")
def test_no_text_runs(
    frontend: "Visit", target: Target, ownership: "Ownership", no_finding: Judge
) -> None:
    """Wherever the shop shows text, it stays text: names, searches, messages, addresses."""
    places = (
        Shown("xss-stored", "a product's name in the list", _product(target, ownership)),
        Shown("xss-stored", "a user's name in the greeting", _greeting(target, ownership)),
        Shown("xss-reflected", "the search in the page", _searched),
        Shown("xss-reflected", "a query of the address", _address(target, "/?q={}")),
        Shown("xss-reflected", "a path of the address", _address(target, "/{}")),
        Shown("xss-dom", "the fragment of the address", _address(target, "/#{}")),
    )
    seen = [one for shown in places for one in runs(frontend.page, shown)]
    assert len(seen) >= len(places)
    no_finding(seen)


def _product(target: Target, ownership: "Ownership") -> Callable[["Page", str], None]:
    def show(page: "Page", payload: str) -> None:
        word = f"zq{ownership.event_id()[-8:]}"
        made = ownership.findable_product(word, price_paise=100, shown_as=f"{word} {payload}")
        page.goto(target.addresses.frontend)
        # The first list may arrive late and take the place of what was searched for.
        page.locator("#products li").first.wait_for()
        page.fill("#q", word)
        with ownership.on_sale(made):
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


def _searched(page: "Page", payload: str) -> None:
    page.fill("#q", payload)
    page.click("#search button")


def _address(target: Target, template: str) -> Callable[["Page", str], None]:
    def show(page: "Page", payload: str) -> None:
        page.goto("about:blank")
        page.goto(target.addresses.frontend + template.format(quote(payload)))

    return show


@check("security.headers", needs="auth")
def test_headers(
    surface: Surface, owner: Person, customer: "OwnUser", values: Values, no_finding: Judge
) -> None:
    """Pages and answers carry the protective headers; private answers are not for caches."""
    pages = surface.frontend()
    for path in PAGES:
        shown = pages.exchange("GET", path, {}, None)
        no_finding(passive.security_headers(shown, path, page=True))
    no_finding(_of_operations(surface, owner.client.token, values))
    no_finding(_of_log_in(surface, customer))


def _of_operations(surface: Surface, token: str, values: Values) -> Iterator[Observation]:
    for one in endpoints():
        if one.name in ("metrics", "logout"):
            continue
        answer = surface.sender(token).send(one, good_call(one, values))
        yield from passive.security_headers(answer, one.name, page=False)
        if one.secured:
            yield passive.private_data_is_not_cached(answer, one.name)


def _of_log_in(surface: Surface, user: "OwnUser") -> Iterator[Observation]:
    session = surface.sender().send(endpoint("login"), Call(body=credentials(user)))
    yield passive.private_data_is_not_cached(session, "login")
    fresh = {"refresh_token": json.loads(session.text)["refresh_token"]}
    again = surface.sender().send(endpoint("refresh"), Call(body=fresh))
    yield passive.private_data_is_not_cached(again, "refresh")


@check("security.cors", needs="auth")
def test_other_origins(
    surface: Surface, owner: Person, values: Values, no_finding: Judge, target: Target
) -> None:
    """No foreign origin, look-alike or null may read an answer."""
    host = str(urlsplit(target.addresses.edge_https).hostname)
    sender = surface.sender(owner.client.token)
    for one in endpoints():
        if one.name != "logout":
            no_finding(passive.cors(sender, one, good_call(one, values), host))


@check("security.csrf", needs="cart")
def test_other_sites_cannot_act(
    surface: Surface, ownership: "Ownership", no_finding: Judge
) -> None:
    """What a browser sends by itself opens nothing; cookies that are set have their flags."""
    user = ownership.user()
    answer = surface.sender().send(endpoint("login"), Call(body=credentials(user)))
    no_finding(_with_cookies_only(surface, answer))


def _with_cookies_only(surface: Surface, logged_in: Exchange) -> Iterator[Observation]:
    yield from passive.cookies(logged_in, "login")
    received = logged_in.headers.get("set-cookie", "").split("\n")
    jar = "; ".join(one.partition(";")[0] for one in received if one)
    for name in ("clear_cart", "show_cart"):
        headers = {"Cookie": jar or "session=x", "Origin": passive.EVIL}
        answer = surface.sender().send(endpoint(name), Call(headers=headers))
        said = f"{name} answers {answer.status} to another site's request with cookies only"
        yield Observation("csrf", name, answer.status != UNAUTHORISED, said, answer)


@check("security.input", needs="auth")
def test_bad_input(
    surface: Surface, owner: Person, values: Values, no_finding: Judge, target: Target
) -> None:
    """Thirty kinds of bad input for every operation: never a 500, and nothing of the inside."""
    secrets = (*target.secrets.values(), owner.user.password)
    seen: list[Observation] = []
    for one in endpoints():
        if one.name not in ("logout", "metrics"):
            sender = surface.sender(owner.client.token if one.secured else "")
            seen += passive.survives(sender, one, good_call(one, values), secrets)
    no_finding(seen)


@check("security.input.bounds", needs="access")
def test_stated_bounds_are_kept(
    surface: Surface, owner: Person, values: Values, no_finding: Judge
) -> None:
    """What the contract bounds is accepted at the bound and refused beyond it."""
    sender = surface.sender(owner.client.token)
    seen = [
        observation
        for one in endpoints()
        if one.name != "logout"
        for observation in bounds_kept(sender, one, good_call(one, values))
    ]
    no_finding(seen)
