"""Why a scan cannot try some rules: from the outside, by HTTP, with the accounts it has."""

from collections.abc import Mapping

from suites.scanner.survey.service import Survey

# The rules that no scan from the outside can try.
NEEDS = {
    "log-injection": "needs to read the service's log",
    "xss-dom": "needs to know the pages",
    "token-claims": "needs the signing key",
    "dead-session": "would end accounts",
    "second-factor-missing": "needs the second factor of an administrator",
    "second-factor-skipped": "needs the second factor of an administrator",
    "rate-limit": "no limit is stated",
    "rate-limit-bypass": "no limit is stated",
    "open-port": "needs the list of ports",
    "weak-password-hash": "needs the database",
    "vulnerable-dependency": "needs the list of dependencies",
    "missing-audit": "needs the service's log",
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
    """The reason of each rule that was not tried at all."""
    reason_by_rule = dict(NEEDS)
    reason_by_rule |= {"csp": "no page", "xss-reflected": "no page takes a value",
              "server-version": "no answer", "service-hang": "every request was answered",
              "cors-wildcard": "no operation allows every origin"}  # fmt: skip
    if survey is None:
        return reason_by_rule
    if not survey.user.session.headers:
        reason_by_rule |= dict.fromkeys(SESSION_RULES, "no log-in was given")
    elif survey.user.session.token:
        reason_by_rule |= dict.fromkeys(COOKIE_RULES, "no cookie session")
    if not any(endpoint.secured for endpoint in survey.operations):
        reason_by_rule["missing-authentication"] = "no operation declares security"
    return reason_by_rule
