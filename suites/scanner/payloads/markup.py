"""Check for cross-site scripting: send markup, and look for it as an HTML element in pages.

An HTML parser reads the pages: markup that a page shows as text is no element, and no finding.
This needs no browser, so the scan can also read pages behind a log-in.
"""

from collections.abc import Iterator
from html.parser import HTMLParser

from suites.probes.api import Call, Endpoint, Exchange, Observation, Parameter, Sender
from suites.probes.openapi import places, value_at
from suites.scanner.result import Gap
from suites.scanner.sending import UnreachableError
from suites.scanner.survey.bodies import free_texts
from suites.scanner.survey.service import Survey

ELEMENT = "kpmark"
PAYLOADS = (
    "<{element} id={mark}>",
    "\"'><{element} id={mark}>",
    "</script></title></textarea><{element} id={mark}>",
    "\"' onfocus=1 id={mark} {element}=",
)
FIRST_ERROR = 400


class _Finder(HTMLParser):
    """Collects marks: the ids of HTML elements that a payload created or changed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.marks: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == ELEMENT or ELEMENT in names:
            self.marks |= {str(value) for name, value in attrs if name == "id"}


def marks_in(answer: Exchange) -> set[str]:
    """Return the marks of the payloads that became elements or attributes of a page."""
    if "html" not in answer.content_type or ELEMENT not in answer.text:
        return set()
    finder = _Finder()
    finder.feed(answer.text)
    finder.close()
    return finder.marks


def is_page(answer: Exchange | None) -> bool:
    """Return whether a response is an HTML page; None stands for no response."""
    return answer is not None and "html" in answer.content_type


def reflected(sender: Sender, endpoint: Endpoint, call: Call) -> Iterator[Observation]:
    """Send markup in each parameter, and check whether the response has it as an element.

    Args:
        sender: sends the requests to the service.
        endpoint: the attacked operation.
        call: a valid request to the operation.
    """
    for number, place in enumerate(places(endpoint, call)):
        finding, pages = None, 0
        for turn, template in enumerate(PAYLOADS):
            mark = f"r{number}x{turn}"
            payload = template.format(element=ELEMENT, mark=mark)
            answer = sender.send(endpoint, call.with_value(place, payload))
            pages += is_page(answer)
            if mark in marks_in(answer):
                finding = _finding("xss-reflected", endpoint, place, payload, answer)
                break
        if finding:
            yield finding
        elif pages:
            sentence = f"{endpoint.name}: the page shows {place.name} as text, or does not show it"
            name = f"{endpoint.name} {place.name}"
            yield Observation("xss-reflected", name, is_finding=False, sentence=sentence)


def _finding(
    rule: str, endpoint: Endpoint, place: Parameter, payload: str, answer: Exchange
) -> Observation:
    sentence = (
        f"{endpoint.name}: the page shows {place.name} as markup: the value {payload!r} becomes an "
        "HTML element"
    )
    name = f"{endpoint.name} {place.name}"
    return Observation(rule, name, is_finding=True, sentence=sentence, exchange=answer)


def _written(survey: Survey) -> dict[str, tuple[Endpoint, Exchange]]:
    """Store payloads with marks; return the operation and the exchange that stored each mark."""
    writes: dict[str, tuple[Endpoint, Exchange]] = {}
    for number, good in enumerate(survey.good.values()):
        texts = list(free_texts(good.endpoint, good.call)) if good.is_usable else []
        if not texts or good.endpoint.method not in ("POST", "PUT", "PATCH"):
            continue
        for turn, template in enumerate(PAYLOADS[:2]):
            call, mark = good.call, f"s{number}x{turn}"
            for place in texts:
                payload = template.format(element=ELEMENT, mark=mark)
                call = call.with_value(place, f"{value_at(call, place)}{payload}")
            try:
                answer = good.account.send(good.endpoint, call)
            except UnreachableError:
                continue
            if answer.status < FIRST_ERROR:
                writes[mark] = good.endpoint, answer
    return writes


def stored(survey: Survey) -> Iterator[Observation | Gap]:
    """Store markup with every operation that takes free text, then look for it in every page."""
    pages = [
        good
        for good in survey.good.values()
        if good.endpoint.method == "GET" and is_page(good.answer)
    ]
    if not pages:
        yield Gap("xss-stored", "no GET operation of the OpenAPI file answered with an HTML page")
        return
    writes = _written(survey)
    if not writes:
        yield Gap("xss-stored", "no operation accepted a text to store")
        return
    reported: set[str] = set()
    for page in pages:
        try:
            answer = page.account.send(page.endpoint, page.call)
        except UnreachableError:
            continue
        for mark in sorted(marks_in(answer) & set(writes)):
            endpoint, change = writes[mark]
            if endpoint.name in reported:
                continue
            reported.add(endpoint.name)
            sentence = (
                f"{endpoint.name} stores markup, and the page of {page.endpoint.name} has the "
                "markup as an HTML element"
            )
            yield Observation(
                "xss-stored",
                f"{endpoint.name} shown by {page.endpoint.name}",
                is_finding=True,
                sentence=sentence,
                exchange=answer,
                steps=(change,),
            )
        sentence = (
            f"the scan read the page of {page.endpoint.name} after it had stored {len(writes)} "
            "texts with markup"
        )
        yield Observation("xss-stored", page.endpoint.name, is_finding=False, sentence=sentence)
