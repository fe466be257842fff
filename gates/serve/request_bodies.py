"""Reads the untrusted body of a request, within a limit of size and a limit of time."""

import asyncio
import json

from starlette.exceptions import HTTPException
from starlette.requests import Request

from gates.json_fields import JsonObject

MAX_BODY_BYTES = 65_536
MAX_BODY_SECONDS = 5.0
MAX_NAME_CHARACTERS = 200
JSON_TYPE = "application/json"


async def read_body(request: Request) -> bytes:
    """Read the body of a request, and return its bytes.

    Raises:
        HTTPException: the body is too large (413), or does not arrive in time (408).
    """
    raw = bytearray()
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            async for part in request.stream():
                raw += part
                if len(raw) > MAX_BODY_BYTES:
                    raise HTTPException(413, f"the body has more than {MAX_BODY_BYTES} bytes")
    except TimeoutError as error:
        raise HTTPException(
            408, f"the body did not arrive within {MAX_BODY_SECONDS:g} s"
        ) from error
    return bytes(raw)


async def read_object(request: Request) -> JsonObject:
    """Read the body of a request, and return its JSON object.

    Raises:
        HTTPException: the body is not declared as JSON (415), is not a JSON object (400), is too
            large (413), or does not arrive in time (408).
    """
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != JSON_TYPE:
        raise HTTPException(415, f"expected Content-Type: {JSON_TYPE}")
    raw = await read_body(request)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(content, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return content


def name_in(content: JsonObject, key: str) -> str:
    """Return the value of a key of a JSON object; the value must be a name.

    Args:
        content: the JSON object in the body of a request.
        key: the key of the name.

    Raises:
        HTTPException: the key is missing, or its value is not a name (400).
    """
    value = content.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_CHARACTERS:
        raise HTTPException(400, f"{key}: expected a text of 1 to {MAX_NAME_CHARACTERS} characters")
    return value
