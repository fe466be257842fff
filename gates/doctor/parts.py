"""Examines the parts of a target: their addresses, the gate's log-ins, and their clocks."""

from collections.abc import Iterator
from dataclasses import dataclass

from gates.doctor.report import Line, fail, look, ok
from gates.model import Access, Target
from gates.sources.health import parse
from gates.sources.http import Answer, get

MAX_BYTES = 1_000_000
MAX_CLOCK_SECONDS, USUAL_CLOCK_SECONDS = 10.0, 2.0
OK, NOT_FOUND = 200, 404
QUERY = "/api/v1/query?query=1"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the target to which the gate sends requests, such as Prometheus.

    Args:
        name: the key of the part's address in ``[addresses]`` of the target file.
        url: the address to which the gate sends a request.
        access: the log-in, certificates and time limit for the part.
        any_status: whether a response with any status proves that the part is reachable; if not,
            the status must be 200.
    """

    name: str
    url: str
    access: Access
    any_status: bool = False


def parts_of(target: Target) -> tuple[Part, ...]:
    """Return the parts of the target whose addresses the target file names."""
    addresses, access = target.addresses, target.access
    control = addresses.balancer_control
    return (
        Part("api", addresses.api, access.api, any_status=True),
        Part("health", addresses.health, access.health, any_status=True),
        Part("prometheus", f"{addresses.prometheus}{QUERY}", access.prometheus),
        *(
            (Part("balancer_control", f"{control}/config", access.balancer_control),)
            if control
            else ()
        ),
    )


def examine_parts(target: Target) -> Iterator[Line]:
    """Send one request to each part of the target, and yield lines about each response.

    Args:
        target: the target that is examined.
    """
    for part in parts_of(target):
        answer = get(part.url, part.access, max_bytes=MAX_BYTES)
        yield from _lines(part, answer)
        if part.name == "health" and not answer.problem:
            yield _build(target, answer)
    if not target.addresses.balancer_control:
        yield look(
            "address of balancer_control",
            "the target file names no balancer",
            "gates ramp needs balancer_control in [addresses] and router in [traffic]",
        )


def _lines(part: Part, answer: Answer) -> Iterator[Line]:
    address, login = f"address of {part.name}", f"log-in to {part.name}"
    key = f"addresses.{part.name}"
    if answer.problem and not answer.status:
        problem, _, mend = answer.problem.partition("; ")
        yield fail(
            address,
            f"{part.url}: {problem}",
            mend or f"correct {key}, or start the server at this address",
        )
        return
    yield ok(address, f"{part.url} answers with status {answer.status}")
    if answer.problem:
        problem, _, mend = answer.problem.partition("; ")
        yield fail(login, problem, mend)
        return
    if not part.any_status and answer.status != OK:
        yield fail(
            login,
            f"expected status {OK}, got {answer.status}",
            f"if the address belongs to another server, correct {key}; else repair the server",
        )
        return
    yield ok(login, _login(part.access))
    yield _clock(part, answer)


def _login(access: Access) -> str:
    """Return how the gate logs in to a part, as a text without secrets."""
    used = [f"{key} from {variable}" for key, variable in access.variables]
    used += [f"header {name}" for name, _ in access.headers]
    used += ["client certificate"] if access.certificate_file else []
    return ", ".join(used) or "no log-in is needed"


def _clock(part: Part, answer: Answer) -> Line:
    subject = f"clock of {part.name}"
    if answer.server_time is None:
        return look(subject, "the response has no Date header", "compare the clocks by hand")
    text = f"differs by {answer.clock_difference:.1f} s from the clock of the gate"
    mend = "synchronise the clocks of both machines (NTP)"
    if part.name == "prometheus" and answer.clock_difference > MAX_CLOCK_SECONDS:
        return fail(subject, f"{text}; the limit is {MAX_CLOCK_SECONDS:g} s", mend)
    if answer.clock_difference > USUAL_CLOCK_SECONDS:
        return look(subject, text, mend)
    return ok(subject, text)


def _build(target: Target, answer: Answer) -> Line:
    served = parse(target.addresses.health, answer.status, answer.body)
    if served.build is None:
        return fail(
            "build",
            served.problem,
            "let the health address return release, version, digest and deployment as JSON",
        )
    if (served.build, served.deployment) != (target.expected, target.deployment):
        return look(
            "build",
            f"health names the build {served.build} and the deployment {served.deployment}",
            f"the target file expects {target.expected} and {target.deployment}; correct "
            "[expected] and deployment, or deploy the expected build",
        )
    return ok("build", f"health names the build {served.build}, as expected")
