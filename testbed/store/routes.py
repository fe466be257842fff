"""The store's routes: one line an operation, naming its handler and who may call it."""

from dataclasses import dataclass
from typing import Any

from testbed.store import access, auth, cart, loyalty, orders, payments, search, sync, twofa


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Args:
        method: HTTP method.
        path: path template.
        handler: module and function, looked up at each call.
        body: the type of the JSON body, or None.
        needs: ``public``, ``anyone`` (a session is read where there is one), ``user`` (any
            session), ``challenge`` (a session or a log-in waiting for its second step), or a
            permission.
        feature: the release feature the operation belongs to.
    """

    method: str
    path: str
    handler: str
    body: Any
    needs: str
    feature: str


_ACCESS = "/api/access"
_POINTS = "/api/gamification"

ROUTES = (
    Route("GET", "/api/health", "health:health", None, "public", "auth"),
    Route("POST", "/api/auth/login", "auth:login", auth.Credentials, "public", "auth"),
    Route("POST", "/api/auth/refresh", "auth:refresh", auth.Refresh, "public", "auth"),
    Route("POST", "/api/auth/logout", "auth:logout", None, "user", "auth"),
    Route(
        "POST", "/api/auth/password", "auth:change_password", auth.PasswordChange, "user", "access"
    ),
    Route(
        "POST",
        f"{_ACCESS}/permissions/grant",
        "access:grant",
        access.Grant,
        "permissions:manage",
        "access",
    ),
    Route(
        "POST",
        f"{_ACCESS}/permissions/revoke",
        "access:revoke",
        access.Grant,
        "permissions:manage",
        "access",
    ),
    Route(
        "POST", f"{_ACCESS}/permissions/check", "access:check", access.Question, "user", "access"
    ),
    Route("GET", "/api/admin/users", "access:list_users", None, "users:read", "access"),
    Route("GET", f"{_ACCESS}/roles", "access:list_roles", None, "roles:read", "access"),
    Route(
        "POST",
        f"{_ACCESS}/roles/assign",
        "access:assign_role",
        access.Assignment,
        "roles:assign",
        "access",
    ),
    Route("POST", f"{_ACCESS}/2fa/enable/totp", "twofa:enable_totp", None, "challenge", "access"),
    Route(
        "POST", f"{_ACCESS}/2fa/verify/totp", "twofa:verify_totp", twofa.Code, "challenge", "access"
    ),
    Route("POST", f"{_ACCESS}/2fa/send-sms", "twofa:send_sms", None, "challenge", "access"),
    Route(
        "POST", f"{_ACCESS}/2fa/verify-sms", "twofa:verify_sms", twofa.Code, "challenge", "access"
    ),
    Route("POST", f"{_ACCESS}/2fa/disable", "twofa:disable", twofa.Code, "user", "access"),
    Route(
        "GET", f"{_ACCESS}/audit/user/{{user_id}}", "audit:of_user", None, "audit:read", "access"
    ),
    Route(
        "POST",
        f"{_ACCESS}/resources/access/grant",
        "access:grant_resource",
        access.ResourceGrant,
        "resources:manage",
        "access",
    ),
    Route(
        "POST",
        f"{_ACCESS}/resources/access/revoke",
        "access:revoke_resource",
        access.ResourceRevocation,
        "resources:manage",
        "access",
    ),
    Route(
        "POST", "/api/payments/process", "payments:process", payments.Process, "user", "payments"
    ),
    Route(
        "POST",
        "/api/payments/methods/save",
        "payments:save_method",
        payments.SaveMethod,
        "user",
        "saved_methods",
    ),
    Route("GET", "/api/payments/methods", "payments:list_methods", None, "user", "saved_methods"),
    Route("GET", "/api/payments/{payment_id}", "payments:show", None, "user", "payments"),
    Route("POST", "/api/webhooks/payment", "payments:webhook", None, "public", "payments"),
    Route("POST", f"{_POINTS}/points/earn", "loyalty:earn", loyalty.Earn, "user", "gamification"),
    Route(
        "POST", f"{_POINTS}/points/redeem", "loyalty:redeem", loyalty.Redeem, "user", "gamification"
    ),
    Route("GET", f"{_POINTS}/points/balance", "loyalty:balance", None, "user", "gamification"),
    Route("GET", f"{_POINTS}/achievements", "loyalty:achievements", None, "user", "gamification"),
    Route(
        "GET", f"{_POINTS}/leaderboard/global", "loyalty:leaderboard", None, "user", "gamification"
    ),
    Route("GET", "/api/products", "catalogue:list_products", None, "public", "catalogue"),
    Route("GET", "/api/cart", "cart:show", None, "user", "cart"),
    Route("POST", "/api/cart", "cart:add", cart.AddItem, "user", "cart"),
    Route("DELETE", "/api/cart", "cart:clear", None, "user", "cart"),
    Route("POST", "/api/orders", "orders:place", orders.PlaceOrder, "user", "orders"),
    Route("GET", "/api/orders/{order_id}", "orders:show", None, "user", "orders"),
    Route("POST", "/api/sync/offline", "sync:offline", sync.Batch, "user", "offline_sync"),
    Route("GET", "/api/search", "search:search", None, "anyone", "search"),
    Route(
        "GET", "/api/search/autocomplete", "search:autocomplete", None, "public", "advanced_search"
    ),
    Route("GET", "/api/search/facets", "search:facets", None, "public", "advanced_search"),
    Route("GET", "/api/search/saved", "search:list_saved", None, "user", "advanced_search"),
    Route("POST", "/api/search/saved", "search:save", search.SaveSearch, "user", "advanced_search"),
)
