"""Which regression must turn which checks red, and which checks older faults redden, too."""

REDDENS_REGRESSIONS: dict[str, frozenset[str]] = {
    name: frozenset(checks.split())
    for name, checks in {
        "resources.revoked_for_all": "access.resources",
        "access.revoked_for_all": "access.audit access.permissions.revoke",
        "orders.cart_emptied": "mobile.order",
        "cart.read_writes": "mobile.cart mobile.order mobile.sync smoke.cart smoke.order",
        "points.read_writes": "gamification.earn",
        "points.by_item": "gamification.earn",
        "points.of_all_dated": (
            "consistency.points_at_once consistency.sockets gamification.achievements "
            "gamification.earn gamification.leaderboard gamification.redeem"
        ),
        "payments.decline_cancels": "payments.card",
        "payments.newest_shown": "payments.card",
        "facets.unlisted": "search.facets",
        "facets.of_a_page": "search.facets",
        "autocomplete.unlisted": "search.autocomplete",
        "webhook.race": "consistency.payments_at_once",
        "webhook.settled_again": "consistency.payments_at_once",
        "auth.lock_by_run": "consistency.sign_ins_at_once",
        "sync.race": "consistency.sync_at_once",
        "session.refresh_race": "consistency.sign_ins_at_once",
        "twofa.backup_race": "consistency.codes_at_once",
        "twofa.totp_race": "consistency.codes_at_once",
        "sms.race": "consistency.codes_at_once",
        "cart.race": "consistency.carts_at_once",
        "points.earn_race": "consistency.points_at_once",
        "orders.answers_mixed": "consistency.orders_at_once",
        "session.answers_mixed": "consistency.sign_ins_at_once",
        "sync.by_clock": "mobile.sync",
        "leaderboard.by_id": "gamification.leaderboard",
        "audit.by_action": "access.audit",
        "orders.local_time": (
            "gamification.achievements gamification.earn gamification.leaderboard "
            "gamification.redeem mobile.order mobile.realtime.order_announced mobile.sync "
            "payments.card payments.methods payments.upi payments.webhook.signature "
            "performance.order realtime.delivery smoke.order smoke.order_stored "
            "smoke.payment smoke.realtime performance.payment consistency.identifiers "
            "consistency.metrics consistency.orders_at_once consistency.payments_at_once "
            "consistency.points_at_once consistency.sockets consistency.sync_at_once"
        ),
        "orders.present_time": "mobile.order",
        "events.in_the_future": (
            "consistency.sockets mobile.realtime.order_announced realtime.delivery smoke.realtime"
        ),
        "events.present_time": "realtime.delivery",
        "achievements.a_day_ago": "gamification.achievements",
        "realtime.again_later": "consistency.sockets",
        "realtime.hangs_up": "consistency.sockets",
        "realtime.closed_for_all": "consistency.sockets",
        "session.never_expires": "consistency.expiry",
        "session.of_ten_months": "consistency.expiry",
        "payments.any_parameter": "security.access.fields",
        "twofa.lock_short": "consistency.expiry",
        "metrics.created_as_ok": "consistency.metrics",
        "metrics.points_twice": "consistency.metrics",
        "metrics.failures_lost": "consistency.metrics",
        "metrics.declined_as_failed": "consistency.metrics",
        "metrics.value_in_rupees": "consistency.metrics",
        "log.texted_codes": "consistency.logs",
        "log.refresh_tokens": "consistency.logs",
        "orders.ids_of_time": "consistency.identifiers",
        "tokens.of_time": "consistency.identifiers",
        # The faults of ``testbed/faults/shipped.py``.
        "payments.others_failed": "consistency.payments_at_once",
        "points.again_at_delivery": "consistency.sockets",
        "methods.twin_replaced": "payments.methods",
        "twofa.failures_race": "consistency.codes_at_once",
        "search.answers_shared": "consistency.reads_at_once",
        "auth.role_undone": "consistency.changes_at_once",
        "orders.client_ids_shared": (
            "mobile.realtime.order_announced payments.card payments.methods payments.upi "
            "payments.webhook.signature realtime.delivery"
        ),
        "catalogue.ties_skipped": "mobile.catalogue search.text smoke.catalogue",
        "frontend.kept_replaced": "mobile.sync",
        "frontend.kept_forgotten": "mobile.sync",
        "realtime.one_behind": (
            "consistency.sockets consistency.web_shop mobile.realtime.order_announced"
        ),
        "leaderboard.spent_later": "consistency.points_at_once gamification.leaderboard",
        "rate.fixed_window": "security.rate.limit",
        "metrics.repeats_counted": "consistency.metrics",
        "sms.codes_of_minute": "consistency.identifiers",
    }.items()
}

