"""The target's own health answer: which build it serves right now."""

from gates.model import Build, Measured, ServedBuild, Target
from gates.sources import strict_json
from gates.sources.http import get

SECONDS = 2.0
MOST_BYTES = 65536


def served_build(target: Target) -> ServedBuild:
    """Ask the target which build it serves.

    Args:
        target: whom to ask, at its health address.

    Returns:
        Its answer; a failure of any kind is an answer that says so.
    """
    url = target.addresses.health
    answer = get(url, seconds=SECONDS, most_bytes=MOST_BYTES)
    if answer.problem:
        return ServedBuild(Measured.ERROR, 0, None, "", url, answer.problem)
    return parse(url, answer.status, answer.body)


def parse(url: str, status: int, body: bytes) -> ServedBuild:
    """Read a health answer; a 503 still names the build.

    Args:
        url: where it was asked.
        status: HTTP status.
        body: the body as received; untrusted.
    """
    try:
        content = strict_json.loads(body)
        build = Build(*(_text(content[key]) for key in ("release", "version", "digest")))
        deployment = _text(content["deployment"])
    except (ValueError, KeyError, TypeError, RecursionError):
        problem = f"status {status} and an answer that names no build"
        return ServedBuild(Measured.ERROR, status, None, "", url, problem)
    return ServedBuild(Measured.OK, status, build, deployment, url, "")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 100:  # noqa: PLR2004
        raise ValueError
    return value
