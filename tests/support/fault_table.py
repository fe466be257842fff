"""Which fault must turn which checks red, and no others."""

from fault_table_careless import REDDENS_CARELESS
from fault_table_contract import REDDENS_CONTRACT
from fault_table_data import REDDENS_DATA
from fault_table_monitoring import REDDENS_MONITORING
from fault_table_operations import REDDENS_OPERATIONS
from fault_table_regressions import REDDENS_REGRESSIONS, REDDENS_TOO

REDDENS: dict[str, frozenset[str]] = (
    {
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
            "database.slow": "consistency.metrics performance.database",
            "cache.at_once": "performance.cache",
            "cache.miscounted": "performance.cache",
            "payments.slow": "performance.payment",
            "achievements.slow": "performance.api",
            "achievements.fails": "gamification.achievements performance.api",
            "database.unobserved": "performance.database",
            "auth.any_password": "smoke.login",
            "auth.everybody_staff": "smoke.login",
            "session.refresh_reusable": "mobile.session",
            "session.logout_kept": "mobile.session realtime.delivery",
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
            "roles.equals_manage": "security.access.ranks access.roles.hierarchy",
            "roles.one_higher": "access.permissions.grant access.roles.hierarchy",
            "roles.not_stored": "access.roles.hierarchy",
            "twofa.any_code": "access.twofa.totp",
            "twofa.two_steps": "access.twofa.totp",
            "twofa.replay": "access.twofa.totp",
            "twofa.backup_of_anybody": "access.twofa.totp",
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
            "catalogue.stale": "mobile.catalogue search.saved search.text smoke.catalogue",
            "catalogue.always_in_stock": "mobile.catalogue search.saved search.text",
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
                "performance.payment "
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
            "methods.number_digest": "payments.methods",
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
            "search.case": "search.autocomplete search.facets search.text",
            "search.bounds_excluded": "search.text",
            "search.no_maximum": "search.saved search.text",
            "autocomplete.http_500": "search.autocomplete",
            "autocomplete.by_name": "search.autocomplete",
            "autocomplete.anywhere": "search.autocomplete",
            "facets.bands_shifted": "search.facets",
            "facets.category_lost": "search.facets",
            "saved.of_anybody": "security.access.methods search.saved",
            "cache.for_ever": "search.saved",
            "nosql.log_in": "security.injection.nosql",
            "nosql.query": "security.injection.nosql",
            "nosql.pattern": "security.injection.nosql",
            "sql.error": "security.injection.sql",
            "sql.condition": "security.injection.sql",
            "sql.unheard": "security.injection.sql",
            "shell.shown": "security.injection.command",
            "shell.unheard": "security.injection.command",
            "template.name": "security.injection.command",
            "header.echoed": "security.injection.lines",
            "log.raw": "security.injection.lines",
            "files.by_address": "security.injection.traversal",
            "files.by_category": "security.injection.traversal",
            "xss.product": "security.headers security.xss",
            "xss.greeting": "security.headers security.xss",
            "xss.query": "security.headers security.xss",
            "xss.fragment": "security.headers security.xss",
            "xss.path": "security.xss",
            "csp.inline": "security.headers",
            "csp.missing": "security.headers",
            "headers.no_hsts": "security.headers",
            "headers.sniffed": "security.headers",
            "headers.framed": "security.headers",
            "headers.referrer": "security.headers",
            "headers.cached": "security.headers",
            "tokens.unsigned": "security.auth.tokens",
            "tokens.unverified": "security.auth.tokens",
            "tokens.weak_key": "security.auth.tokens",
            "tokens.brought_key": "security.auth.tokens",
            "tokens.expired": "security.auth.tokens",
            "tokens.leeway": "security.auth.tokens",
            "tokens.early": "security.auth.tokens",
            "tokens.issuer": "security.auth.tokens",
            "tokens.audience": "security.auth.tokens",
            "tokens.in_address": "security.api_keys",
            "tokens.any_scheme": "security.auth.tokens",
            "session.after_password": "security.auth.sessions",
            "session.chosen": "security.auth.fixation",
            "auth.unknown_told": "security.auth.enumeration",
            "auth.unknown_quick": "security.auth.enumeration",
            "auth.no_lock": "security.auth.guessing",
            "auth.locked_for_ever": "security.auth.guessing",
            "twofa.admins_exempt": "security.twofa.admins",
            "twofa.challenge_opens": "security.twofa.admins",
            "users.for_everybody": "security.access.matrix security.log",
            "roles.for_managers": "security.access.matrix",
            "leaders.for_everybody": "security.access.matrix security.auth.required",
            "orders.told": "security.access.matrix security.access.objects",
            "fields.any": "security.access.fields",
            "cookie.session": "security.csrf",
            "cookie.bare": "security.csrf",
            "cors.any": "security.cors",
            "cors.null": "security.cors",
            "cors.alike": "security.cors",
            "errors.trace": "security.input",
            "errors.query": "security.input",
            "errors.version": "security.input",
            "input.unguarded": "security.input",
            "input.numbers": "security.input security.input.bounds",
            "input.longer": "security.input.bounds",
            "tls.expires": "security.tls",
            "input.size": "security.input",
            "rate.tenfold": "security.rate.limit",
            "rate.one_more": "security.rate.limit",
            "rate.told_wrong": "security.rate.limit",
            "rate.forwarded": "security.rate.bypass",
            "rate.mapped": "security.rate.bypass",
            "rate.standard": "security.rate.bypass",
            "rate.unsigned": "security.rate.bypass",
            "rate.searches": "security.rate.bypass",
            "passwords.cheap": "security.passwords.stored",
            "passwords.kept": "security.passwords.stored",
            "passwords.rehashed": "security.auth.tokens security.passwords",
            "secrets.in_script": "security.secrets",
            "secrets.hidden_files": "security.secrets",
            "secrets.users": "security.secrets",
            "log.silent": "security.log",
            "log.forbidden_lost": "security.log",
            "log.tokens": "security.log",
            "ports.debug": "security.ports",
            "roles.revoked_upwards": "security.access.ranks",
            "methods.pay_for_anybody": "security.access.methods",
            "rate.by_token": "security.rate.bypass",
            "sms.uncounted": "security.twofa.admins access.twofa.sms",
            "tokens.year": "security.auth.tokens",
            "cors.payments": "security.cors",
            "errors.header": "security.input",
            "headers.cached_log_in": "security.headers",
            "csp.doubled": "security.headers",
            "log.typed": "security.log",
            "auth.unknown_never_locked": "security.auth.enumeration",
            "auth.inactive_quick": "security.auth.enumeration",
            "edge.no_redirect": "security.tls smoke.edge_redirect",
            "edge.path_lost": "security.tls smoke.edge_redirect",
            "edge.swapped": "smoke.edge_tls",
        }.items()
    }
    | REDDENS_MONITORING
    | REDDENS_OPERATIONS
    | REDDENS_DATA
    | REDDENS_REGRESSIONS
    | REDDENS_CARELESS
    | REDDENS_CONTRACT
)
for _name, _checks in REDDENS_TOO.items():
    REDDENS[_name] |= frozenset(_checks.split())

