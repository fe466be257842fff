"""Which fault of the data must turn which checks of the platform suite red, and no others."""

INTEGRITY, DATABASE = "platform.integrity.", "platform.database."
# Names of checks of integrity; a slash is before names of the other checks of the database.
ROWS: dict[str, str] = {
    "data.order_without_items": "order_items order_totals stock_taken /same_view",
    "data.order_fee": "order_totals",
    "data.order_of_nobody": "order_users",
    "data.order_of_nothing": "order_products stock_taken",
    "data.line_total": "order_lines",
    "data.order_lost": "orders_acknowledged stock_taken",
    "data.order_dearer": "/same_view",
    "stock.lost_update": "stock_balance",
    "stock.taken_twice": "stock_taken",
    "stock.below_zero": "stock_not_negative",
    "data.payment_of_nobody": "payment_orders",
    "data.payment_less": "payment_amounts",
    "data.payment_lost": "order_payments orders_acknowledged",
    "data.capture_lost": "order_payments",
    "data.status_kept": "payment_effects achievements event_status",
    "data.delivery_lost": "event_status",
    "data.event_of_nothing": "event_orders event_numbers",
    "data.event_gap": "event_numbers",
    "data.points_of_nothing": "points_orders",
    "data.points_one_more": "points_amounts points_balances points_lifetime",
    "data.points_lost": "points_balances points_lifetime",
    "data.points_doubled": "points_lifetime",
    "data.points_below_zero": "points_not_negative",
    "data.achievements_given": "achievements",
    "data.cart_of_nobody": "carts",
    "data.session_kept": "sessions",
    "data.method_kept": "saved_methods",
    "data.permission_kept": "permissions",
    "data.device_kept": "second_factors",
    "database.orders_index_lost": "order_once /indexes",
    "database.open_payments_index_lost": "payment_once /indexes",
    "database.payments_index_lost": "/indexes",
    "database.collection_read": "/indexes /query_plans",
    "database.record_late": "/migrations",
    "database.record_lost": "/migrations /migrations_again",
    "database.migration_again": "payment_orders /migrations /migrations_again /snapshot",
    "database.price_text": "/validate /same_view",
    "database.not_validated": "/validate",
    "database.replication_hidden": "/replication",
}
REDDENS_DATA = {
    name: frozenset(
        DATABASE + check.removeprefix("/") if check.startswith("/") else INTEGRITY + check
        for check in checks.split()
    )
    for name, checks in ROWS.items()
}
