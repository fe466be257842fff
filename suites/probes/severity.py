"""States the severity of each rule: the base vector of CVSS 4.0, and its score.

A vector assumes the usual form of the weakness. A test compares the scores with the calculator of
the package ``cvss``.

Source: FIRST, Common Vulnerability Scoring System 4.0, specification document.
"""

from dataclasses import dataclass
from enum import Enum

PREFIX = "CVSS:4.0/"
# The ends of vectors that differ in the effect on the system only.
_ALL, _READ, _WRITE = "VC:H/VI:H/VA:H", "VC:H/VI:N/VA:N", "VC:N/VI:H/VA:N"
_REMOTE, _USER = "AV:N/AC:L/AT:N/PR:N/UI:N", "AV:N/AC:L/AT:N/PR:L/UI:N"
_VICTIM = "AV:N/AC:L/AT:N/PR:N/UI:A"
_REST = "SC:N/SI:N/SA:N"


class Level(Enum):
    """The level of a finding, in the terms of SARIF."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Severity:
    """The severity of a rule.

    Args:
        vector: the base vector of CVSS 4.0.
        score: the base score of CVSS 4.0, from 0 to 10.
    """

    vector: str
    score: float

    @property
    def level(self) -> Level:
        """The SARIF level: error for a score of 7 or more, warning of 4 or more, else note."""
        if self.score >= MIN_HIGH:
            return Level.ERROR
        return Level.WARNING if self.score >= MIN_MEDIUM else Level.NOTE


MIN_HIGH, MIN_MEDIUM = 7.0, 4.0


def _severity(score: float, *parts: str) -> Severity:
    return Severity(PREFIX + "/".join(parts), score)


_SECOND_SYSTEM = "SC:L/SI:L/SA:N"
SEVERITIES = {
    "nosql-injection": _severity(9.3, _REMOTE, "VC:H/VI:H/VA:N", _REST),
    "sql-injection": _severity(9.3, _REMOTE, _ALL, _REST),
    "command-injection": _severity(10.0, _REMOTE, _ALL, "SC:H/SI:H/SA:H"),
    "template-injection": _severity(9.3, _REMOTE, _ALL, _REST),
    "header-injection": _severity(5.1, _VICTIM, "VC:L/VI:L/VA:N", _REST),
    "log-injection": _severity(6.9, _REMOTE, "VC:N/VI:L/VA:N", _REST),
    "path-traversal": _severity(8.7, _REMOTE, _READ, _REST),
    "xss-stored": _severity(5.1, "AV:N/AC:L/AT:N/PR:L/UI:P", "VC:N/VI:N/VA:N", _SECOND_SYSTEM),
    "xss-reflected": _severity(5.1, _VICTIM, "VC:N/VI:N/VA:N", _SECOND_SYSTEM),
    "xss-dom": _severity(5.1, _VICTIM, "VC:N/VI:N/VA:N", _SECOND_SYSTEM),
    "csp": _severity(2.1, "AV:N/AC:L/AT:P/PR:N/UI:A", "VC:N/VI:L/VA:N", _REST),
    "security-headers": _severity(2.1, "AV:N/AC:L/AT:P/PR:N/UI:A", "VC:L/VI:N/VA:N", _REST),
    "cacheable-private-data": _severity(1.8, "AV:L/AC:L/AT:P/PR:N/UI:A", "VC:L/VI:N/VA:N", _REST),
    "cors": _severity(5.1, _VICTIM, "VC:L/VI:L/VA:N", _REST),
    "cors-wildcard": _severity(2.0, "AV:N/AC:L/AT:P/PR:L/UI:A", "VC:L/VI:N/VA:N", _REST),
    "csrf": _severity(5.1, _VICTIM, "VC:N/VI:L/VA:N", _REST),
    "cookie-flags": _severity(5.1, _VICTIM, "VC:L/VI:L/VA:N", _REST),
    "session-fixation": _severity(8.5, _VICTIM, "VC:H/VI:H/VA:N", _REST),
    "missing-authentication": _severity(8.7, _REMOTE, _READ, _REST),
    "forged-token": _severity(9.3, _REMOTE, "VC:H/VI:H/VA:N", _REST),
    "weak-token-key": _severity(9.3, _REMOTE, "VC:H/VI:H/VA:N", _REST),
    "token-claims": _severity(6.3, "AV:N/AC:L/AT:P/PR:N/UI:N", "VC:L/VI:L/VA:N", _REST),
    "dead-session": _severity(6.3, "AV:N/AC:L/AT:P/PR:N/UI:N", "VC:L/VI:L/VA:N", _REST),
    "user-enumeration": _severity(6.9, _REMOTE, "VC:L/VI:N/VA:N", _REST),
    "password-guessing": _severity(6.3, "AV:N/AC:L/AT:P/PR:N/UI:N", "VC:L/VI:L/VA:N", _REST),
    "second-factor-missing": _severity(6.3, "AV:N/AC:L/AT:P/PR:N/UI:N", "VC:L/VI:L/VA:N", _REST),
    "second-factor-skipped": _severity(6.3, "AV:N/AC:L/AT:P/PR:N/UI:N", "VC:L/VI:L/VA:N", _REST),
    "function-access": _severity(8.6, _USER, "VC:H/VI:H/VA:N", _REST),
    "object-access": _severity(8.6, _USER, "VC:H/VI:H/VA:N", _REST),
    "privilege-change": _severity(8.7, _USER, _ALL, _REST),
    "mass-assignment": _severity(8.7, _REMOTE, _WRITE, _REST),
    "error-details": _severity(6.9, _REMOTE, "VC:L/VI:N/VA:N", _REST),
    "unhandled-input": _severity(6.9, _REMOTE, "VC:N/VI:N/VA:L", _REST),
    "input-bounds": _severity(2.3, "AV:N/AC:L/AT:P/PR:L/UI:N", "VC:N/VI:L/VA:N", _REST),
    "rate-limit": _severity(6.9, _REMOTE, "VC:N/VI:N/VA:L", _REST),
    "rate-limit-bypass": _severity(6.9, _REMOTE, "VC:N/VI:N/VA:L", _REST),
    "tls": _severity(6.3, "AV:N/AC:L/AT:P/PR:N/UI:N", "VC:L/VI:L/VA:N", _REST),
    "open-port": _severity(6.9, _REMOTE, "VC:L/VI:N/VA:N", _REST),
    "weak-password-hash": _severity(5.6, "AV:L/AC:L/AT:P/PR:H/UI:N", _READ, _REST),
    "exposed-secret": _severity(8.7, _REMOTE, _READ, _REST),
    "vulnerable-dependency": _severity(6.9, _REMOTE, "VC:L/VI:L/VA:L", _REST),
    "missing-audit": _severity(2.3, "AV:N/AC:L/AT:P/PR:L/UI:N", "VC:N/VI:L/VA:N", _REST),
    "key-in-url": _severity(2.1, "AV:N/AC:L/AT:P/PR:N/UI:A", "VC:L/VI:N/VA:N", _REST),
    "ssrf": _severity(5.3, _USER, "VC:L/VI:N/VA:N", "SC:L/SI:N/SA:N"),
    "slow-pattern": _severity(8.7, _REMOTE, "VC:N/VI:N/VA:H", _REST),
    "service-hang": _severity(8.7, _REMOTE, "VC:N/VI:N/VA:H", _REST),
    "stored-damage": _severity(7.1, _USER, "VC:N/VI:N/VA:H", _REST),
    "server-version": _severity(2.1, "AV:N/AC:L/AT:P/PR:N/UI:A", "VC:L/VI:N/VA:N", _REST),
}
