"""Replaces secrets by asterisks in texts that people read or that are written to files."""

import json
import re
from collections.abc import Iterable
from typing import Any

SECRET_KEYS = frozenset(
    {
        "access_token",
        "backup_codes",
        "challenge_token",
        "code",
        "cvv",
        "expiry",
        "method_token",
        "number",
        "password",
        "provisioning_uri",
        "refresh_token",
        "secret",
        "token",
    }
)
TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
# The code of a documented error, ``{"error": {"code": …}}``, is a word and no secret.
ERROR_CODE = re.compile(r"[a-z_]+")
STARS = "***"


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """Replace tokens and secrets in a text by asterisks; UTF-8 can encode the result.

    Args:
        text: the text.
        secrets: the secrets to replace; JSON Web Tokens are always replaced.
    """
    text = text.encode(errors="backslashreplace").decode()
    for secret in secrets:
        if secret:
            text = text.replace(secret, STARS)
    return TOKEN.sub(STARS, text)


def masked_json(content: Any) -> Any:  # noqa: ANN401 - any JSON
    """Replace the values of secret keys in JSON, but keep ``error.code``, which is no secret."""
    if isinstance(content, dict):
        masked_content = {
            key: STARS if key in SECRET_KEYS and value is not None else masked_json(value)
            for key, value in content.items()
        }
        error = content.get("error")
        if isinstance(error, dict) and ERROR_CODE.fullmatch(str(error.get("code"))):
            masked_content["error"] = {**masked_json(error), "code": error["code"]}
        return masked_content
    if isinstance(content, list):
        return [masked_json(item) for item in content]
    return content


def masked_body(content: object, max_length: int = 600) -> str:
    """Return the text of a body for a message, with masked secrets.

    Args:
        content: the parsed body.
        max_length: the number of characters after which the text is cut.
    """
    text = masked(json.dumps(masked_json(content), ensure_ascii=False, default=str))
    return text if len(text) <= max_length else text[:max_length] + "…"