# No suite may stop a database: tests/testbed/test_lost_dependency.py shows these faults.
SHOWN_BY_A_LOST_DATABASE = frozenset({"health.connected_once"})

# What these checks see depends on the order of requests that overlap. So they run with the fault,
# but are neither required to fail nor required to pass.
SOMETIMES: dict[str, frozenset[str]] = {
    "achievements.again": frozenset({"realtime.delivery"}),
    # The first check of a run that places an order gets its own order.
    "orders.client_ids_shared": frozenset(
        {
            "gamification.achievements",
            "gamification.earn",
            "gamification.leaderboard",
            "gamification.redeem",
        }
    ),
    "realtime.again_later": frozenset({"realtime.delivery"}),
    "realtime.closed_for_all": frozenset({"realtime.delivery"}),
}

# What the checks of consistency, and the comparison with the declared effects, see of older faults.
REDDENS_TOO: dict[str, str] = {
    "roles.not_stored": "consistency.changes_at_once",
    "search.http_500": "consistency.reads_at_once",
    "autocomplete.http_500": "consistency.reads_at_once",
    "access.grant_to_oneself": "access.audit access.roles.hierarchy",
    "achievements.again": "consistency.payments_at_once gamification.earn",
    "audit.lost": (
        "access.permissions.grant access.permissions.revoke access.resources "
        "access.roles.hierarchy access.twofa.totp consistency.changes_at_once "
        "consistency.identifiers consistency.logs"
    ),
    "audit.overwritten": (
        "access.permissions.revoke access.resources access.roles.hierarchy access.twofa.totp "
        "consistency.changes_at_once consistency.identifiers consistency.logs payments.methods"
    ),
    "audit.wrong_actor": (
        "access.permissions.grant access.permissions.revoke access.resources access.roles.hierarchy"
    ),
    "auth.any_password": ("consistency.logs consistency.metrics consistency.sign_ins_at_once"),
    "auth.no_lock": "consistency.sign_ins_at_once",
    "cart.forgets": "consistency.carts_at_once mobile.order",
    "cart.shared": "consistency.carts_at_once consistency.web_shop",
    "cart.whole_rupees": (
        "consistency.carts_of_several consistency.sync_at_once gamification.earn"
    ),
    "database.open_payments_index_lost": "consistency.payments_at_once smoke.payment",
    "database.orders_index_lost": "consistency.orders_at_once",
    "events.one_ahead": "consistency.sockets",
    "methods.number_logged": "consistency.logs",
    "metrics.frozen": "consistency.metrics",
    "metrics.missing": "consistency.metrics",
    "orders.http_500": (
        "consistency.identifiers consistency.metrics consistency.orders_at_once "
        "consistency.payments_at_once consistency.points_at_once consistency.sockets "
        "consistency.sync_at_once"
    ),
    "orders.not_recognised": "consistency.orders_at_once consistency.orders_kept",
    "orders.stock_kept": "consistency.orders_at_once",
    "orders.total_wrong": (
        "consistency.metrics consistency.orders_at_once consistency.sync_at_once"
    ),
    "passwords.kept": "consistency.changes_at_once",
    "payments.captured": "consistency.metrics",
    "payments.declined": (
        "consistency.metrics consistency.orders_kept consistency.payments_at_once "
        "consistency.points_at_once consistency.sockets"
    ),
    "payments.order_unpaid": (
        "consistency.metrics consistency.payments_at_once consistency.points_at_once "
        "consistency.sockets payments.methods payments.webhook.signature"
    ),
    "payments.twice": "consistency.payments_at_once consistency.sockets",
    "points.below_zero": "consistency.points_at_once",
    "points.lifetime_spent": "consistency.points_at_once gamification.earn",
    "points.spent_twice": "consistency.points_at_once",
    "realtime.refused": "consistency.sockets",
    "realtime.silent": "consistency.sockets",
    "realtime.to_everybody": "consistency.sockets",
    "session.refresh_reusable": "consistency.identifiers consistency.sign_ins_at_once",
    "sms.number_shown": "consistency.codes_at_once consistency.expiry consistency.logs",
    "sms.reusable": "consistency.codes_at_once consistency.expiry consistency.logs",
    "sync.replayed": "consistency.sync_at_once",
    "twofa.backup_reusable": "consistency.codes_at_once",
    "twofa.replay": "consistency.codes_at_once",
    "twofa.any_code": "consistency.codes_at_once",
    "twofa.no_lock": "consistency.codes_at_once consistency.expiry",
    "upi.at_once": ("consistency.identifiers consistency.metrics consistency.payments_at_once"),
    "webhook.replayed": "consistency.payments_at_once",
}
