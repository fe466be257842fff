"""The named faults: each replaces one small function of the store by a defective one."""

from dataclasses import dataclass
from difflib import get_close_matches

from testbed.errors import TestbedError


@dataclass(frozen=True, slots=True)
class Fault:
    """One switchable defect.

    Args:
        name: area and defect.
        breaks: what a user of the store would notice.
        replaces: pairs of a place in ``testbed.store`` and a function in ``testbed.defects``.
        edge_variable: for a fault of the edge, the balancer variable that causes it.
    """

    name: str
    breaks: str
    replaces: tuple[tuple[str, str], ...] = ()
    edge_variable: str = ""


FAULTS = (
    Fault("health.database_down", "the health check cannot see the database",
          (("health:database_state", "platform:database_down"),)),
    Fault("health.wrong_version", "another version is served than was shipped",
          (("health:build", "platform:older_build"),)),
    Fault("health.old_schema", "the newest migration was never applied",
          (("health:schema_version", "platform:schema_before_migration"),)),
    Fault("frontend.script_error", "the shop's script throws before it shows anything",
          (("app:page_file", "platform:page_with_broken_script"),)),
    Fault("frontend.search_dead", "the search form does nothing",
          (("app:page_file", "platform:page_without_search"),)),
    Fault("metrics.missing", "payments are no longer exported",
          (("metrics:exposition", "platform:exposition_without_payments"),)),
    Fault("metrics.frozen", "requests are no longer counted",
          (("metrics:observe_request", "platform:observe_nothing"),)),
    Fault("auth.any_password", "log-in accepts any password",
          (("auth:password_matches", "identity:any_password"),)),
    Fault("catalogue.stale", "the product list shows last week's prices",
          (("catalogue:public_product", "shop:last_weeks_product"),)),
    Fault("search.slow", "search takes seconds",
          (("search:search_page", "shop:slow_search_page"),)),
    Fault("search.http_500", "search answers 500",
          (("search:search_page", "shop:search_fails"),)),
    Fault("search.any_word", "search returns products that lack a word of the query",
          (("search:matching", "shop:matching_any_word"),)),
    Fault("cart.forgets", "what is put into the cart is not kept",
          (("cart:put", "shop:put_nothing"),)),
    Fault("orders.http_500", "placing an order answers 500",
          (("orders:create", "shop:create_fails"),)),
    Fault("orders.total_wrong", "an order's total ignores quantities",
          (("orders:order_total", "shop:total_without_quantities"),)),
    Fault("orders.stock_kept", "an order does not take from the stock",
          (("orders:take_one", "shop:take_nothing"),)),
    Fault("payments.declined", "every card is declined",
          (("gateway:charge", "shop:declines_everything"),)),
    Fault("payments.order_unpaid", "a captured payment leaves its order unpaid",
          (("payments:order_paid", "shop:order_stays_unpaid"),)),
    Fault("realtime.refused", "WebSockets are closed at once",
          (("realtime:greet", "shop:refuse_socket"),)),
    Fault("realtime.silent", "WebSockets stay open and say nothing",
          (("realtime:Hub.hand_out", "shop:hand_out_nothing"),)),
    Fault("edge.no_redirect", "the edge serves plain HTTP", edge_variable="no_redirect"),
    Fault("edge.swapped", "the edge mixes up the colours", edge_variable="swapped"),
)  # fmt: skip


def named(name: str) -> Fault:
    """The fault with this name.

    Raises:
        TestbedError: with the nearest name.
    """
    known = {fault.name: fault for fault in FAULTS}
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise TestbedError(f"no fault {name!r}{hint} `fault list` shows them all")
    return known[name]
