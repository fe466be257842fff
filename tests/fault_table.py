"""Which fault must turn which checks red, and no others."""

REDDENS: dict[str, frozenset[str]] = {
    name: frozenset(checks.split())
    for name, checks in {
        "health.database_down": "smoke.edge_tls smoke.health smoke.migrations",
        "health.wrong_version": "smoke.version",
        "health.wrong_digest": "smoke.version",
        "health.wrong_deployment": "smoke.edge_tls smoke.health",
        "health.old_schema": "smoke.migrations",
        "frontend.script_error": "mobile.sync smoke.frontend_products smoke.frontend_search",
        "frontend.search_dead": "smoke.frontend_search",
        "frontend.style_missing": "smoke.frontend_products smoke.frontend_search",
        "metrics.missing": "smoke.metrics_present",
        "metrics.frozen": "smoke.metrics_moving",
        "metrics.wrong_deployment": "smoke.metrics_moving smoke.metrics_present",
        "database.slow": "performance.database",
        "database.unobserved": "performance.database",
        "auth.any_password": "smoke.login",
        "auth.everybody_staff": "smoke.login",
        "session.refresh_reusable": "mobile.session",
        "session.logout_kept": "mobile.session",
        "session.inactive_user": "mobile.session",
        "access.grant_lost": "access.permissions.grant access.permissions.revoke",
        "access.grant_to_oneself": "access.permissions.grant access.permissions.revoke",
        "access.any_grant": "access.permissions.grant access.permissions.revoke",
        "access.nobody_may": (
            "access.audit access.permissions.grant access.permissions.revoke "
            "access.resources access.roles.hierarchy performance.permission_check"
        ),
        "access.remembered": "access.permissions.grant access.permissions.revoke",
        "access.slow": "performance.permission_check",
        "access.revoke_lost": "access.permissions.revoke",
        "access.revoke_all": "access.permissions.revoke",
        "roles.equals_manage": "access.roles.hierarchy",
        "roles.one_higher": "access.permissions.grant access.roles.hierarchy",
        "roles.not_stored": "access.roles.hierarchy",
        "twofa.any_code": "access.twofa.totp",
        "twofa.two_steps": "access.twofa.totp",
        "twofa.replay": "access.twofa.totp",
        "twofa.backup_reusable": "access.twofa.totp",
        "twofa.no_lock": "access.twofa.sms access.twofa.totp",
        "sms.day_long": "access.twofa.sms",
        "sms.minute_short": "access.twofa.sms",
        "sms.number_shown": "access.twofa.sms",
        "sms.reusable": "access.twofa.sms",
        "audit.lost": "access.audit payments.methods",
        "audit.wrong_actor": "access.audit",
        "audit.overwritten": "access.audit",
        "resources.any_level": "access.resources",
        "resources.any_resource": "access.resources",
        "catalogue.stale": "mobile.catalogue search.text smoke.catalogue",
        "catalogue.always_in_stock": "mobile.catalogue",
        "catalogue.one_more": "mobile.catalogue search.facets smoke.catalogue",
        "catalogue.pages_overlap": "mobile.catalogue search.text",
        "catalogue.any_category": "mobile.catalogue",
        "catalogue.slow": "performance.search",
        "cart.forgets": "mobile.cart mobile.sync smoke.cart smoke.order",
        "cart.beyond_stock": "mobile.cart",
        "cart.shared": "mobile.cart mobile.sync",
        "cart.whole_rupees": (
            "mobile.cart mobile.order smoke.cart smoke.order smoke.order_stored smoke.payment"
        ),
        "orders.http_500": (
            "gamification.achievements gamification.earn gamification.leaderboard "
            "gamification.redeem mobile.order mobile.realtime.order_announced mobile.sync "
            "payments.card payments.methods payments.upi payments.webhook.signature "
            "performance.order realtime.delivery smoke.order smoke.order_stored "
            "smoke.payment smoke.realtime"
        ),
        "orders.total_wrong": (
            "gamification.earn gamification.leaderboard mobile.order mobile.sync "
            "payments.card smoke.order smoke.order_stored smoke.payment"
        ),
        "orders.stock_kept": "mobile.order performance.order smoke.order",
        "orders.oversold": "performance.order",
        "orders.stock_lost": "mobile.order",
        "orders.not_recognised": "mobile.order",
        "orders.of_anybody": "gamification.earn mobile.order payments.card",
        "orders.slow": "performance.order",
        "payments.declined": (
            "gamification.achievements gamification.earn gamification.leaderboard "
            "gamification.redeem payments.card payments.methods payments.webhook.signature "
            "realtime.delivery smoke.payment smoke.realtime"
        ),
        "payments.captured": "payments.card",
        "payments.order_unpaid": (
            "gamification.achievements gamification.earn gamification.leaderboard "
            "gamification.redeem payments.card payments.upi realtime.delivery smoke.payment "
            "smoke.realtime"
        ),
        "payments.any_amount": "payments.card",
        "payments.less_will_do": "payments.card",
        "payments.twice": "payments.card payments.upi smoke.payment",
        "payments.any_number": "payments.card",
        "upi.any_address": "payments.upi",
        "upi.at_once": "payments.upi payments.webhook.signature",
        "webhook.any_signature": "payments.webhook.signature",
        "webhook.half_signature": "payments.webhook.signature",
        "webhook.parsed_body": "payments.webhook.signature",
        "webhook.replayed": "payments.webhook.signature",
        "methods.number_stored": "payments.methods",
        "methods.number_logged": "payments.methods",
        "methods.of_everybody": "payments.methods",
        "points.rounded_up": "gamification.earn",
        "points.unpaid": "gamification.achievements gamification.earn",
        "points.tier_late": "gamification.earn",
        "points.below_zero": "gamification.redeem",
        "points.spent_twice": "gamification.redeem",
        "points.lifetime_spent": "gamification.leaderboard gamification.redeem",
        "achievements.early": "gamification.achievements",
        "achievements.again": "gamification.achievements",
        "leaderboard.latest_first": "gamification.leaderboard",
        "leaderboard.upside_down": "gamification.leaderboard",
        "sync.replayed": "mobile.sync",
        "sync.stale_wins": "mobile.sync",
        "sync.last_first": "mobile.sync",
        "realtime.refused": "mobile.realtime.order_announced realtime.delivery smoke.realtime",
        "realtime.silent": "mobile.realtime.order_announced realtime.delivery smoke.realtime",
        "realtime.to_everybody": "mobile.realtime.order_announced realtime.delivery",
        "delivery.of_anybody": "realtime.delivery",
        "delivery.one_again": "realtime.delivery",
        "delivery.gap": "realtime.delivery",
        "events.one_ahead": "mobile.realtime.order_announced realtime.delivery",
        "search.slow": "performance.search search.facets search.saved search.text smoke.search",
        "search.http_500": (
            "performance.search search.facets search.saved search.text "
            "smoke.frontend_search smoke.search"
        ),
        "search.any_word": "search.text smoke.frontend_search smoke.search",
        "search.case": "search.autocomplete search.text",
        "search.bounds_excluded": "search.text",
        "search.no_maximum": "search.saved search.text",
        "autocomplete.http_500": "search.autocomplete",
        "autocomplete.by_name": "search.autocomplete",
        "autocomplete.anywhere": "search.autocomplete",
        "facets.bands_shifted": "search.facets",
        "facets.category_lost": "search.facets",
        "saved.of_anybody": "search.saved",
        "cache.for_ever": "search.saved",
        "edge.no_redirect": "smoke.edge_redirect",
        "edge.path_lost": "smoke.edge_redirect",
        "edge.swapped": "smoke.edge_tls",
    }.items()
}
