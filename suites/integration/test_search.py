"""Checks of search: text and price filters, suggestions, facets and saved searches."""

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from suites.client import StoreClient
from suites.client.paging import all_pages
from suites.client.waiting import wait_until
from suites.integration.properties import property_settings
from suites.pytest_plugin.marks import check
from suites.testdata.people import NewPerson

if TYPE_CHECKING:
    from suites.testdata.ownership import Ownership, OwnProduct, Shop

MAX_PRICE = 100_000_000
MORE_THAN_A_PAGE = 42
MAX_SUGGESTIONS = 20
pytestmark = [pytest.mark.integration, pytest.mark.search]


def new_word() -> str:
    """Return a random word that no product of the store contains."""
    return f"zq{secrets.token_hex(4)}"


@check("search.text", needs="advanced_search")
def test_text(
    new_client: Callable[[], StoreClient], ownership: "Ownership", database: "Shop"
) -> None:
    """A search finds exactly the products with all of the words and a price within the bounds."""
    word, near = new_word(), new_word()
    prices = [0, 100, 199, 200, 201, 300]
    products = [
        ownership.findable_product(word, near, "pickle", price_paise=price) for price in prices
    ]
    products += [ownership.findable_product(word, "jam", price_paise=200)]
    products += [
        ownership.findable_product(near, str(number), "shelf", price_paise=50)
        for number in range(21)
    ]
    ownership.findable_product(word, near, "pickle", "unlisted", price_paise=200)
    client = new_client()
    for product, left in zip(products[:2], (0, 1), strict=True):
        stock = {"$set": {"stock": left, "received": left}}
        database.products.update_one({"_id": product.product_id}, stock)

    def prices_of_hits(text: str, low: int | None, high: int | None) -> list[int]:
        return _prices_of_hits(new_client(), text, low, high)

    # Each bound is tried at a price, in every run; the other examples are a sample.
    @property_settings
    @example(None, 0)
    @example(0, 200)
    @example(200, None)
    @given(st.sampled_from([None, 0, 199, 200, 201, 301]), st.sampled_from([None, 0, 99, 200, 300]))
    def hits_equal_the_database(low: int | None, high: int | None) -> None:
        matching = {"words": {"$all": [word, near]}, "visibility": "listed"}
        stored = [product["price_paise"] for product in database.products.find(matching)]
        expected = [
            price for price in stored if (low or 0) <= price <= (10**9 if high is None else high)
        ]
        assert prices_of_hits(f"{near} {word}", low, high) == sorted(expected)

    with ownership.on_sale(*products):
        hits_equal_the_database()
        assert prices_of_hits(f"  {word.upper()}, {near}! ", 199, 201) == [199, 200, 201]
        assert prices_of_hits(f"{near}-{word}", 199, 201) == [199, 200, 201]
        assert prices_of_hits(word, None, None) == sorted([*prices, 200])
        assert prices_of_hits(f"{near} shelf", None, None) == [50] * 21
        assert prices_of_hits(f"{word} marmalade", None, None) == []
        assert prices_of_hits(word[:-1], None, None) == [], "a search must find whole words only"
        shown = client.call("search", expect=200, query={"q": f"{word} pickle"}).body["items"]
    in_stock = {item["id"]: item["in_stock"] for item in shown}
    expected_stock = [False] + [True] * (len(prices) - 1)
    assert [in_stock[each.product_id] for each in products[: len(prices)]] == expected_stock
    refused = [
        client.ask("search", query=query).status
        for query in (
            {},
            {"q": ""},
            {"q": "?!"},
            {"q": "x" * 101},
            {"q": word, "filters[price_min]": "-1"},
            {"q": word, "filters[price_max]": "1.5"},
            {"q": word, "sort": "price"},
        )
    ]
    assert refused == [400] * 7


def _prices_of_hits(client: StoreClient, text: str, low: int | None, high: int | None) -> list[int]:
    """Return the sorted prices of all hits of a search; require whole pages with the right total.

    Args:
        client: the client that searches.
        text: the words.
        low: the lowest price, in paise; None for no bound.
        high: the highest price, in paise; None for no bound.
    """
    bounds = {"filters[price_min]": low, "filters[price_max]": high}
    query = {name: str(value) for name, value in bounds.items() if value is not None}
    pages = all_pages(client, "search", {"q": text, **query})
    hits = [item for page in pages for item in page["items"]]
    assert len({item["id"] for item in hits}) == len(hits), "the pages repeat a product"
    assert {page["total"] for page in pages} == {len(hits)}
    return sorted(item["price_paise"] for item in hits)


