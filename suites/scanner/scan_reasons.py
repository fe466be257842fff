"""The reasons why a scan cannot try some rules by HTTP with the given accounts."""

from collections.abc import Mapping

from suites.scanner.survey.service import Survey

# The rules that no scan from the outside can try.
NEEDS = {
    "log-injection": "the scan cannot read the service's log",
    "xss-dom": "the scan does not run the scripts of pages",
    "token-claims": "the scan has no signing key",
    "dead-session": "the attack would end sessions and accounts",
    "second-factor-missing": "the scan has no second factor of an administrator",
    "second-factor-skipped": "the scan has no second factor of an administrator",
    "rate-limit": "the OpenAPI file states no rate limit",
    "rate-limit-bypass": "the OpenAPI file states no rate limit",
    "open-port": "the scan has no list of allowed ports",
    "weak-password-hash": "the scan cannot read the database",
    "vulnerable-dependency": "the scan has no list of dependencies",
    "missing-audit": "the scan cannot read the service's log",
}
# The rules whose attacks need a session of any kind.
SESSION_RULES = (
    "missing-authentication",
    "session-fixation",
    "csrf",
    "cacheable-private-data",
)
COOKIE_RULES = ("csrf", "session-fixation")


def reasons(survey: Survey | None) -> Mapping[str, str]:
    """Return the reasons why rules cannot be tried, keyed by rule.

    Args:
        survey: the survey of the service; None when the scan ended before the survey.
    """
    reason_by_rule = dict(NEEDS)
    reason_by_rule |= {
        "csp": "no response is an HTML page",
        "xss-reflected": "no operation with a parameter returned an HTML page",
        "server-version": "no operation gave a response",
        "service-hang": "every request got a response",
        "cors-wildcard": "no operation allows every origin",
    }
    if survey is None:
        return reason_by_rule
    if not survey.user.session.headers:
        reason_by_rule |= dict.fromkeys(SESSION_RULES, "no log-in was given")
    elif survey.user.session.token:
        reason_by_rule |= dict.fromkeys(COOKIE_RULES, "the session has no cookie")
    if not any(endpoint.secured for endpoint in survey.operations):
        reason_by_rule["missing-authentication"] = "no operation declares security"
    return reason_by_rule
