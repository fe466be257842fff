"""The weaknesses the probes can find: stable ids, CWE and OWASP ASVS 5.0 numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of weakness.

    Args:
        name: stable id, also of SARIF results.
        title: what is wrong where it is found.
        cwe: number in the Common Weakness Enumeration.
        asvs: requirement of the OWASP Application Security Verification Standard 5.0.
        secure: what a safe service does.
    """

    name: str
    title: str
    cwe: int
    asvs: str
    secure: str


RULES = {
    rule.name: rule
    for rule in (
        Rule("nosql-injection", "NoSQL operators are obeyed", 943, "1.2.4",
             "treats operators as text, or refuses them"),
        Rule("sql-injection", "SQL in a value is executed", 89, "1.2.4",
             "binds values as parameters"),
        Rule("command-injection", "shell syntax in a value is executed", 78, "1.2.5",
             "starts programs without a shell, or none"),
        Rule("template-injection", "template syntax in a value is evaluated", 1336, "1.3.7",
             "never renders user text as a template"),
        Rule("header-injection", "a line break in a value starts a new header", 113, "1.2.1",
             "removes line breaks from header values"),
        Rule("log-injection", "a line break in a value starts a new log line", 117, "16.4.1",
             "encodes line breaks before it logs"),
        Rule("path-traversal", "a value leads to files outside their folder", 22, "5.3.2",
             "resolves names against a list, never against the file system"),
        Rule("xss-stored", "stored text runs as a script", 79, "1.2.1",
             "writes user text as text"),
        Rule("xss-reflected", "text of a request runs as a script", 79, "1.2.1",
             "encodes user text for its place"),
        Rule("xss-dom", "text of the address runs as a script", 79, "3.2.2",
             "writes addresses into the page as text"),
        Rule("csp", "no content security policy that stops inline scripts", 1021, "3.4.3",
             "sends a policy without unsafe-inline"),
        Rule("security-headers", "a protective header is missing", 693, "3.4.1",
             "sends HSTS, nosniff, frame-ancestors and a referrer policy"),
        Rule("cacheable-private-data", "private data may be kept by caches", 525, "14.3.2",
             "answers with Cache-Control: no-store"),
        Rule("cors", "pages of other origins may read answers", 942, "3.5.2",
             "names its own origins only, never with a reflected one"),
        Rule("csrf", "another site's form acts for the user", 352, "3.5.1",
             "takes no credential that a browser sends by itself"),
        Rule("cookie-flags", "a session cookie lacks Secure, HttpOnly or SameSite", 614, "3.3.1",
             "sets all three"),
        Rule("session-fixation", "a session named before log-in is used after it", 384, "7.2.4",
             "starts a new session at log-in"),
        Rule("missing-authentication", "a protected operation answers without a token", 306,
             "8.2.1", "answers 401"),
        Rule("forged-token", "a forged token is accepted", 347, "9.1.1",
             "verifies algorithm, key and signature"),
        Rule("token-claims", "a token out of its time, issuer or audience is accepted", 613,
             "9.2.1", "verifies exp, nbf, iss and aud"),
        Rule("dead-session", "a token outlives its session", 613, "7.4.1",
             "looks its session up with each request"),
        Rule("user-enumeration", "log-in tells known from unknown users", 204, "6.3.8",
             "answers alike, in text and in time"),
        Rule("password-guessing", "passwords can be guessed without end", 307, "6.3.1",
             "slows down or locks after some wrong ones"),
        Rule("second-factor-missing", "an admin gets in without a second factor", 308, "6.3.3",
             "gives admins a session after their second step only"),
        Rule("second-factor-skipped", "the second step can be skipped or guessed", 304, "6.6.3",
             "gives a challenge no rights, and locks after wrong codes"),
        Rule("function-access", "an operation is open to a role it is closed for", 285, "8.2.1",
             "looks the permission up with each request"),
        Rule("object-access", "somebody else's object is readable or changeable", 639, "8.2.2",
             "looks objects up together with their owner"),
        Rule("mass-assignment", "a field the user may not set is accepted", 915, "15.3.3",
             "refuses unknown fields"),
        Rule("error-details", "an error message shows internals", 209, "16.5.1",
             "says what is wrong with the request, and nothing else"),
        Rule("unhandled-input", "malformed input breaks the service", 20, "2.2.1",
             "answers 4xx"),
        Rule("input-bounds", "a stated bound of a value is not kept", 1284, "2.2.1",
             "refuses what is beyond the bound, and accepts what is at it"),
        Rule("rate-limit", "the stated rate limit is not kept", 770, "2.4.1",
             "counts requests by address and refuses those over the limit"),
        Rule("rate-limit-bypass", "the rate limit can be got round", 807, "2.4.1",
             "takes the address from the connection or its own proxy"),
        Rule("tls", "the transport is not protected as it should be", 326, "12.1.1",
             "serves TLS 1.2 or later with a valid certificate, and redirects to it"),
        Rule("open-port", "a port is open to the public that should not be", 1125, "13.4.1",
             "lets the edge alone answer"),
        Rule("weak-password-hash", "a stored password is not hashed slowly enough", 916, "11.4.2",
             "stores bcrypt of cost 10 or more"),
        Rule("exposed-secret", "a secret is where anybody can read it", 798, "13.3.1",
             "keeps secrets out of files that are served or committed"),
        Rule("vulnerable-dependency", "a dependency has a known vulnerability", 1395, "15.2.1",
             "updates it"),
        Rule("missing-audit", "an attack left no trace, or left a secret in it", 778, "16.3.1",
             "records refusals with who, what, when, and no secret"),
        Rule("key-in-url", "a token in the address is accepted", 598, "14.2.1",
             "takes tokens from the Authorization header only"),
    )
}  # fmt: skip
