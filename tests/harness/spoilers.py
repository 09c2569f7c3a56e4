"""Ways to spoil a vendor's answer that is otherwise right, chosen by chance from one seed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any
from xml.sax.saxutils import escape

from tests.harness.spoiled import Reply

LEAF = re.compile(rb"<(\w+)>([^<]*)</\1>")
TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\uffff",
    "&#0;",
    "x" * 5000,
    "-1",
    "NaN",
    "1e400",
    "Ærlig",
]
TIMES = ["0001-01-01", "9999-12-31T23:59:59-01:00", "10000-01-01", "2026-02-30"]
NUMBERS: list[Any] = [0, -1, 7, 2**63, 10**400, -(2**31), 0.1, 1e308]
ANY: list[Any] = [*TEXTS, *TIMES, *NUMBERS, None, True, False, [], {}, [None], [{}], {"number": 1}]


@dataclass
class Spoiler:
    """Spoils one answer in so many.

    Attributes:
        done: what was spoiled, for messages.
    """

    seed: int
    one_in: int = 4
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)

    def __call__(self, operation: str, reply: Reply) -> Reply:
        body = reply.body
        if not isinstance(body, bytes) or not body or self._chance.randrange(self.one_in):
            return reply
        if operation == "WSDL":
            return reply  # descriptions are kept for long; they have tests of their own
        spoilt = self._json(body) if body[:1] in b"{[" else self._xml(body)
        self.done.append(f"{operation}: {_shortened(body, spoilt)}")
        return replace(reply, body=spoilt)

    def _json(self, body: bytes) -> bytes:
        if not self._chance.randrange(10):
            return self._cut(body)
        document = json.loads(body)
        places = list(_places(document))
        if not places:
            return self._cut(body)
        holder, key = self._chance.choice(places)
        if isinstance(holder, dict) and not self._chance.randrange(4):
            del holder[key]
        else:
            holder[key] = self._chance.choice(ANY)
        return json.dumps(document).encode()

    def _xml(self, body: bytes) -> bytes:
        leaves = list(LEAF.finditer(body))
        if not leaves or not self._chance.randrange(10):
            return self._cut(body)
        leaf = self._chance.choice(leaves)
        if not self._chance.randrange(4):
            return body[: leaf.start()] + body[leaf.end() :]
        text = self._chance.choice([*TEXTS, *TIMES, *map(str, NUMBERS)])
        value = text if text.startswith("&") else escape(text)
        return body[: leaf.start(2)] + value.encode("utf-8", "surrogatepass") + body[leaf.end(2) :]

    def _cut(self, body: bytes) -> bytes:
        return body[: self._chance.randrange(len(body))]


def _places(document: Any) -> Any:
    """Every place in a document where another value could stand."""
    inside = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(inside):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)


def _shortened(before: bytes, after: bytes) -> str:
    """Where two bodies part, and how the second goes on from there."""
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    return f"...{after[max(same - 60, 0) : same + 60]!r}"
