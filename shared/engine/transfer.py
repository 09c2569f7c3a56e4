"""The way of one change: read, map, compare, write once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from shared import idempotency
from shared.clock import Clock
from shared.engine.clients import Clients
from shared.engine.conflict import lost, newest_wins, overwritten
from shared.engine.emptying import emptied_since, kept_empty, not_emptied
from shared.engine.foresight import Foresight
from shared.engine.matching import Match, find_match, see_to_twins
from shared.engine.recovery import Recovery, fields_of
from shared.engine.references import Missing, key_at_target
from shared.engine.refusals import naming_settings
from shared.engine.renumbering import new_numbers, renumbered, see_that_it_is_no_other
from shared.engine.wanted import left_alone
from shared.engine.writing import Result, Write, Writer
from shared.entity import Entity, Reference, Seen, changed, differs
from shared.failures import Failure, Rejected, Unmappable
from shared.journal.decide import Wait
from shared.kind import Context, Kind, Payload, Record, Written
from shared.links import counterpart, find_link, make_link, number_before, see, seen
from shared.settings import Settings
from shared.tables import Change, IdempotencyKey, Link
from shared.words import Direction, Origin, Outcome, System

AnyKind = Kind[Any]


@dataclass
class Transfer:
    """One try at one change.

    Attributes:
        settle: how long after a write without an answer its absence counts as proven.
        writer: what is done with the write, or with the result where none is needed.
        notes: remarks for the journal.
        foresight: for a preview, the keys that records this one needs would have.
    """

    change: Change
    kind: AnyKind
    settings: Settings
    clients: Clients
    sessions: sessionmaker[Session]
    clock: Clock
    settle: timedelta
    writer: Writer
    notes: list[str]
    foresight: Foresight | None = None

    def __post_init__(self) -> None:
        self.direction = Direction(self.change.direction)
        self.new_numbers: Payload = {}
        self.source = self.kind.side(self.direction.source)
        self.target = self.kind.side(self.direction.target)
        self.source_client = self.clients.of(self.direction.source)
        self.target_client = self.clients.of(self.direction.target)
        self.recovery = Recovery(
            self.change,
            self.kind,
            self.settings,
            self.clients,
            self.sessions,
            self.clock,
            self.settle,
            self.writer,
        )

    # -- the way --------------------------------------------------------------------------------

    def run(self) -> None:
        """Take the change to its end.

        Raises:
            Failure: it cannot be transferred now, or at all.
            Missing: another record has to be transferred first.
            Wait: it has to wait a moment.
            ClaimLost: another worker has taken over.
        """
        result = self._without_writing()
        if result is not None:
            self.writer.store(result)

    def _without_writing(self) -> Result | None:
        """The result where nothing needs to be written; None when a write has stored its own."""
        link = self._link_of(self.kind.name, self.direction.source, self.change.key)
        self.recovery.catch_up(link)
        record = self._record(link)
        if record is None:
            return self._gone(link)
        reason = self.source.excluded(record, self.settings)
        if link is None and reason is None:
            reason = self._left_alone(record)
        if link is not None:
            reason = self.source.rests(record, self.settings)
        if reason is not None:
            return Result(Outcome.SKIPPED, message=reason)
        if link is None and (doubt := self.source.doubtful(record)) is not None:
            raise Unmappable(doubt)
        entity = self.source.parse(record, self._context())
        reason = entity.needless() if link is None else None
        if reason is not None and self.recovery.earlier_creation() is None:
            return Result(Outcome.SKIPPED, message=reason)
        if link is not None and not self.change.forced and self._is_as_seen(link, entity):
            key = counterpart(link, self.direction.source)
            return Result(Outcome.UNCHANGED, key, source_seen=entity.seen())
        try:
            desired = entity.with_references(self._key_at_target)
        except Missing as missing:
            if self.kind.brings_along:
                raise
            return Result(Outcome.SKIPPED, message=f"Its {missing} is not linked.")
        ours = entity if self.direction.source is System.RACKBEAT else desired
        self.writer.moved = list(self.kind.moves(self.direction, ours, self.settings))
        if link is None:
            return self._first_time(entity, desired, record)
        return self._linked(entity, desired, link, record)

    def _record(self, link: Link | None) -> Record | None:
        """The source record as it is now.

        What the trigger read will do where nothing has to be written over: it may be older than
        the last write into the source, and would undo that.
        """
        snapshot = self._completed(self.change.snapshot)
        if snapshot is not None and link is not None:
            entity = self.source.parse(snapshot, Context(self.settings))
            snapshot = snapshot if self._is_as_seen(link, entity) else None
        return snapshot or self._completed(self.source.read(self.source_client, self.change.key))

    def _completed(self, record: Record | None) -> Record | None:
        if record is None:
            return None
        return self.source.completed(self.source_client, record, self.settings)

    def _is_as_seen(self, link: Link, entity: Entity) -> bool:
        """Whether the source record is as it was when both sides last agreed."""
        known = seen(link, self.direction.source)
        renumbered_since = self.direction.source is System.RACKBEAT and number_before(link)
        return bool(known) and not renumbered_since and not differs(known, entity.seen())

    def _left_alone(self, record: Record) -> str | None:
        with self.sessions() as session:
            reason = left_alone(session, self.change, self.kind, record)
        return reason if reason is None or self.recovery.earlier_creation() is None else None

    def _gone(self, link: Link | None) -> Result | None:
        """The source record does not exist: the target's is switched off, never deleted."""
        source, target = self.direction.source.title, self.direction.target.title
        if link is None:
            return Result(Outcome.SKIPPED, message=f"It does not exist in {source}.")
        key = counterpart(link, self.direction.source)
        gone = f"It has been deleted in {source}. "
        existing = self.target.read(self.target_client, key)
        if existing is None:
            message = f"{gone}It is gone in {target} as well."
            return Result(Outcome.UNCHANGED, key, message=message, source_seen={})
        current = self.target.parse(existing, Context(self.settings))
        inactive = current.switched_off()
        if inactive is None or not self._can_be(inactive, current, existing):
            message = (
                f"{gone}{target} has no inactive state for it or takes none; it is left there."
            )
            return Result(Outcome.SKIPPED, key, message=message, source_seen={})
        self.notes.append(f"{gone}It is to be inactive in {target}.")
        return self._bring_to(inactive, existing, key, Outcome.UNCHANGED, source_seen={})

    def _can_be(self, inactive: Entity, current: Entity, existing: Record) -> bool:
        """Whether writing the inactive record changes anything at the target, or has done so."""
        _, written = self._rendered(inactive, existing)
        return inactive == current or written.over(current).seen() != current.seen()

    # -- mapping --------------------------------------------------------------------------------

    def _context(self, **more: Any) -> Context:
        return Context(self.settings, notes=self.notes, **more)

    def _link_of(self, kind: str, system: System, key: str) -> Link | None:
        with self.sessions() as session:
            return find_link(session, self.change.connection_id, kind, system, key)

    def _key_at_target(self, reference: Reference) -> str | None:
        try:
            with self.sessions() as session:
                return key_at_target(session, self.change, reference)
        except (Missing, Wait):
            if self.foresight is None:
                raise
            if reference.optional:
                return None
            return self.foresight.key_of(self.change, reference)

    def _rendered(self, desired: Entity, existing: Record | None) -> tuple[Payload, Entity]:
        """The payload, and the target's entity as it will be once that is written."""
        needed = self.target.lookups(desired, self.settings)
        look_up = self.clients.peek if self.foresight else self.clients.look_up
        found = {lookup: look_up(self.target, lookup, self.notes.append) for lookup in needed}
        context = self._context(found=found, existing=existing)
        payload = self.target.render(desired, context)
        return payload, self.target.parse(payload, Context(self.settings, found=found))

    # -- the first time -------------------------------------------------------------------------

    def _first_time(self, entity: Entity, desired: Entity, record: Record) -> Result | None:
        earlier = self.recovery.earlier_creation()
        if earlier is None and (link := self._renumbered(entity)) is not None:
            return self._linked(entity, desired, link, record)
        candidates = self.change.candidates if earlier is None else None
        if candidates is None and earlier is None:
            see_to_twins(
                self.kind,
                self.direction,
                entity,
                own_key=self.change.key,
                client=self.source_client,
                context=self._context(),
            )
        if candidates == [] and self._is_taken_meanwhile(desired):
            candidates = None
        match = self._match(desired, candidates, earlier)
        if match is not None and idempotency.is_unanswered(earlier):
            return self._created_before(entity, desired, record, match, earlier)
        if match is not None:
            return self._matched(entity, desired, match)
        if earlier is not None:
            self.recovery.absence_is_proven(earlier)
        self.recovery.is_not_our_own_writing()
        try:
            self._create(entity, desired)
        except Rejected:
            # Perhaps the record is there by now, or was missing in whole lists that were compared.
            if (match := self._match(desired, None, earlier)) is None:
                raise
            return self._matched(entity, desired, match)
        return None

    def _renumbered(self, entity: Entity) -> Link | None:
        if self.direction.source is not System.RACKBEAT:
            return None
        return renumbered(
            self.sessions,
            self.change,
            self.kind,
            entity,
            read=lambda key: self.source.read(self.source_client, key),
            pretend=self.foresight is not None,
        )

    def _match(
        self, desired: Entity, candidates: list[str] | None, earlier: IdempotencyKey | None
    ) -> Match | None:
        kind, source = self.kind.name, self.direction.source
        try:
            return find_match(
                self.kind,
                self.direction,
                desired,
                client=self.target_client,
                source_client=self.source_client,
                context=self._context(),
                candidates=candidates,
                own_key=self.change.key,
                linked_to=self._linked_to,
                is_linked=lambda key: self._link_of(kind, source, key) is not None,
                settled=lambda key: self.recovery.is_not_our_own_writing(
                    made_of=key, after=earlier
                ),
                created=idempotency.is_unanswered(earlier),
            )
        except Unmappable:
            # What seems to be somebody else's may be a copy of ours that is not linked yet.
            self.recovery.is_not_our_own_writing()
            raise

    def _is_taken_meanwhile(self, desired: Entity) -> bool:
        """Whether another kind may have got this one's key since whole lists were compared."""
        values = {value for _name, value in desired.identifiers()}
        return any(
            self._link_of(kind, self.direction.target, value) is not None
            for kind in self.target.shares_keys_with
            for value in values
        )

    def _linked_to(self, target_key: str) -> str | None:
        link = self._link_of(self.kind.name, self.direction.target, target_key)
        return counterpart(link, self.direction.target) if link is not None else None

    def _matched(self, entity: Entity, desired: Entity, match: Match) -> Result | None:
        if self.kind.initial:  # documents are written whole
            current = self.target.parse(match.record, Context(self.settings))
            desired = desired.without(desired.as_in(current.seen()))
        return self._bring_to(
            desired,
            match.record,
            match.key,
            Outcome.MATCHED,
            source_seen=entity.seen(),
            overruled={},
        )

    def _created_before(
        self, entity: Entity, desired: Entity, record: Record, match: Match, earlier: IdempotencyKey
    ) -> Result | None:
        """A creation whose answer never came was carried out: go on as if it had been linked then,
        so that what was edited since is an edit."""
        now = self.clock()
        link = make_link(
            self.change.connection_id,
            self.kind.name,
            source=self.direction.source,
            source_key=self.change.key,
            target_key=match.key,
            now=now,
        )
        see(link, self.direction.source, earlier.source_seen or {}, now)
        see(link, self.direction.target, earlier.target_seen or {}, now)
        self.recovery.catch_up(link)
        return self._onto(entity, desired, link, record, match.record, Outcome.MATCHED)

    def _create(self, entity: Entity, desired: Entity) -> None:
        payload, after = self._rendered(desired, None)
        self.writer.write_once(
            Write(
                idempotency.CREATE,
                payload,
                target_key=self.target.key_beforehand(payload),
                source_seen=entity.seen(),
                before={},
                after=after.known(),
                send=lambda: self._made(payload),
                fields_of=lambda made: self._as_made(made, after.known()),
            )
        )

    def _made(self, payload: Payload) -> Written:
        with naming_settings(self.target, payload, self.settings):
            return self.target.create(self.target_client, payload)

    def _as_made(self, made: Written, fields: Seen) -> Seen:
        """What was written and what the target has filled in: what differs later is an edit."""
        try:
            record = made.record or self.target.read(self.target_client, made.key)
            return fields_of(self.target, record, self.settings) | fields
        except Failure:
            return fields

    # -- again ----------------------------------------------------------------------------------

    def _linked(self, entity: Entity, desired: Entity, link: Link, record: Record) -> Result | None:
        target_key = counterpart(link, self.direction.source)
        existing = self.target.read(self.target_client, target_key)
        if existing is None:
            raise Unmappable(
                f"{self.kind.title} {target_key} has been deleted in "
                f"{self.direction.target.title}, where this record was transferred to. Restore it "
                "there, or remove the link with `varebro link remove` to have it created anew."
            )
        if not seen(link, self.direction.source):
            current = self.target.parse(existing, Context(self.settings))
            see_that_it_is_no_other(self.change, self.kind, desired, current)
        return self._onto(entity, desired, link, record, existing, Outcome.UNCHANGED)

    def _onto(  # noqa: PLR0917
        self,
        entity: Entity,
        desired: Entity,
        link: Link,
        record: Record,
        existing: Record,
        otherwise: Outcome,
    ) -> Result | None:
        target_key = counterpart(link, self.direction.source)
        if (reason := self.target.refuses(existing, self.settings)) is not None:
            return self._refused(reason, existing, target_key)
        edited = self._edited_at_target(link, existing)
        takes = self.source.takes_only(record)
        contested = edited if takes is None else edited & takes
        if contested and self._winner(record, existing) is not self.direction.source:
            current = self.target.parse(existing, Context(self.settings))
            return lost(desired, current, link, self.direction, self.notes.append)
        self.new_numbers = new_numbers(
            self.target, self.target_client, link, entity, existing, context=self._context()
        )
        desired = self._with_empty_fields(entity, desired, link, existing)
        if self._edits_count_at_target():
            unedited = entity.as_in(seen(link, self.direction.source)) - edited
            desired = desired.without(unedited)
        before = seen(link, self.direction.target) if edited or self.change.forced else None
        return self._bring_to(
            desired, existing, target_key, otherwise, source_seen=entity.seen(), overruled=before
        )

    def _refused(self, reason: str, existing: Record, target_key: str) -> Result:
        """Where it is linked: as not transferred, so that the next edit of it is no known one."""
        result = Result(Outcome.SKIPPED, target_key, message=reason)
        if not self.kind.links_refused:
            return result
        current = self.target.parse(existing, Context(self.settings))
        return replace(result, source_seen={}, target_seen=current.seen())

    def _with_empty_fields(
        self, entity: Entity, desired: Entity, link: Link, existing: Record
    ) -> Entity:
        """The desired record with what it is to empty, and without what stays empty."""
        current = self.target.parse(existing, Context(self.settings))
        known = seen(link, self.direction.source)
        emptied = emptied_since(known, entity)
        if self.target.takes_empty(existing):
            desired = desired.with_all(emptied, "")
        else:
            why = "which takes no empty value there"
            self.notes += not_emptied(emptied, current, self.direction, why)
        if self._edits_count_at_target():
            kept = kept_empty(
                entity,
                current,
                source_known=known,
                target_known=seen(link, self.direction.target),
            )
            desired = desired.with_all(kept, None)
        return desired

    def _edits_count_at_target(self) -> bool:
        """Whether what people do at the target is an edit, not something to be undone."""
        both = self.settings.of(self.kind.name).origin is Origin.BOTH
        return both and not self.change.forced

    def _edited_at_target(self, link: Link, existing: Record) -> set[str]:
        """The fields that were edited at the target, too, since both sides last agreed."""
        if not self._edits_count_at_target():
            return set()
        current = self.target.parse(existing, Context(self.settings)).seen()
        return changed(seen(link, self.direction.target), current)

    def _winner(self, record: Record, existing: Record) -> System:
        if (by_setting := self.settings.conflict.winner) is not None:
            return by_setting
        with self.sessions() as session:
            return newest_wins(session, self.change, self.kind, record=record, existing=existing)

    def _bring_to(
        self,
        desired: Entity,
        existing: Record,
        target_key: str,
        otherwise: Outcome,
        *,
        source_seen: Seen,
        overruled: Seen | None = None,
    ) -> Result | None:
        """Make the target's record equal to the desired one, if it is not.

        Args:
            overruled: the target's fields as they were when both sides last agreed, where what is
                there now may be somebody's edit; the values that are given up are then noted.
        """
        if (reason := self.target.refuses(existing, self.settings)) is not None:
            return self._refused(reason, existing, target_key)
        current = self.target.parse(existing, Context(self.settings))
        payload, written = self._rendered(desired, existing)
        payload |= self.new_numbers
        empty = {name for name in desired.to_be_emptied() if getattr(written, name) is None}
        after = written.over(current).with_all(empty, None).seen()
        if after == current.seen() and not self.new_numbers:
            return Result(otherwise, target_key, source_seen=source_seen, target_seen=after)
        if overruled is not None and (given_up := overwritten(current, after, overruled)):
            where = self.direction.target.title
            self.notes.append(f"Values in {where} that were given up: {given_up}")
        write = Write(
            idempotency.UPDATE,
            payload,
            target_key=target_key,
            source_seen=source_seen,
            before=current.seen(),
            after=after,
            send=lambda: self._update(target_key, payload, existing),
        )
        try:
            self.writer.write_once(write)
        except Rejected as refused:
            if not empty:
                raise
            # Perhaps it insists on a value there: the rest does not have to wait for that.
            why = f"which refused it ({refused.message})"
            self.notes += not_emptied(empty, current, self.direction, why)
            rest = desired.with_all(empty, None)
            return self._bring_to(rest, existing, target_key, otherwise, source_seen=source_seen)
        return None

    def _update(self, target_key: str, payload: Payload, existing: Record) -> Written:
        self.target.update(self.target_client, target_key, payload, existing)
        return Written(target_key)
