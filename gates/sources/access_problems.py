"""Says why an HTTP request failed, and which key of which target file must be corrected."""

import ssl
from http.client import HTTPException

from gates.model import Access

UNAUTHORIZED, FORBIDDEN, PROXY_LOGIN, BAD_REQUEST = 401, 403, 407, 400
REDIRECTS = (301, 302, 303, 307, 308)
MAX_TEXT = 120
SPEAKS_HTTPS = b"HTTP request to an HTTPS server"
# OpenSSL's names of the alerts with which a server refuses a client's certificate.
CERTIFICATE_ALERTS = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNKNOWN_CA",
    "CERTIFICATE_UNKNOWN",
    "CERTIFICATE_EXPIRED",
    "ACCESS_DENIED",
    "HANDSHAKE_FAILURE",
    "UNSUPPORTED_CERTIFICATE",
)
NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
LOGIN_KEYS = ("token", "credentials", "headers", "secret_headers")


def unset_problem(access: Access) -> str:
    """Return a sentence about the unset environment variables of an access; empty for none."""
    return "; ".join(
        f"the environment variable {variable} is not set; set the variable that "
        f"{access.key(key)} names"
        for key, variable in access.unset
    )


def status_problem(status: int, body: bytes, location: str, access: Access) -> str:
    """Return why a response means that the gate has no access; empty for any other response.

    Args:
        status: the HTTP status of the response.
        body: the body of the response.
        location: the Location header of the response; may be empty.
        access: the access with which the request was sent.
    """
    if not access.table:
        return ""
    problem = ""
    if status in (UNAUTHORIZED, FORBIDDEN):
        problem = _refusal(status, access)
    elif status == PROXY_LOGIN:
        problem = (
            "the system's proxy wants a log-in; correct the address of the proxy, or "
            f"{access.key('proxy')}"
        )
    elif status in REDIRECTS:
        where = location.partition("?")[0][:MAX_TEXT]
        problem = (
            f"the response leads to {where!r}, and redirects are not followed; correct "
            f"{_address(access)}; if {where!r} is a login page, set {_login_keys(access)}"
        )
    elif status == BAD_REQUEST and SPEAKS_HTTPS in body:
        problem = f"the server speaks TLS; {_address(access)} must begin with https://"
    return f"status {status}: {problem}" if problem else ""


def _refusal(status: int, access: Access) -> str:
    """Why the server refused the request, and the keys to set or to correct."""
    used = _login_of(access)
    if not used or (status == UNAUTHORIZED and not access.variables):
        advice = f"; or correct {used}, if the server refused this log-in" if used else ""
        return f"the server wants a log-in or a tenant; set {_login_keys(access)}{advice}"
    problem = (
        "the server refuses the log-in"
        if status == UNAUTHORIZED
        else ("this log-in has no permission to read this address")
    )
    return f"{problem}; correct {used}"


def _login_keys(access: Access) -> str:
    return f"{access.key('token')}, credentials, headers or secret_headers"


def _login_of(access: Access) -> str:
    """Return the keys of the present log-in, with the environment variables of their values."""
    variables = [f"{access.key(key)} (variable {name})" for key, name in access.variables]
    if access.headers:
        variables.append(access.key("headers"))
    if access.certificate_file:
        variables.append(access.key("certificate_file"))
    return ", ".join(variables)


def _address(access: Access) -> str:
    file = access.table.partition(": ")[0]
    return f"{access.address_key} in {file}"


def exchange_problem(error: Exception, access: Access, *, is_tls: bool) -> str:
    """Return why a request got no response, and which key of the target file to correct.

    Args:
        error: the error that ended the request.
        access: the access with which the request was sent.
        is_tls: whether the address of the request begins with https.
    """
    if isinstance(error, ssl.SSLError):
        is_refused = isinstance(error, ssl.SSLCertVerificationError)
        return _verification_problem(error, access) if is_refused else _tls_problem(error, access)
    plain = getattr(error, "strerror", None) or type(error).__name__
    if "Tunnel connection failed" in str(error):
        return f"the system's proxy failed: {error!s:.120}; correct {access.key('proxy')}"
    if isinstance(error, ValueError):
        return f"a header has characters that HTTP cannot send; correct {access.table}"
    is_cut = isinstance(error, (ConnectionError, HTTPException))
    if not access.table or not is_cut or isinstance(error, ConnectionRefusedError):
        return plain
    return f"{plain}{_advice_on_tls(access, is_tls=is_tls)}"


def _advice_on_tls(access: Access, *, is_tls: bool) -> str:
    """The likely correction where a server ends the connection without a response."""
    if not is_tls:
        return f"; if the server speaks TLS, {_address(access)} must begin with https://"
    if access.certificate_file:
        return ""
    return f"; if the server wants a client certificate, {_certificate(access)}"


def _certificate(access: Access) -> str:
    return f"set {access.key('certificate_file')} and key_file"


def _verification_problem(error: ssl.SSLError, access: Access) -> str:
    reason = str(getattr(error, "verify_message", error))[:MAX_TEXT]
    problem = f"TLS: the server's certificate is not accepted: {reason}"
    if not access.table:
        return problem
    if "ostname mismatch" in reason or "IP address mismatch" in reason:
        return f"{problem}; use a host name of the certificate in {_address(access)}"
    if "expired" in reason or "not yet valid" in reason:
        return f"{problem}; the server needs a new certificate, or a clock is wrong"
    return f"{problem}; set {access.key('ca_file')} to the file of the server's CA"


def _tls_problem(error: ssl.SSLError, access: Access) -> str:
    reason = str(error.reason or type(error).__name__)
    problem = f"TLS: {reason.replace('_', ' ').lower()[:MAX_TEXT]}"
    if not access.table:
        return problem
    if reason in NO_TLS:
        return f"{problem}: the server speaks no TLS; {_address(access)} must begin with http://"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        problem = f"TLS: the server ended the connection{_advice_on_tls(access, is_tls=True)}"
    elif any(alert in reason for alert in CERTIFICATE_ALERTS):
        if access.certificate_file:
            key = access.key("certificate_file")
            return f"{problem}: the server probably refuses the client certificate; check {key}"
        return f"{problem}: the server probably wants a client certificate; {_certificate(access)}"
    return problem