# Faults that only a load run shows, and the limits it breaks.
UNDER_LOAD: dict[str, frozenset[str]] = {
    name: frozenset(limits.split())
    for name, limits in {
        "requests.some_fail": "requests_failed",
        "requests.hang": "requests_done requests_failed longest_gap_seconds p95-total",
        "search.tail": "p95-search",
        "memory.leak": "growth_of_memory",
        "latency.growing": "growth_of_latency",
    }.items()
}

# How a rehearsal ends with a fault switched on at a share, in percent: its exit codes, and the
# share green has then. None: where it was.
STOPPED: dict[str, tuple[int, tuple[int, ...], float | None]] = {
    "requests.all_fail": (40, (4,), 0.0),
    "requests.twentieth_fails": (40, (1, 4), 0.0),
    "requests.rising_failures": (40, (1, 4), 0.0),
    "requests.fail_when_busy": (60, (1, 4), 0.0),
    "requests.slow": (40, (1,), 0.0),
    "search.slow": (40, (1,), 0.0),
    "payments.gateway_down": (40, (1, 4), 0.0),
    "payments.declined": (40, (1, 4), 0.0),
    "requests.all_refused": (40, (1, 4), 0.0),
    "process.crashing": (40, (1,), 0.0),
    "health.wrong_version": (40, (1,), 0.0),
    "metrics.gone": (40, (3,), None),
    # The database loses an update: only the invariants show it.
    "stock.lost_update": (40, (4,), 0.0),
}
