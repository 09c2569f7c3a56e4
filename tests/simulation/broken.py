"""The same engine with one safeguard less, to see that the simulation notices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from unittest.mock import patch

from shared.engine import transfer, writing
from shared.journal import claims
from tests.simulation.broker import Broker

Broken = Callable[[], AbstractContextManager[object]]


def nobody_remembers_what_was_agreed() -> AbstractContextManager[object]:
    """Our own writing looks like a person's edit."""
    return patch.object(writing, "see", lambda *_: None)


def nobody_looks_before_creating() -> AbstractContextManager[object]:
    """A creation whose answer was lost is made once more."""
    return patch.object(transfer, "find_match", lambda *_, **__: None)


def dead_workers_keep_their_claims() -> AbstractContextManager[object]:
    """What a killed worker had claimed is never given back."""
    return patch.object(claims, "expire_claims", lambda *_, **__: 0)


def webhooks_are_answered_before_they_are_stored() -> AbstractContextManager[object]:
    """Rackbeat does not repeat what a killed process had not committed."""
    return patch.object(Broker, "not_acknowledged", lambda *_: None)


BROKEN: tuple[Broken, ...] = (
    nobody_remembers_what_was_agreed,
    nobody_looks_before_creating,
    dead_workers_keep_their_claims,
    webhooks_are_answered_before_they_are_stored,
)