@check("search.autocomplete", needs="advanced_search", alone=True)
def test_autocomplete(client: StoreClient, ownership: "Ownership") -> None:
    """Suggestions begin with the typed text, are sorted by sales, and respect the given limit."""
    word = new_word()
    client.call("autocomplete", expect=200, query={"q": word})
    sales = ((5, "slow"), (900, "top"), (70, "middle"), (900, "also"))
    products = [
        ownership.findable_product(f"{word}s", name, "tea", price_paise=100, sold=sold)
        for sold, name in sales
    ]
    products += [
        ownership.findable_product(f"x{word}s", "other", "tea", price_paise=100, sold=9_999)
    ]
    more = new_word()
    products += [
        ownership.findable_product(more, str(number), "tea", price_paise=100)
        for number in range(MAX_SUGGESTIONS + 1)
    ]
    ownership.findable_product(f"{word}s", "unlisted", "tea", price_paise=100, sold=800)

    with ownership.on_sale(*products):
        answer = wait_until(
            "a product that is on sale is suggested",
            lambda: client.call("autocomplete", expect=200, query={"q": word}),
            lambda response: len(response.body["suggestions"]) >= len(sales),
            seconds=6,
        )
        limited = {"q": f"fine {word.upper()}", "limit": "2"}
        two = client.call("autocomplete", expect=200, query=limited)
        none = client.call("autocomplete", expect=200, query={"q": f"{word}x"}).body
        literal = client.call("autocomplete", expect=200, query={"q": f"{word[:3]}.*{word}"}).body
        many_more = {"q": more, "limit": str(MAX_SUGGESTIONS)}
        most = wait_until(
            "many products are suggested",
            lambda: client.call("autocomplete", expect=200, query=many_more).body["suggestions"],
            lambda suggestions: len(suggestions) >= MAX_SUGGESTIONS,
            seconds=6,
        )

    ranked = [f"{word}s {name} tea".title() for name in ("also", "top", "middle", "slow")]
    assert answer.body["suggestions"] == ranked
    assert two.body["suggestions"] == ranked[:2]
    assert none["suggestions"] == []
    assert len(set(most)) == MAX_SUGGESTIONS
    assert literal["suggestions"] == ranked
    assert answer.seconds < 1
    refused = [
        client.ask("autocomplete", query=query).status
        for query in ({"q": ""}, {"q": word, "limit": "0"}, {"q": word, "limit": "21"})
    ]
    assert refused == [400] * 3


@check("search.facets", needs="advanced_search")
def test_facets(client: StoreClient, ownership: "Ownership") -> None:
    """The counts of the facets match the hits, and the sum of the counts is the number of hits."""
    word = new_word()
    client.call("facets", expect=200, query={"q": word})
    catalogue = [
        ("oil", 4_999),
        ("oil", 5_000),
        ("ghee", 9_999),
        ("ghee", 10_000),
        ("ghee", 19_999),
        ("oil", 20_000),
        ("oil", 50_000),
        ("soap", 49_999),
        ("soap", MAX_PRICE),
        # More hits than a page has: facets count all hits, not the hits of a page.
        *(("tea", 60_000) for _ in range(MORE_THAN_A_PAGE)),
    ]
    products = [
        ownership.findable_product(word, category, price_paise=price)
        for category, price in catalogue
    ]
    ownership.findable_product(word, "oil", price_paise=5_000)
    ownership.findable_product(word, "unlisted", price_paise=5_000)

    with ownership.on_sale(*products):
        facets = wait_until(
            "the facets count the products that are on sale",
            lambda: client.call("facets", expect=200, query={"q": word}).body,
            lambda body: body["total"] >= len(catalogue),
            seconds=6,
        )
        hits = client.call("search", expect=200, query={"q": word}).body
        narrower = client.call("facets", expect=200, query={"q": f"{word} oil"}).body
        same = client.call("facets", expect=200, query={"q": f" {word.upper()}, Oil! "}).body

    categories = [(facet["category"], facet["count"]) for facet in facets["categories"]]
    bands = [(facet["price_min"], facet["count"]) for facet in facets["price_bands"]]
    assert facets["total"] == hits["total"] == len(catalogue)
    assert categories == [("ghee", 3), ("oil", 4), ("soap", 2), ("tea", MORE_THAN_A_PAGE)]
    assert bands == [(0, 1), (5_000, 2), (10_000, 2), (20_000, 2), (50_000, 2 + MORE_THAN_A_PAGE)]
    assert narrower["total"] == 4
    assert same == narrower, "facets must read the words as a search does"
    assert sum(facet["count"] for facet in narrower["price_bands"]) == 4
    client.call("facets", expect=400, query={"q": ""})


