"""The weaknesses that the probes look for: stable ids, CWE and OWASP ASVS 5.0 numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of weakness.

    Args:
        name: stable id, in SARIF results as well.
        title: what is wrong with a service that has the weakness.
        cwe: number in the Common Weakness Enumeration.
        asvs: requirement of the OWASP Application Security Verification Standard 5.0.
        secure: what a safe service does, as the end of the sentence *a safe service …*.
    """

    name: str
    title: str
    cwe: int
    asvs: str
    secure: str


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "nosql-injection",
            "NoSQL operators in a value are executed",
            943,
            "1.2.4",
            "treats NoSQL operators as text, or refuses the request",
        ),
        Rule(
            "sql-injection", "SQL in a value is executed", 89, "1.2.4", "binds values as parameters"
        ),
        Rule(
            "command-injection",
            "shell syntax in a value is executed",
            78,
            "1.2.5",
            "starts programs without a shell, or starts no program",
        ),
        Rule(
            "template-injection",
            "template syntax in a value is evaluated",
            1336,
            "1.3.7",
            "never renders user text as a template",
        ),
        Rule(
            "header-injection",
            "a line break in a value starts a new header",
            113,
            "1.2.1",
            "removes line breaks from header values",
        ),
        Rule(
            "log-injection",
            "a line break in a value starts a new log line",
            117,
            "16.4.1",
            "encodes line breaks before it logs",
        ),
        Rule(
            "path-traversal",
            "a value leads to files outside their folder",
            22,
            "5.3.2",
            "resolves names against a list, never against the file system",
        ),
        Rule("xss-stored", "stored text runs as a script", 79, "1.2.1", "writes user text as text"),
        Rule(
            "xss-reflected",
            "text of a request runs as a script",
            79,
            "1.2.1",
            "encodes user text for its place",
        ),
        Rule(
            "xss-dom",
            "text of the address runs as a script",
            79,
            "3.2.2",
            "writes addresses into the page as text",
        ),
        Rule(
            "csp",
            "no content security policy that stops inline scripts",
            1021,
            "3.4.3",
            "sends a policy without unsafe-inline",
        ),
        Rule(
            "security-headers",
            "a protective header is missing",
            693,
            "3.4.1",
            "sends HSTS, nosniff, frame-ancestors and a referrer policy",
        ),
        Rule(
            "cacheable-private-data",
            "private data may be kept by caches",
            525,
            "14.3.2",
            "answers with Cache-Control: no-store",
        ),
        Rule(
            "cors",
            "pages of other origins may read answers",
            942,
            "3.5.2",
            "allows its own origins only, and never reflects an origin",
        ),
        Rule(
            "csrf",
            "a form of another site acts for the user",
            352,
            "3.5.1",
            "accepts no credential that a browser sends by itself",
        ),
        Rule(
            "cookie-flags",
            "a session cookie lacks Secure, HttpOnly or SameSite",
            614,
            "3.3.1",
            "sets all three flags",
        ),
        Rule(
            "session-fixation",
            "a session that was chosen before the log-in is used after the log-in",
            384,
            "7.2.4",
            "starts a new session at log-in",
        ),
        Rule(
            "missing-authentication",
            "a protected operation answers without a token",
            306,
            "8.2.1",
            "answers 401",
        ),
        Rule(
            "forged-token",
            "a forged token is accepted",
            347,
            "9.1.1",
            "verifies algorithm, key and signature",
        ),
        Rule(
            "token-claims",
            "a token of another time, issuer or audience is accepted",
            613,
            "9.2.1",
            "verifies exp, nbf, iss and aud",
        ),
        Rule(
            "dead-session",
            "a token is accepted after the end of its session",
            613,
            "7.4.1",
            "looks up the session of a token with each request",
        ),
        Rule(
            "user-enumeration",
            "the log-in shows which users exist",
            204,
            "6.3.8",
            "gives the same answer in the same time to known and unknown users",
        ),
        Rule(
            "password-guessing",
            "passwords can be guessed without limit",
            307,
            "6.3.1",
            "slows down or locks the log-in after some wrong passwords",
        ),
        Rule(
            "second-factor-missing",
            "an admin gets a session without a second factor",
            308,
            "6.3.3",
            "gives admins a session after their second step only",
        ),
        Rule(
            "second-factor-skipped",
            "the second step can be skipped or guessed",
            304,
            "6.6.3",
            "gives no rights to a challenge, and locks after wrong codes",
        ),
        Rule(
            "function-access",
            "an operation accepts a role that it must refuse",
            285,
            "8.2.1",
            "looks up the permission with each request",
        ),
        Rule(
            "object-access",
            "another user's object can be read or changed",
            639,
            "8.2.2",
            "looks up each object by its id and its owner",
        ),
        Rule(
            "mass-assignment",
            "a field that the user may not set is accepted",
            915,
            "15.3.3",
            "refuses unknown fields",
        ),
        Rule(
            "error-details",
            "an error message shows internals",
            209,
            "16.5.1",
            "names the mistake in the request, and shows no internals",
        ),
        Rule("unhandled-input", "malformed input breaks the service", 20, "2.2.1", "answers 4xx"),
        Rule(
            "input-bounds",
            "a stated bound of a value is not enforced",
            1284,
            "2.2.1",
            "refuses a value beyond the bound, and accepts a value at the bound",
        ),
        Rule(
            "rate-limit",
            "the stated rate limit is not enforced",
            770,
            "2.4.1",
            "counts requests by address and refuses requests over the limit",
        ),
        Rule(
            "rate-limit-bypass",
            "the rate limit can be bypassed",
            807,
            "2.4.1",
            "takes the address from the connection or from its own proxy",
        ),
        Rule(
            "tls",
            "the transport is not well protected",
            326,
            "12.1.1",
            "serves TLS 1.2 or later with a valid certificate, and redirects to it",
        ),
        Rule(
            "open-port",
            "a port is open to the public that should not be",
            1125,
            "13.4.1",
            "answers at the ports of the edge only",
        ),
        Rule(
            "weak-password-hash",
            "a stored password is not hashed slowly enough",
            916,
            "11.4.2",
            "stores bcrypt of cost 10 or more",
        ),
        Rule(
            "exposed-secret",
            "a secret is in a place that anybody can read",
            798,
            "13.3.1",
            "keeps secrets out of answers and out of committed files",
        ),
        Rule(
            "vulnerable-dependency",
            "a dependency has a known vulnerability",
            1395,
            "15.2.1",
            "updates the dependency",
        ),
        Rule(
            "missing-audit",
            "the log has no trace of an attack, or has a secret",
            778,
            "16.3.1",
            "records each refusal with user, operation and time, and without secrets",
        ),
        Rule(
            "key-in-url",
            "a token in the address is accepted",
            598,
            "14.2.1",
            "takes tokens from the Authorization header only",
        ),
        Rule(
            "privilege-change",
            "a user can give rights to an account",
            269,
            "8.2.3",
            "lets administrators only change roles and rights",
        ),
        Rule(
            "weak-token-key",
            "the key that signs the tokens can be guessed",
            1391,
            "11.2.3",
            "signs tokens with a random key of at least 256 bits",
        ),
        Rule(
            "ssrf",
            "the service fetches an address that the user chose",
            918,
            "1.3.6",
            "fetches addresses of a list only",
        ),
        Rule(
            "slow-pattern",
            "a short value makes a regular expression run for a long time",
            1333,
            "1.3.12",
            "uses regular expressions without nested repetition, and limits the length of values",
        ),
        Rule(
            "service-hang",
            "a request keeps the service from answering",
            400,
            "15.2.2",
            "limits the time and the size of each request",
        ),
        Rule(
            "stored-damage",
            "a stored value breaks an operation that shows the value",
            754,
            "2.2.1",
            "checks values before it stores them",
        ),
        Rule(
            "server-version",
            "a header names the software of the server and its version",
            497,
            "13.4.6",
            "sends no version of its components",
        ),
        Rule(
            "cors-wildcard",
            "pages of every origin may read answers that need a token",
            942,
            "3.5.2",
            "allows its own origins only",
        ),
    )
}
