"""Check the responses to valid requests: headers, cookies, caching, versions, CORS and TLS."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from suites.inspection import transport
from suites.probes import passive
from suites.probes.api import Exchange, Observation
from suites.scanner.payloads.robustness import internals_in
from suites.scanner.result import Gap
from suites.scanner.rights.origins import cors
from suites.scanner.survey.service import GoodCall, Survey

TLS_DAYS = 14


@dataclass(frozen=True, slots=True)
class PassiveScan:
    """The part of a scan that checks responses, and sends no attack payload.

    Args:
        survey: the survey of the service.
        own_host: the service's host; the scan sends similar host names as ``Origin``.
    """

    survey: Survey
    own_host: str

    def observations(self) -> Iterator[Observation | Gap]:
        """Apply the rules about headers, versions, error details, caching and cookies."""
        answers = [
            (good.endpoint.name, good.answer)
            for good in self.survey.good.values()
            if good.answer is not None
        ]
        over_tls = self.survey.nobody.watch.sender.base.startswith("https:")
        yield from _missing_headers(answers, over_tls=over_tls)
        for name, answer in answers:
            yield _version(name, answer)
            kind, text = internals_in(answer)
            if kind:
                sentence = (
                    f"{name}: the response with status {answer.status} shows {kind}: {text!r}"
                )
                yield Observation(
                    "error-details",
                    f"{name} good call",
                    is_finding=True,
                    sentence=sentence,
                    exchange=answer,
                    cause=kind,
                )
        for good in self.survey.good.values():
            if good.endpoint.secured and good.account.session.headers and good.is_usable:
                yield from _cached(good)
        login = self.survey.user.session.answer
        if login is None:
            yield Gap("cookie-flags", "no log-in was given")
        elif "set-cookie" in login.headers:
            yield from passive.cookies(login, "log-in")
        else:
            yield Gap("cookie-flags", "the log-in sets no cookie")

    def origins(self, good: GoodCall) -> Iterable[Observation]:
        """Check which other origins may read the responses of an operation (CORS)."""
        if good.reason or good.endpoint.method == "DELETE":
            return ()
        return cors(good.account, good.endpoint, good.call, self.own_host)

    def transport(self) -> Iterable[Observation | Gap]:
        """Check the TLS versions, the ciphers and the certificate of the service."""
        sender = self.survey.nobody.watch.sender
        if not sender.base.startswith("https:"):
            return [Gap("tls", "the scanned address is plain HTTP")]
        return transport.tls(
            sender.base, ca_file=sender.ca_file, days=TLS_DAYS, seconds=sender.seconds
        )


def _missing_headers(
    answers: list[tuple[str, Exchange]], *, over_tls: bool
) -> Iterator[Observation]:
    """Yield one observation for all protective headers, and one for the CSP of each page."""
    missing: dict[str, int] = {}
    example = None
    for name, answer in answers:
        is_page = "html" in answer.content_type
        for observation in passive.security_headers(answer, name, page=is_page, over_tls=over_tls):
            if observation.rule == "csp":
                yield replace(observation, cause="csp")
            elif observation.is_finding:
                header = observation.place.removeprefix(f"{name} ")
                missing[header] = missing.get(header, 0) + 1
                example = example or answer
    count = len(answers)
    shown = ", ".join(
        f"{name} (in {number} of {count} responses)" for name, number in missing.items()
    )
    sentence = (
        f"protective headers are missing: {shown}" if missing else "no protective header is missing"
    )
    if answers:
        yield Observation("security-headers", "answers", bool(missing), sentence, example)


def _version(name: str, answer: Exchange) -> Observation:
    shown = [
        f"{header}: {answer.headers[header][:60]}"
        for header in passive.VERSION_HEADERS
        if passive.VERSION.search(answer.headers.get(header, ""))
    ]
    sentence = ", ".join(shown) or "no response header shows a version"
    return Observation("server-version", name, bool(shown), sentence, answer, cause=sentence)


def _cached(good: GoodCall) -> Iterator[Observation]:
    if good.answer is not None and good.endpoint.method == "GET" and good.answer.text:
        observation = passive.private_data_is_not_cached(good.answer, good.endpoint.name)
        yield replace(observation, cause="caching")
