"""Lists the weaknesses that the probes look for, with their CWE and OWASP ASVS 5.0 numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of weakness.

    Args:
        name: the stable id of the rule, also in SARIF results.
        title: the weakness, as a sentence.
        cwe: the number of the weakness in the Common Weakness Enumeration.
        asvs: the requirement of the OWASP Application Security Verification Standard 5.0.
        secure: the behaviour of a safe service, as the end of the sentence *A safe service …*.
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
            "the service executes NoSQL operators in a value",
            943,
            "1.2.4",
            "treats NoSQL operators as text, or refuses the request",
        ),
        Rule(
            "sql-injection",
            "the service executes SQL in a value",
            89,
            "1.2.4",
            "binds values as parameters of SQL statements",
        ),
        Rule(
            "command-injection",
            "the service executes shell syntax in a value",
            78,
            "1.2.5",
            "starts programs without a shell, or starts no program",
        ),
        Rule(
            "template-injection",
            "the service evaluates template syntax in a value",
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
            "a value gives access to files outside the allowed folder",
            22,
            "5.3.2",
            "looks names up in a list, and never uses a value as a path of the file system",
        ),
        Rule(
            "xss-stored",
            "stored text runs as a script",
            79,
            "1.2.1",
            "writes text of users into pages as text, never as markup",
        ),
        Rule(
            "xss-reflected",
            "text of a request runs as a script",
            79,
            "1.2.1",
            "encodes the text of users for the part of the page that shows it",
        ),
        Rule(
            "xss-dom",
            "text of the address runs as a script",
            79,
            "3.2.2",
            "writes addresses into pages as text, never as markup",
        ),
        Rule(
            "csp",
            "the content security policy is missing, or allows inline scripts",
            1021,
            "3.4.3",
            "sends a content security policy without unsafe-inline",
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
            "caches may store private data",
            525,
            "14.3.2",
            "sends private data with Cache-Control: no-store",
        ),
        Rule(
            "cors",
            "pages of other origins may read responses",
            942,
            "3.5.2",
            "allows its own origins only, and never reflects an origin",
        ),
        Rule(
            "csrf",
            "a form of another site can send requests as the user",
            352,
            "3.5.1",
            "accepts no credential that a browser sends automatically",
        ),
        Rule(
            "cookie-flags",
            "a session cookie lacks Secure, HttpOnly or SameSite",
            614,
            "3.3.1",
            "sets Secure, HttpOnly and SameSite on session cookies",
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
            "a protected operation accepts a request without a bearer token",
            306,
            "8.2.1",
            "answers 401 to a request without a bearer token",
        ),
        Rule(
            "forged-token",
            "the service accepts a forged token",
            347,
            "9.1.1",
            "verifies the algorithm, the key and the signature of each token",
        ),
        Rule(
            "token-claims",
            "the service accepts a token with a wrong time, issuer or audience",
            613,
            "9.2.1",
            "verifies the claims exp, nbf, iss and aud of each token",
        ),
        Rule(
            "dead-session",
            "the service accepts a token after the end of its session",
            613,
            "7.4.1",
            "looks up the session of a token with each request",
        ),
        Rule(
            "user-enumeration",
            "the log-in shows which users exist",
            204,
            "6.3.8",
            "gives the same response in the same time to known and unknown users",
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
            "gives an admin a session only after the second factor",
        ),
        Rule(
            "second-factor-skipped",
            "the second factor can be skipped, or its code can be guessed",
            304,
            "6.6.3",
            "gives no rights to the token of the first log-in step, and locks after wrong codes",
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
            "the service accepts a field that the user may not set",
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
        Rule(
            "unhandled-input",
            "malformed input causes an internal error of the service",
            20,
            "2.2.1",
            "answers malformed input with a status from 400 to 499",
        ),
        Rule(
            "input-bounds",
            "the service does not enforce a documented bound of a value",
            1284,
            "2.2.1",
            "refuses a value beyond the bound, and accepts a value at the bound",
        ),
        Rule(
            "rate-limit",
            "the service does not enforce the documented rate limit",
            770,
            "2.4.1",
            "counts requests by address and refuses requests over the limit",
        ),
        Rule(
            "rate-limit-bypass",
            "the rate limit can be bypassed",
            807,
            "2.4.1",
            "takes the address of a client from the connection or from its own proxy",
        ),
        Rule(
            "tls",
            "the transport lacks current TLS, a valid certificate or a redirect to TLS",
            326,
            "12.1.1",
            "serves TLS 1.2 or later with a valid certificate, and redirects plain HTTP to TLS",
        ),
        Rule(
            "open-port",
            "an internal port is open to the public",
            1125,
            "13.4.1",
            "opens only the ports of the edge to the public",
        ),
        Rule(
            "weak-password-hash",
            "a stored password has no hash, or a hash that is fast to compute",
            916,
            "11.4.2",
            "stores passwords as bcrypt hashes with a cost of 10 or more",
        ),
        Rule(
            "exposed-secret",
            "everybody can read a secret",
            798,
            "13.3.1",
            "writes no secret into responses or committed files",
        ),
        Rule(
            "vulnerable-dependency",
            "a dependency has a known vulnerability",
            1395,
            "15.2.1",
            "uses a version of the dependency without known vulnerabilities",
        ),
        Rule(
            "missing-audit",
            "the log has no entry about an attack, or contains a secret",
            778,
            "16.3.1",
            "records each refusal with user, operation and time, and without secrets",
        ),
        Rule(
            "key-in-url",
            "the service accepts a token in the address",
            598,
            "14.2.1",
            "takes tokens from the Authorization header only",
        ),
        Rule(
            "privilege-change",
            "a user who is not an administrator can change the rights of an account",
            269,
            "8.2.3",
            "lets only administrators change roles and rights",
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
            "the service sends a request to an address that the user chose",
            918,
            "1.3.6",
            "sends requests only to the addresses of a list",
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
            "one request prevents the service from answering other requests",
            400,
            "15.2.2",
            "limits the time and the size of each request",
        ),
        Rule(
            "stored-damage",
            "a stored value breaks an operation that returns the value",
            754,
            "2.2.1",
            "checks values before it stores them",
        ),
        Rule(
            "server-version",
            "a header names the software of the server and its version",
            497,
            "13.4.6",
            "sends no versions of its components in headers",
        ),
        Rule(
            "cors-wildcard",
            "pages of every origin may read responses that need a token",
            942,
            "3.5.2",
            "lets only its own origins read responses",
        ),
    )
}
