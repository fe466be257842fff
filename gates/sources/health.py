"""Asks the target's health address which build the target serves now."""

from gates.model import Build, Measured, ServedBuild, Target
from gates.sources import json_values
from gates.sources.http import get

MAX_BYTES = 65536
MAX_NAME = 100


def served_build(target: Target) -> ServedBuild:
    """Ask the health address of a target which build the target serves.

    Args:
        target: the target, with its health address.

    Returns:
        The served build, or the reason why the build is not known.
    """
    url = target.addresses.health
    answer = get(url, target.access.health, max_bytes=MAX_BYTES)
    if answer.problem:
        return ServedBuild(Measured.ERROR, 0, None, "", url, answer.problem)
    return parse(url, answer.status, answer.body)


def parse(url: str, status: int, body: bytes) -> ServedBuild:
    """Parse the response of a health address; a response with status 503 names the build, too.

    Args:
        url: the health address.
        status: the HTTP status of the response.
        body: the body as received; untrusted.
    """
    try:
        content = json_values.object_of(json_values.loads(body))
        release, version, digest, deployment = (
            json_values.name(content[key], MAX_NAME)
            for key in ("release", "version", "digest", "deployment")
        )
    except json_values.MALFORMED:
        problem = f"the response has status {status} and does not name a build"
        return ServedBuild(Measured.ERROR, status, None, "", url, problem)
    build = Build(release=release, version=version, digest=digest)
    return ServedBuild(Measured.OK, status, build, deployment, url, "")
