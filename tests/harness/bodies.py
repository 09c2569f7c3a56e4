"""Bodies no honest vendor sends."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from tests.harness.spoiled import PIECE

HUNDRED_MB = 100 * 1000 * 1000
Body = bytes | Iterator[bytes]


def endless() -> Iterator[bytes]:
    """100 MB, made as they are sent."""
    for _ in range(HUNDRED_MB // PIECE):
        yield b" " * PIECE


@lru_cache
def bomb(layers: int = 1) -> bytes:
    """100 MB packed with gzip, in as many layers as wanted."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as file:
        for piece in endless():
            file.write(piece)
    body = packed.getvalue()
    for _ in range(layers - 1):
        body = gzip.compress(body)
    return body


@lru_cache
def crumbs() -> bytes:
    """Short enough, but of more parts than could be held, whichever way it is read."""
    return gzip.compress(b"<a/>[],{}," * 1_200_000, compresslevel=1)


# What is sent, how it says it is packed, and what the failure says of it.
TOO_MUCH: dict[str, tuple[Callable[[], Body], str | None, str]] = {
    "100 MB": (endless, None, "longer than"),
    "100 MB packed": (bomb, "gzip", "longer than"),
    "100 MB packed twice": (lambda: bomb(2), "gzip, gzip", "not asked for"),
    "crumbs": (crumbs, "gzip", "more than 1,000,000 parts"),
    "packed otherwise": (lambda: b"\x0b\x02\x80abc\x03", "br", "not asked for"),
    "packed and cut off": (lambda: gzip.compress(b"{}")[:-4], "gzip", "cut off"),
    "not packed at all": (lambda: b"{}", "gzip", "cannot be unpacked"),
}


def packed_as(packing: str | None) -> dict[str, Any]:
    return {} if packing is None else {"content_encoding": packing}


@contextmanager
def memory_at_most(megabytes: int) -> Iterator[None]:
    """Both ends of the line together take no more memory than this."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1024 * 1024, f"{peak / 1024 / 1024:.0f} MiB"
