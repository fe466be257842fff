"""Faults of the sort that teams ship: on other data, at the same moment, in time, in what is read.

The author of these faults knew the contract and the guide, and none of the checks.
"""

from testbed.faults.fault import Fault

# The formatter is off here, so that each row of the table stays on one line.
SHIPPED: tuple[Fault, ...] = (
    Fault("payments.others_failed", "wrong value", "a captured payment ends other pending payments",
          (("payments:store_outcome", "shipped:store_outcome_and_fail_others"),)),
    Fault("points.again_at_delivery", "wrong time", "a delivery awards earned points again",
          (("courier:deliver", "shipped:deliver_and_award_again"),)),
    Fault("methods.twin_replaced", "lost update", "a card replaces a card of the same last digits",
          (("payments:save_method", "shipped:save_method_over_twin"),)),
    Fault("twofa.failures_race", "lost update", "wrong codes at the same moment count as one",
          (("twofa:count_failure", "shipped:look_then_count_failure"),)),
    Fault("search.answers_shared", "wrong person", "searches at the same moment get one answer",
          (("cache:Cache.get", "shipped:get_shared_computation"),)),
    Fault("auth.role_undone", "lost update", "a new password undoes a role of the same moment",
          (("auth:change_password", "shipped:change_password_of_whole_user"),)),
    Fault("orders.client_ids_shared", "wrong person", "another shopper's order counts as repeated",
          (("orders:placed_before", "shipped:placed_before_by_anybody"),)),
    Fault("catalogue.ties_skipped", "off by one", "products of equal price are missing from pages",
          (("catalogue:product_page", "shipped:product_page_above_last_price"),)),
    Fault("frontend.kept_replaced", "lost update", "the shop keeps only the last offline order",
          (("app:page_content", "shipped:page_that_keeps_last_change"),)),
    Fault("frontend.kept_forgotten", "missing effect", "offline orders are deleted, then sent",
          (("app:page_content", "shipped:page_that_forgets_first"),)),
    Fault("realtime.one_behind", "wrong time", "an event is sent when the next event happens",
          (("realtime:Hub.hand_out", "shipped:hand_out_with_next"),)),
    Fault("leaderboard.spent_later", "wrong time", "a shopper who spends points loses a tie",
          (("loyalty:spend", "shipped:spend_and_date"),)),
    Fault("rate.fixed_window", "wrong time", "the rate limit begins anew with each minute",
          (("limits:RateLimit.retry_after", "shipped:retry_after_by_minute"),)),
    Fault("health.connected_once", "wrong value", "a lost database is reported as up",
          (("health:database_state", "shipped:state_of_first_connection"),
           ("health:schema_version", "shipped:schema_version_of_last_look"))),
    Fault("metrics.repeats_counted", "wrong value", "a repeated order is counted as a new order",
          (("orders:placed_before", "shipped:placed_before_and_counted"),)),
    Fault("sms.codes_of_minute", "accepted forgery", "everybody gets the same code in a minute",
          (("twofa:secrets", "shipped:ClockSecrets"),)),
)  # a table, two lines a row # fmt: skip
