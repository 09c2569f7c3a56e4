"""What the engine needs of the vendors' clients."""

from __future__ import annotations

from typing import Any, Protocol

from shared.kind import Lookup, Note, Side
from shared.words import System


class Clients(Protocol):
    """Both vendors' clients for one connection."""

    def of(self, system: System) -> Any:
        """The client of one system."""

    def look_up(self, side: Side[Any], lookup: Lookup, note: Note) -> str:
        """The number of a register's value at that side, cached; created there, and noted, if
        missing."""

    def peek(self, side: Side[Any], lookup: Lookup, note: Note) -> str:
        """The same, but nothing is created: what is missing has the number 0."""
