"""The error that the store's handlers raise: a status, a stable code and a sentence."""

# The longest message that the contract allows; a decoder repeats the names of unknown fields.
MAX_MESSAGE = 300


class Refused(Exception):  # noqa: N818 - it is an answer, not a malfunction
    """A request answered with an error status.

    Args:
        status: HTTP status code, 400 to 499.
        code: stable machine-readable word.
        message: a sentence for a person, free of internals.
        headers: additional response headers.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def not_found(what: str) -> Refused:
    return Refused(404, "not_found", f"No such {what}.")


def invalid(message: str) -> Refused:
    return Refused(400, "invalid_request", message[:MAX_MESSAGE])


def forbidden(message: str = "You may not do this.") -> Refused:
    return Refused(403, "forbidden", message)


def conflict(code: str, message: str) -> Refused:
    return Refused(409, code, message)
