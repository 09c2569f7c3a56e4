"""What both vendors' clients need of HTTP: safe addresses, bounded answers."""

from __future__ import annotations

import ipaddress
import ssl
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from shared.words import System

# The only packing that is asked for and unpacked.
ACCEPT_ENCODING = "gzip"
_PIECE = 64 * 1024  # bytes unpacked at a time

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
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError(
            f"{system.title}'s address must begin with https://: credentials would cross the "
            f"network to {parts.hostname} unencrypted (http:// is for this machine only)"
        )
    return url.strip().rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def new_http(base_url: str, **options: Any) -> httpx.Client:
    """An HTTP client for a vendor at a checked address; options are httpx.Client's own."""
    # A proxy named in the environment must not see the secrets of an unencrypted call.
    return httpx.Client(trust_env=base_url.startswith("https:"), verify=tls(), **options)


@cache
def tls() -> ssl.SSLContext:
    """How we speak TLS, and with whom. One for the whole process: it takes 20 ms to read all
    authorities, and memory to keep them."""
    return httpx.create_ssl_context()


def why_not_sent(url: str, error: httpx.RequestError) -> str:
    """Why nothing reached the server of an address, for people."""
    host = urlsplit(url).hostname
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"the certificate of {host} is not accepted ({cause.verify_message}). Nothing was "
                "sent there: it may be somebody else's server"
            )
        cause = cause.__cause__ or cause.__context__
    return f"{host}: {str(error) or type(error).__name__}"


class UnusableBody(Exception):
    """The body of an answer is larger than any honest one, takes longer, or cannot be unpacked;
    the message says which."""


# Each element takes some 400 bytes once it is read, however small it was on its way.
MOST_PARTS = 1_000_000


def read_bounded(
    response: httpx.Response,
    *,
    largest: int,
    begins: bytes,
    longest: timedelta,
    clock: Callable[[], float],
) -> bytes:
    """The body of an answer, unpacked; it never takes much more memory than the largest one.

    Args:
        largest: bytes.
        begins: the characters of which each begins a part of it, such as an element.
        longest: from its first byte to its last.
        clock: seconds that only go forward.

    Raises:
        UnusableBody: it goes beyond either, has too many parts, or is not packed as ACCEPT_ENCODING
            asks.
    """
    body = bytearray()
    latest = clock() + longest.total_seconds()
    for piece in _unpacked(response):
        body += piece
        if len(body) > largest:
            raise UnusableBody(f"it is longer than {largest // (1024 * 1024)} MiB")
        if clock() > latest:
            raise UnusableBody(f"it takes longer than {longest.total_seconds():.0f} s")
    if sum(map(body.count, begins)) > MOST_PARTS:
        raise UnusableBody(f"it has more than {MOST_PARTS:,} parts")
    return bytes(body)


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """A body in small pieces.

    httpx unpacks all that has arrived at once, and packings within packings: one packet of the
    network could become gigabytes before its size is looked at.
    """
    packing = response.headers.get("Content-Encoding", "").strip().lower()
    if packing in {"", "identity"}:
        yield from response.iter_raw()
    elif packing == ACCEPT_ENCODING:
        yield from _gunzipped(response.iter_raw())
    else:
        raise UnusableBody("it is packed in a way that was not asked for")


def _gunzipped(packed: Iterator[bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: gzip's header and checksum
    begun = False
    try:
        for rest in packed:
            while rest and not unpacker.eof:
                begun = True
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail  # noqa: PLW2901 - what the piece had no room for
        yield unpacker.flush()
    except zlib.error:
        raise UnusableBody("it cannot be unpacked") from None
    if begun and not unpacker.eof:
        raise UnusableBody("it is cut off")
