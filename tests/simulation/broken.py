"""The same engine with one safeguard less, to see that the simulation notices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from sqlalchemy.orm import Session

from shared.engine import transfer, writing
from shared.engine.recovery import Recovery
from shared.engine.transfer import Transfer
from shared.engine.writing import JournalWriter
from shared.journal import claims
from shared.tables import Change, Link
from tests.simulation import vendors
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


def nobody_waits_after_an_unanswered_write() -> AbstractContextManager[object]:
    """What is not there at once is taken to be never coming."""
    return patch.object(Recovery, "_time_is_up", lambda *_: None)


def nobody_logs_in_again() -> AbstractContextManager[object]:
    """A session that has expired stays the one that calls are made in."""
    return patch.object(
        vendors,
        "in_session",
        lambda store, login, attempt: attempt(store.current() or store.renew(None, login)),
    )


def nobody_checks_the_claim_before_a_write() -> AbstractContextManager[object]:
    """Who wakes up after the claim has gone to another worker writes all the same."""

    def unchecked(writer: JournalWriter, session: Session) -> Change:
        return session.get_one(Change, writer.change.id)

    return patch.object(JournalWriter, "_claim_holds", unchecked)


def nobody_sees_what_was_linked_meanwhile() -> AbstractContextManager[object]:
    """What the other direction has found since is created all the same."""
    return patch.object(JournalWriter, "_is_not_linked_meanwhile", lambda *_: None)


def a_new_link_is_not_told_of_earlier_updates() -> AbstractContextManager[object]:
    """What we wrote into a record after an unanswered creation looks like a person's edit."""
    take_note = Recovery._take_note

    def only_of_stored(recovery: Recovery, link: Link, *more: Any) -> None:
        if link.id is not None:
            take_note(recovery, link, *more)

    return patch.object(Recovery, "_take_note", only_of_stored)


def calls_leave_long_after_their_key() -> AbstractContextManager[object]:
    """Who stood still between the key and the call sends it when others think it cannot come."""
    return patch.object(writing, "SOON", timedelta(days=1))


def both_directions_of_a_pair_run_at_once() -> AbstractContextManager[object]:
    """Only changes of the very same record exclude each other."""
    busy = claims._busy
    return patch.object(claims, "_busy", lambda session, change, _link: busy(session, change, None))


def the_other_edit_wins() -> AbstractContextManager[object]:
    """Of two edits the one that is to be given up is kept."""
    winner = Transfer._winner
    return patch.object(Transfer, "_winner", lambda *about: winner(*about).other)
