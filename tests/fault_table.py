"""Which fault must turn which checks red, and no others."""

REDDENS: dict[str, frozenset[str]] = {
    name: frozenset(f"smoke.{check}" for check in checks.split())
    for name, checks in {
        "health.database_down": "health migrations edge_tls",
        "health.wrong_version": "version",
        "health.old_schema": "migrations",
        "frontend.script_error": "frontend_products frontend_search",
        "frontend.search_dead": "frontend_search",
        "metrics.missing": "metrics_present",
        "metrics.frozen": "metrics_moving",
        "auth.any_password": "login",
        "catalogue.stale": "catalogue",
        "search.slow": "search",
        "search.http_500": "search frontend_search",
        "search.any_word": "search frontend_search",
        "cart.forgets": "cart order",
        "orders.http_500": "order payment order_stored realtime",
        "orders.total_wrong": "order payment order_stored",
        "orders.stock_kept": "order",
        "payments.declined": "payment realtime",
        "payments.order_unpaid": "payment realtime",
        "realtime.refused": "realtime",
        "realtime.silent": "realtime",
        "edge.no_redirect": "edge_redirect",
        "edge.swapped": "edge_tls",
    }.items()
}
