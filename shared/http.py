"""What both vendors' clients need of HTTP: safe addresses, bounded answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from shared.words import System

# With these errors a request has certainly not reached the server.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def checked_base_url(url: str, system: System) -> str:
    """The base address of a vendor, without a slash at its end.

    Raises:
        ValueError: secrets must not be sent there.
    """
    parts = urlsplit(url.strip())
    if not parts.hostname or parts.scheme not in {"http", "https"}:
        raise ValueError(f"{system.title}'s address must begin with https:// and name a server")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{system.title}'s address must not hold a user name or a password")
    if parts.query or parts.fragment:
        raise ValueError(f"{system.title}'s address must end with its path: no ? and no #")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(
            f"{system.title}'s address must begin with https://: credentials would cross the "
            f"network to {parts.hostname} unencrypted (http:// is for this machine only)"
        )
    return url.strip().rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class UnboundedAnswer(Exception):
    """An answer is larger, or takes longer, than any honest one; the message says which."""


def read_bounded(
    response: httpx.Response, *, largest: int, longest: timedelta, clock: Callable[[], float]
) -> bytes:
    """The body of an answer, unpacked.

    Args:
        largest: bytes.
        longest: from its first byte to its last.
        clock: seconds that only go forward.

    Raises:
        UnboundedAnswer: it goes beyond either.
    """
    body = bytearray()
    latest = clock() + longest.total_seconds()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > largest:
            raise UnboundedAnswer(f"it is longer than {largest // (1024 * 1024)} MiB")
        if clock() > latest:
            raise UnboundedAnswer(f"it takes longer than {longest.total_seconds():.0f} s")
    return bytes(body)
