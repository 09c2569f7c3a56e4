"""The ways in which a call, or one item of a call, goes wrong."""

from __future__ import annotations


class SoapFault(Exception):
    """The whole call fails: answered as a SOAP fault with HTTP status 500.

    Attributes:
        sender: the request itself is at fault, not the server's state.
    """

    def __init__(self, text: str, *, sender: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.sender = sender


class Unreadable(SoapFault):
    """The request does not follow the schema; nothing of it is carried out."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Server was unable to read request. ---> There is an error in the XML document. "
            f"---> {reason}",
            sender=True,
        )


class NotAuthenticated(SoapFault):
    """There is no session, or it has lost its login (the text is the vendor's: reference)."""

    def __init__(self) -> None:
        super().__init__(
            "Server was unable to process request. ---> "
            "Client is not authenticated on this identity"
        )


class IdentityBlocked(SoapFault):
    """The identity may not be used (how the text begins is the vendor's: reference)."""

    def __init__(self) -> None:
        super().__init__(
            "Provided IdentityId is blocked. Ask GetIdentitiesWithCredential for those that "
            "are open and log in again with one of them."
        )


class LimitBroken(SoapFault):
    """One of the vendor's limits is used up: requests an hour, or logins a minute."""


class TooFast(Exception):
    """More requests within a second than the vendor tolerates: HTTP 429 (reference)."""


class RefusedItem(Exception):
    """One item of a Save or Delete is refused; it comes back with an APIException."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
