"""A refused call."""

from __future__ import annotations


class Refused(Exception):
    """Answered with an HTTP status and a JSON body as Laravel writes it (assumed).

    Attributes:
        status: the HTTP status.
        errors: the messages by field, for a body that fails validation.
    """

    def __init__(
        self, status: int, message: str, errors: dict[str, list[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def body(self) -> dict[str, object]:
        body: dict[str, object] = {"message": self.message}
        return body if self.errors is None else body | {"errors": self.errors}


def invalid(errors: dict[str, list[str]]) -> Refused:
    """A 422 for fields."""
    return Refused(422, "The given data was invalid.", errors)


def forbidden_now(message: str) -> Refused:
    """A 422 for something the record's state does not allow."""
    return Refused(422, message)


def not_found() -> Refused:
    return Refused(404, "The requested resource was not found.")