@check("search.saved", needs="advanced_search")
def test_saved(new_person: NewPerson, ownership: "Ownership", database: "Shop") -> None:
    """Only the owner can run a saved search; later requests also find new products."""
    shopper, other, namesake = new_person.customers(3)
    word = new_word()
    cheap = ownership.findable_product(word, "tea", price_paise=100)
    dear = ownership.findable_product(word, "tea", price_paise=900)
    shelf = f"{word}-shelf"
    new = ownership.findable_product(word, shelf, price_paise=500)
    under = ownership.findable_product(word, "tea", price_paise=99)
    body = {"name": "My tea", "q": word, "price_min": 100, "price_max": 500}
    none = shopper.client.call("list_saved_searches", expect=200).body["saved"]
    saved = shopper.client.call("save_search", expect=201, body=body).body
    again = {"saved_id": saved["id"]}
    tea_for_all = {"name": "All tea", "q": word}
    second_saved = shopper.client.call("save_search", expect=201, body=tea_for_all).body
    # Two people may save the same search under the same name.
    same = namesake.client.call("save_search", expect=201, body=body).body

    with ownership.on_sale(cheap, dear, under):
        first = shopper.client.call("search", expect=200, query=again).body["items"]
        both = {"saved_id": second_saved["id"]}
        all_tea = shopper.client.call("search", expect=200, query=both).body["total"]
        beyond = shopper.client.call("search", expect=200, query={**again, "page": "2"}).body
        other_words = {**again, "q": "marmalade", "filters[price_min]": "900"}
        same_hits = shopper.client.call("search", expect=200, query=other_words).body["items"]
        dearer = {"$set": {"price_paise": 101, "stock": 0, "received": 0}}
        database.products.update_one({"_id": cheap.product_id}, dearer)
        empty_shelf = shopper.client.call("list_products", expect=200, query={"category": shelf})
        with ownership.on_sale(new):
            second = shopper.client.call("search", expect=200, query={**again, "page": "1"})
            _shows_what_is_new(shopper.client, again, shelf, cheap)
    saved_searches = shopper.client.call("list_saved_searches", expect=200).body["saved"]

    assert [item["id"] for item in first] == [cheap.product_id]
    assert same_hits == first, "a saved search must replace the words and filters of the request"
    assert none == []
    assert (all_tea, empty_shelf.body["total"]) == (3, 0)
    assert (beyond["items"], beyond["page"]) == ([], 2)
    assert second.status == 200
    assert sorted(entry["id"] for entry in saved_searches) == sorted(
        [saved["id"], second_saved["id"]]
    )
    assert saved in saved_searches
    assert {**saved, **body} == saved
    assert other.client.call("list_saved_searches", expect=200).body["saved"] == []
    assert namesake.client.call("list_saved_searches", expect=200).body["saved"] == [same]
    assert same["id"] != saved["id"]
    other.client.call("search", expect=404, query=again)
    other.client.token = ""
    other.client.call("search", expect=401, query=again)
    stored = database.saved_searches.find_one({"_id": saved["id"]})
    assert stored is not None
    assert stored["user_id"] == shopper.user.user_id
    shopper.client.call("save_search", expect=400, body={**body, "q": "?"})


def _shows_what_is_new(
    client: StoreClient, saved: dict[str, str], shelf: str, dearer: "OwnProduct"
) -> None:
    """Require that the pages which the store keeps show a new product, a new price and new stock.

    Args:
        client: the client of the user who saved the search.
        saved: the query of the saved search, which finds the new product, too.
        shelf: the category of the new product.
        dearer: a product that is sold out now, and costs one paisa more.
    """
    wait_until(
        "the saved search finds the new product",
        lambda: client.call("search", expect=200, query=saved).body["total"],
        lambda total: total == 2,
        seconds=6,
    )
    wait_until(
        "the catalogue lists the new product",
        lambda: client.call("list_products", expect=200, query={"category": shelf}).body["total"],
        lambda total: total == 1,
        seconds=6,
    )
    expected = (dearer.product_id, dearer.price_paise + 1, False)
    wait_until(
        "the saved search shows the new price and stock of a product",
        lambda: client.call("search", expect=200, query=saved).body["items"],
        lambda items: expected in [_offer_of(item) for item in items],
        seconds=6,
    )


def _offer_of(item: dict[str, Any]) -> tuple[str, int, bool]:
    return item["id"], item["price_paise"], item["in_stock"]
