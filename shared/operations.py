"""What people can ask for, by command line, HTTP or task: written once for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, and_, delete, exists, select, true, tuple_, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from shared import audit, rereading
from shared.connections import NotUsable, connection_called
from shared.engine.engine import Engine
from shared.engine.foresight import Foresight, without_unknown_keys
from shared.engine.wanted import against_the_origin
from shared.journal.decide import explain
from shared.journal.record import News
from shared.links import find_link, relink
from shared.pulls import bring_forward, pull
from shared.runs import check_way, kind_called, kinds_of, news_of, start_run
from shared.settings import Settings, as_stored, check_changed, load_settings
from shared.tables import Change, Connection, IdempotencyKey, Link, Run
from shared.traces import log_failure
from shared.values import moment
from shared.words import Cause, Direction, FailureClass, State, System

log = structlog.get_logger()

# PostgreSQL's calendar is longer than Python's, and the vendors' are shorter than both.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def time_asked_for(given: str | None) -> datetime | None:
    """A time that somebody has written; without a zone it is in UTC.

    Raises:
        NotUsable: it is none, or one of another age.
    """
    if given is None:
        return None
    time = moment(given)
    if time is None or not EARLIEST <= time < LATEST:
        raise NotUsable(
            f"'{given}' is not a time between {EARLIEST:%Y} and {LATEST:%Y}. Write it like "
            "2026-11-24T08:00:00+01:00."
        )
    return time


def system_called(name: str) -> System:
    """A system, as somebody has written it.

    Raises:
        NotUsable: there is none of that name.
    """
    try:
        return System(name)
    except ValueError:
        raise NotUsable(f"'{name}' is no system. Choose rackbeat or 24so.") from None


def only_kind(kinds: Sequence[str] | str | None) -> str:
    """The kind that keys belong to.

    Raises:
        NotUsable: none is named, or several are.
    """
    match kinds:
        case str(kind) | [str(kind)]:
            return kind
    raise NotUsable("Name the one kind the keys belong to.")


def check_no_span(since: datetime | None, until: datetime | None) -> None:
    """Make sure that no span of time is given, where records are named.

    Raises:
        NotUsable: one is.
    """
    if since is not None or until is not None:
        raise NotUsable(
            "Name either keys or a span of time (since, until): records that are named are "
            "transferred whenever they have changed."
        )


@dataclass(frozen=True)
class Intended:
    """What a transfer would do.

    Attributes:
        outcome: created, updated, matched, unchanged or skipped; "parked" where it would fail.
        fields: by name, the target's value now and then.
        notes: what the journal would remark.
    """

    kind: str
    key: str
    outcome: str
    target_key: str | None
    message: str | None
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass
class Operations:
    """All requests, for one person.

    Attributes:
        actor: who asks, for the audit trail.
    """

    engine: Engine
    actor: str

    def connection(self, slug: str) -> Connection:
        """The connection of that name.

        Raises:
            NotUsable: there is none.
        """
        with self.engine.sessions() as session:
            return connection_called(session, slug)

    def kind(self, name: str) -> str:
        """The name itself, if there is such a kind.

        Raises:
            NotUsable: there is none.
        """
        return kind_called(self.engine, name).name

    # -- settings -------------------------------------------------------------------------------

    def settings(self, slug: str) -> Settings:
        """A connection's settings, defaults included."""
        return load_settings(self.connection(slug).settings)

    def change_settings(self, slug: str, changes: dict[str, Any]) -> Settings:
        """Change settings, named as "product.origin"; None goes back to the default. Others stay
        as they are stored, also such as could only be chosen earlier.

        What is under way is transferred by the new settings: they are read for every change. What
        is parked because something did not fit, perhaps a setting, is tried again.

        Raises:
            SettingsError: they would not hold together; nothing is changed then.
        """
        connection, now = self.connection(slug), self.engine.clock()
        connection_id = connection.id
        before = load_settings(connection.settings)
        after, _ = _checked(connection.settings, changes)
        # Already now: what is only read from elsewhere from then on is nobody's edit.
        self._forget(connection_id, before, after)
        with self.engine.sessions.begin() as session:
            connection = session.get_one(Connection, connection_id, with_for_update=True)
            before = load_settings(connection.settings)
            after, connection.settings = _checked(connection.settings, changes)
            bring_forward(session, connection_id, after, self.engine.kinds, now=now)
            audit.note(
                session,
                connection_id,
                "settings changed",
                actor=self.actor,
                now=now,
                changes={
                    name: {"from": _value(before, name), "to": _value(after, name)}
                    for name in changes
                },
            )
        if after != before:
            # Not above: workers hold links and changes while they ask for the connection's row.
            self._forget(connection_id, before, after)
            with self.engine.sessions.begin() as session:
                _try_again(session, _is_parked(connection_id) & _DID_NOT_FIT, now=now)
        return after

    def _forget(self, connection_id: int, before: Settings, after: Settings) -> None:
        with self.engine.sessions.begin() as session:
            rereading.forget(session, connection_id, self.engine.kinds.values(), before, after)

    # -- transfers ------------------------------------------------------------------------------

    def pull(self, slug: str, kind: str) -> int:
        """Ask 24SevenOffice what has changed; how many records have."""
        self.connection(slug)
        return pull(self.engine, slug, self.kind(kind))

    def resync(self, slug: str, kind: str, keys: Sequence[str], direction: Direction) -> int:
        """Transfer these records again; how many are on their way.

        Raises:
            NotUsable: the kind never travels that way, or its source could not have such a key.
        """
        connection_id = self.connection(slug).id
        news = self._asked_for(kind, keys, direction)
        self._note(connection_id, "resync", kind=kind, keys=list(keys), direction=direction.value)
        return len(self.engine.announce(connection_id, news))

    def skipped(
        self, slug: str, kinds: Sequence[str] | str | None, direction: Direction
    ) -> str | None:
        """Why records of the named kinds are skipped in that direction; None where they are not."""
        names = [kinds] if isinstance(kinds, str) else [*(kinds or ())]
        settings = self.settings(slug)
        chosen = [kind_called(self.engine, name) for name in names]
        reasons = [against_the_origin(kind, direction, settings) for kind in chosen]
        return " ".join(f"{each} These are skipped." for each in reasons if each) or None

    def transfer(self, slug: str, kind: str, key: str, direction: Direction) -> None:
        """Transfer a record again, here and now.

        Raises:
            NotUsable: the key is none that the source could have.
        """
        (news,) = self._asked_for(kind, [key], direction)
        connection_id = self.connection(slug).id
        self._note(connection_id, "resync", kind=kind, keys=[key], direction=direction.value)
        self.engine.by_hand(slug, news.kind, direction, news.key)

    def begin(self, slug: str, cause: Cause, **about: Any) -> int:
        """Begin a bulk job, or find the same one that is under way; its id.

        Args:
            about: what `shared.runs.start_run` takes.

        Raises:
            NotUsable: there is no such connection or kind, or it never travels that way.
        """
        run = start_run(self.engine, slug, cause, **about)
        said = {name: str(value) for name, value in about.items() if value is not None}
        self._note(self.connection(slug).id, f"{cause.value} of many", run=run, **said)
        return run

    def _asked_for(self, kind: str, keys: Sequence[str], direction: Direction) -> list[News]:
        """Changes for records that a person has named."""
        check_way(kind_called(self.engine, kind), direction)
        if not keys:
            raise NotUsable(
                f"No key is named. Name at least one, or leave keys out to transfer every {kind}."
            )
        for key in keys:
            if direction.source is System.TFSO and not (key.isascii() and key.isdecimal()):
                raise NotUsable(
                    f"'{key}' is no Id of 24SevenOffice: its Ids are whole numbers. Rackbeat's "
                    "number goes with the direction from Rackbeat (--from rackbeat)."
                )
        return [News(kind, direction, key, Cause.RESYNC, forced=True) for key in keys]

    def retry_parked(self, slug: str, change_id: int | None = None) -> int:
        """Try parked changes again, all of a connection or one; how many.

        Raises:
            NotUsable: the one is not parked.
        """
        connection_id = self.connection(slug).id
        now = self.engine.clock()
        with self.engine.sessions.begin() as session:
            retried = _try_again(session, _is_parked(connection_id, change_id), now=now)
            _check_parked(slug, change_id, retried)
            audit.note(
                session, connection_id, "parked changes retried", actor=self.actor, now=now,
                changes=retried,
            )  # fmt: skip
        return len(retried)

    def preview(
        self,
        slug: str,
        cause: Cause,
        direction: Direction,
        kinds: Sequence[str] | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Intended]:
        """What an initial sync or a resync would do, record by record. Nothing is written.

        Raises:
            NotUsable: there is no such connection or kind, or it never travels that way.
        """
        connection = self.connection(slug)
        settings = load_settings(connection.settings)
        wanted = kinds_of(self.engine, connection, cause, direction, kinds)
        run = Run(
            cause=cause.value,
            direction=direction.value,
            kinds=wanted,
            since=since,
            until=until,
        )
        foresight = self.engine.foresight()
        for name in wanted:
            kind = self.engine.kinds[name]
            for news in news_of(self.engine, run, connection, kind, settings):
                yield self._intended(connection.id, news, foresight)

    def preview_records(
        self, slug: str, kind: str, keys: Sequence[str], direction: Direction
    ) -> Iterator[Intended]:
        """What a resync of these records would do. Nothing is written."""
        connection_id = self.connection(slug).id
        foresight = self.engine.foresight()
        for news in self._asked_for(kind, keys, direction):
            yield self._intended(connection_id, news, foresight)

    def preview_retry(self, slug: str, change_id: int | None = None) -> Iterator[Intended]:
        """What another try of what is parked would do. Nothing is written.

        Raises:
            NotUsable: the one is not parked.
        """
        connection_id = self.connection(slug).id
        with self.engine.sessions() as session:
            parked = session.scalars(
                select(Change).where(_is_parked(connection_id, change_id)).order_by(Change.id)
            ).all()
        _check_parked(slug, change_id, parked)
        foresight = self.engine.foresight()
        for each in parked:
            direction, cause = Direction(each.direction), Cause(each.cause)
            news = News(each.kind, direction, each.key, cause, each.bulk, each.forced)
            yield self._intended(connection_id, news, foresight)

    def _intended(self, connection_id: int, news: News, foresight: Foresight) -> Intended:
        change = Change(
            connection_id=connection_id,
            kind=news.kind,
            direction=news.direction.value,
            key=news.key,
            cause=news.cause.value,
            bulk=True,
            forced=news.forced,
            snapshot=news.snapshot,
            candidates=news.candidates,
        )
        try:
            done = self.engine.preview(change, foresight)
        except OperationalError:
            raise  # it is no record's fault
        except Exception as error:  # noqa: BLE001 - a record's bug must stop only that record
            failure = self.engine.understood(error)
            log_failure(log, "not previewed", failure, kind=news.kind, key=news.key)
            return Intended(news.kind, news.key, "parked", None, explain(failure))
        outcome = done.outcome.value if done.outcome else "unchanged"
        return Intended(
            news.kind,
            news.key,
            outcome,
            done.target_key,
            done.message,
            fields=without_unknown_keys(self.engine.kinds[news.kind].entity, done.fields),
            notes=done.notes,
        )

    # -- links ----------------------------------------------------------------------------------

    def unlink(self, slug: str, kind: str, rackbeat_key: str) -> None:
        """Forget that a Rackbeat record and its counterpart are the same thing.

        Raises:
            NotUsable: it is not linked, or is just being transferred.
        """
        connection_id = self.connection(slug).id
        kinds = [self.kind(kind), *self.engine.kinds[kind].followed_by]
        with self.engine.sessions.begin() as session:
            # Locked, so that no transfer of the two begins meanwhile.
            link = find_link(session, connection_id, kind, System.RACKBEAT, rackbeat_key, lock=True)
            if link is None:
                raise NotUsable(f"{kind} {rackbeat_key} is not linked.")
            either_way = [
                (Direction.RACKBEAT_TO_24SO.value, link.rackbeat_key),
                (Direction.TFSO_TO_RACKBEAT.value, link.tfso_key),
            ]
            running = exists().where(
                Change.connection_id == connection_id,
                Change.kind.in_(kinds),
                tuple_(Change.direction, Change.key).in_(either_way),
                Change.state == State.RUNNING.value,
            )
            if session.scalar(select(running)):
                raise NotUsable(
                    f"{kind} {rackbeat_key} is just being transferred. Try again in a moment."
                )
            session.execute(
                delete(Link).where(
                    Link.connection_id == connection_id,
                    Link.kind.in_(kinds),
                    Link.rackbeat_key == link.rackbeat_key,
                )
            )
            session.execute(
                delete(IdempotencyKey).where(
                    IdempotencyKey.connection_id == connection_id,
                    IdempotencyKey.kind.in_(kinds),
                    tuple_(IdempotencyKey.direction, IdempotencyKey.key).in_(either_way),
                )
            )
            audit.note(
                session, connection_id, "unlinked", actor=self.actor, now=self.engine.clock(),
                kind=kind, rackbeat=link.rackbeat_key, tfso=link.tfso_key,
            )  # fmt: skip

    def relink(self, slug: str, kind: str, old: str, new: str) -> None:
        """Let a link follow a Rackbeat record to its new number.

        Raises:
            NotUsable: the old number is not linked.
        """
        connection_id = self.connection(slug).id
        with self.engine.sessions.begin() as session:
            if not relink(session, connection_id, self.engine.kinds[self.kind(kind)], old, new):
                raise NotUsable(f"{kind} {old} is not linked, or {new} is linked already.")
        self._note(connection_id, "relinked", kind=kind, old=old, new=new)
        self.resync(slug, kind, [new], Direction.RACKBEAT_TO_24SO)

    def _note(self, connection_id: int, action: str, **details: Any) -> None:
        with self.engine.sessions.begin() as session:
            audit.note(
                session, connection_id, action, actor=self.actor, now=self.engine.clock(), **details
            )


