"""What the sandbox refuses, in the API's own error shape (contract section 13)."""

from typing import Any


class Refusal(Exception):
    """An HTTP error with a message and perhaps the parameter that caused it."""

    def __init__(self, status: int, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.parameter = parameter

    @classmethod
    def not_found(cls, what: str, given: object) -> "Refusal":
        """Build the 404 for an id or a word that names nothing."""
        return cls(404, f"{what} not found: {str(given)[:80]!r}")

    @classmethod
    def invalid(cls, message: str, parameter: str) -> "Refusal":
        """Build the 422 for one parameter."""
        return cls(422, message, parameter)

    def body(self) -> dict[str, Any]:
        """The response body."""
        return errors_body([(self.message, self.parameter)])


def errors_body(errors: list[tuple[str, str | None]]) -> dict[str, Any]:
    """`{"errors": [{"message", "parameter"?}]}`."""
    return {
        "errors": [{"message": message, **({"parameter": name} if name else {})} for message, name in errors]
    }