_DID_NOT_FIT = Change.failure_class.in_(
    [FailureClass.UNMAPPABLE.value, FailureClass.DEPENDENCY.value]
)


def _is_parked(connection_id: int, change_id: int | None = None) -> ColumnElement[bool]:
    """Whether a change of a connection is parked, any or one."""
    return and_(
        Change.connection_id == connection_id,
        Change.state == State.PARKED.value,
        true() if change_id is None else Change.id == change_id,
    )


def _check_parked(slug: str, change_id: int | None, found: Sequence[object]) -> None:
    if change_id is not None and not found:
        raise NotUsable(
            f"{slug} has no parked change {change_id}. `varebro status {slug}` shows those there "
            "are."
        )


def _try_again(session: Session, chosen: ColumnElement[bool], *, now: datetime) -> list[int]:
    """Try parked changes again; their ids."""
    retried = session.scalars(
        update(Change)
        .where(chosen)
        .values(
            state=State.PENDING.value,
            attempts=0,
            due_at=now,
            enqueued_at=None,
            snapshot=None,
            candidates=None,
            blocked_kind=None,
            blocked_key=None,
        )
        .returning(Change.id)
    )
    return list(retried)


def _checked(stored: dict[str, Any], changes: dict[str, Any]) -> tuple[Settings, dict[str, Any]]:
    """Settings with changes, and as they are to be stored."""
    whole = _changed(as_stored(stored), changes)
    return check_changed(stored, _changed({}, changes), whole), as_stored(whole)


def _changed(stored: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Stored settings with changes at dotted names."""
    result = {
        name: dict(value) if isinstance(value, dict) else value for name, value in stored.items()
    }
    for name, value in changes.items():
        group, _, leaf = name.partition(".")
        place, last = (result.setdefault(group, {}), leaf) if leaf else (result, group)
        if not isinstance(place, dict):
            raise NotUsable(f"There is no setting {name}.")
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return result


def _value(settings: Settings, name: str) -> Any:
    value: Any = settings.model_dump(mode="json")
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
