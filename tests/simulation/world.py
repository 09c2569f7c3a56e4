"""One schedule: people, messages, webhooks, workers and the clock, in an order the seed chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, func, select, update

from shared.engine.engine import Engine
from shared.journal.record import News, WakeUp
from shared.journal.turns import LOST_MESSAGE
from shared.probing import probe
from shared.pulls import pull
from shared.runs import DONE, list_run, start_run
from shared.sweep import sweep
from shared.tables import Change, Connection, Cursor, Link, Pause, Run, constant
from shared.words import Cause, Direction, FailureClass, Origin, State, System
from tasks.kinds import KINDS
from tests.simulation.broker import Broker, Message
from tests.simulation.calls import Calls
from tests.simulation.database import Database
from tests.simulation.fate import BEGINNING, Fate, Hazard
from tests.simulation.people import People, Thing
from tests.simulation.vendors import PLAYED, BothClients, Rackbeat, Tfso
from tests.simulation.workers import CLAIM, Worker, Workers

SLUG = "fjell"
WORKERS = 2
SETTLE = timedelta(seconds=90)
A_PULL_LATER = timedelta(minutes=11)
# Stock does not travel here, so that no change of it follows a new product.
SIMULATED = {kind: replace(KINDS[kind], followed_by=()) for kind in PLAYED}
# After so long the sweep takes a message to be lost.
PATIENCE = LOST_MESSAGE + timedelta(seconds=1)
# Between the edits of two people. Less than a minute may look like none in 24SevenOffice.
A_MOMENT, MINUTES = timedelta(seconds=1), timedelta(minutes=2)
MOST_STEPS = 400
MOST_ROUNDS = 60

OPEN = select(Change.state, Change.due_at, Change.enqueued_at, Change.claim_expires_at).where(
    Change.state.in_([constant(state) for state in (State.PENDING, State.RUNNING, State.WAITING)])
)
CHOOSE = update(Connection).values(settings=bindparam("chosen"))
RUNS = select(Run.lease_expires_at).where(Run.state != DONE)
PAUSES = select(Pause.until, Pause.failure_class)
LAST_TURN = select(func.max(Cursor.next_at))
NEWEST = select(func.max(Change.id))
LINKS = select(Link.kind, Link.rackbeat_key, Link.tfso_key, Link.created_at)
CLAIMS = select(Change.kind, Change.direction, Change.key, Change.claim_expires_at).where(
    Change.state == constant(State.RUNNING)
)


class NeverAtRest(AssertionError):
    """The work does not come to an end."""


class World:
    """Everything one schedule has.

    Attributes:
        connection_id: of the one connection there is; none before it is made or taken over.
    """

    connection_id: int

    def __init__(self, database: Database, fate: Fate, *, engine: type[Engine] = Engine) -> None:
        self.fate = fate
        self.database = database
        self.workers = Workers(fate, lambda: not database.in_transaction())
        self.calls = Calls(fate, self._claimed_twice)
        self.rackbeat = Rackbeat(fate, self.workers, self.calls, self._send_webhook)
        self.tfso = Tfso(fate, self.workers, self.calls)
        self.vendors = (self.rackbeat, self.tfso)
        self.broker = Broker(fate)
        clients = BothClients(self.rackbeat, self.tfso)
        self.engine = engine(
            sessions=database.sessions,
            kinds=SIMULATED,
            clients=lambda _connection, _bulk: clients,
            clock=lambda: fate.now,
            enqueue=self._enqueue,
            claim_for=CLAIM,
            settle_for=SETTLE,
        )
        self.people = People(fate, self.rackbeat, self.tfso, self._right_after)
        self._origin, self._wins = Origin.OFF, "newest"
        self._told_at_once = False
        self._moved: object = None

    def connect(self) -> None:
        """Pair the two accounts, in which there is nothing."""
        blank = dict.fromkeys(
            ("rackbeat_url", "tfso_url", "rackbeat_account", "tfso_identity", "tfso_client"), ""
        )
        connection = Connection(slug=SLUG, name=SLUG, settings={}, created_at=BEGINNING, **blank)
        with self.database.sessions.begin() as session:
            session.add(connection)
            session.flush()
            # The first pull finds what there is before anything was made: nothing.
            for kind in SIMULATED:
                session.add(
                    Cursor(
                        connection_id=connection.id,
                        kind=kind,
                        position=BEGINNING,
                        next_at=BEGINNING,
                        baseline=[],
                        rackbeat_baseline={},
                    )
                )
            self.connection_id = connection.id

    def choose(self, origin: Origin, wins: str) -> None:
        """The settings: where records are made, and whose edit counts."""
        settings = {
            **{name: {"origin": "off"} for name in KINDS},
            "product": {"origin": origin},
            "customer": {"origin": origin},
            "order": {"origin": "24so" if origin.lets(Direction.TFSO_TO_RACKBEAT) else "off"},
            "product_group": {"origin": origin, "number": "no"},
            "reconcile": {"nightly": False},
            "conflict": {"wins": wins},
        }
        with self.database.sessions.begin() as session:
            session.execute(CHOOSE, {"chosen": settings})
        self.people.may_edit_in(origin)
        self._origin, self._wins = origin, wins

    # -- what is under way ----------------------------------------------------------------------

    def _enqueue(self, wake_ups: Sequence[WakeUp]) -> None:
        for wake_up in wake_ups:
            says = f"{wake_up.kind} {wake_up.key} {wake_up.direction}"
            self.broker.send(Message(says, partial(self.engine.process, wake_up.change_id)))

    def _send_webhook(self, kind: str, key: str) -> None:
        if self._told_at_once:
            self._receive(kind, key)
            return
        says = f"webhook of {kind} {key}"
        self.broker.send(Message(says, partial(self._receive, kind, key), kept=True))

    def _receive(self, kind: str, key: str) -> None:
        """As the web process does: recorded, committed, and only then answered."""
        if kind == "order" or not self._origin.lets(Direction.RACKBEAT_TO_24SO):
            return
        news = News(kind, Direction.RACKBEAT_TO_24SO, key, Cause.WEBHOOK)
        self.engine.announce(self.connection_id, [news])

    def _send_pull(self, kind: str) -> None:
        self.broker.send(Message(f"pull of {kind}", partial(pull, self.engine, SLUG, kind)))

    def _sweep(self) -> None:
        due = sweep(self.engine)
        self._enqueue(due.changes)
        for _slug, kind in due.pulls:
            self._send_pull(kind)
        for run in due.runs:
            self.broker.send(Message(f"run {run}", partial(list_run, self.engine, run)))
        for slug, name in due.probes:
            system = System(name)
            says = f"probe of {system.title}"
            self.broker.send(Message(says, partial(probe, self.engine, slug, system)))

    def _right_after(self, system: System, kind: str) -> None:
        """The engine hears of an edit at once: by a pull whose turn has come."""
        pulled = system is System.TFSO and self._origin.lets(Direction.TFSO_TO_RACKBEAT)
        if pulled and self.fate.random.random() < 0.7:
            self._send_pull(kind)

    def _claimed_twice(self, kind: str, number: str) -> bool:
        """Whether both directions of a pair are claimed, which was linked before either was."""
        pairs = {(pair.kind, pair.rackbeat_key): pair for pair in self.database.read(LINKS)}
        pair = pairs.get((kind, number))
        if pair is None:
            return False
        keys = {System.RACKBEAT: pair.rackbeat_key, System.TFSO: pair.tfso_key}
        claims = [
            change
            for change in self.database.read(CLAIMS)
            if change.kind == kind and change.key == keys[Direction(change.direction).source]
            if change.claim_expires_at > max(self.fate.now, pair.created_at + CLAIM)
        ]
        return len(claims) > 1

    # -- one step -------------------------------------------------------------------------------

    def _step(self) -> None:
        """Something happens: any of what could."""
        ready = self.workers.ready()
        free = len(self.workers.busy) < WORKERS
        random = self.fate.random
        possible: list[tuple[int, Callable[[], object]]] = [(1, self._time_passes)]
        if free and self.broker.messages:
            possible.append((8, lambda: self._start(self.broker.take())))
        if ready:
            possible.append((8, lambda: self._let(random.choice(ready))))
        if self.people.to_do:
            # People hurry while somebody stands still in between.
            weight = 16 if self.workers.standing_still() else 3
            possible.append((weight, self._a_person_acts))
        ((_, happen),) = random.choices(possible, [weight for weight, _ in possible])
        happen()

    def _time_passes(self) -> None:
        """Some of it, often just until something is due; the sweep may be held up."""
        random = self.fate.random
        until = self.fate.now + timedelta(seconds=random.choice((1, 5, 30, 120, 700)))
        due = self._next_due()
        if due is not None and random.random() < 0.7:
            until = due
        self._let_time_pass(until)
        # Where nothing is due, a sweep would only take time.
        is_due = random.random() < 0.2 or (due is not None and due <= self.fate.now)
        if is_due and len(self.workers.busy) < WORKERS and random.random() < 0.8:
            self._start(Message("sweep", self._sweep))

    def _let_time_pass(self, until: datetime) -> None:
        """Not beyond the next thing that happens by itself, so that each has its time."""
        self.fate.now = max(self.fate.now, min([until, *self._coming()]))
        for vendor in self.vendors:
            vendor.arrive_overdue()

    def _coming(self) -> Iterator[datetime]:
        """When something happens that does not wait for the sweep."""
        for vendor in self.vendors:
            yield from (at for at, _ in vendor.late)
        yield from (worker.stands_still_until for worker in self.workers.standing_still())

    def _a_person_acts(self) -> None:
        busy = self.broker.messages or self.workers.busy or self._late()
        at_rest = not busy and self._next_due() is None
        agreed = self.people.agreed() if at_rest and self._origin is Origin.BOTH else []
        if agreed and self.fate.random.random() < 0.6:
            self._two_people_edit(self.fate.random.choice(agreed))
        else:
            self.people.act(at_rest=at_rest)

    def _two_people_edit(self, thing: Thing) -> None:
        """The same record in both systems, before anything has been transferred."""
        people, random = self.people, self.fate.random
        people.to_do -= 1
        first = random.choice(list(System))
        gap = random.choice((A_MOMENT, MINUTES))
        self._told_at_once = at_once = random.random() < 0.7
        people.edit(thing, first, at_rest=True, harmless=True)
        self.fate.now += gap
        people.edit(thing, first.other, harmless=True)
        self._told_at_once = False
        winner = self._winner(first, gap, at_once=at_once)
        thing.must_show = None if winner is None else people.shown(thing, winner)

    def _winner(self, first: System, gap: timedelta, *, at_once: bool) -> System | None:
        """Whose edit counts; None where 24SevenOffice's minutes or a webhook under way leave open
        which one the engine takes for the newer."""
        if self._wins != "newest":
            return System(self._wins)
        if not at_once or (first is System.RACKBEAT and gap < MINUTES):
            return None
        return first.other

    def _late(self) -> bool:
        return any(vendor.late for vendor in self.vendors)

    def _start(self, message: Message) -> None:
        self._let(self.workers.start(message))

    def _let(self, worker: Worker) -> None:
        if self.workers.let(worker) and worker.died:
            self.broker.not_acknowledged(worker.message)

    # -- the whole ------------------------------------------------------------------------------

    def run(self) -> None:
        """A bad time, and then a good one until nothing moves any more.

        Raises:
            NeverAtRest: something always moves.
        """
        self.fate.be_unkind()
        steps = 0
        while self.people.to_do or self.broker.messages or self.workers.busy:
            steps += 1
            if steps > MOST_STEPS:
                break
            self._step()
        self.fate.tell("from here on nothing goes wrong")
        self.fate.be_kind()
        self.come_to_rest()
        if self.fate.times[Hazard.WEBHOOK_LOST]:
            # Orders are not compared: their list goes by the real clock.
            start_run(self.engine, SLUG, Cause.RECONCILE, kinds=[k for k in PLAYED if k != "order"])
            self.come_to_rest()

    def come_to_rest(self) -> None:
        """Everything that is under way or due is done, until a pull finds nothing new.

        Raises:
            NeverAtRest: something always moves.
        """
        patience = timedelta(seconds=1)
        for _ in range(MOST_ROUNDS):
            written = self._written()
            self._work_off()
            # What waits for a dead worker's claim looks again and again: not that often here.
            idle = written == self._written()
            patience = min(patience * 2, timedelta(minutes=4)) if idle else timedelta(seconds=1)
            due = self._next_due()
            if due is not None:
                self._sweep_at(max(due, self.fate.now + patience))
            elif coming := list(self._coming()):
                self._let_time_pass(min(coming))
            elif self._has_pulled_in_vain():
                return
            else:
                # After a refused login a kind's turn comes later than after the usual time.
                ((turn,),) = self.database.read(LAST_TURN)
                self._sweep_at(max(self.fate.now + A_PULL_LATER, turn))
        raise NeverAtRest("the work does not come to an end")

    def _sweep_at(self, moment: datetime) -> None:
        """Sweep then, or see to what comes first."""
        self._let_time_pass(moment)
        if self.fate.now >= moment:
            self._start(Message("sweep", self._sweep))

    def _work_off(self) -> None:
        """Everything that is under way arrives and is done, but for who stands still."""
        for _ in range(MOST_STEPS):
            for worker in self.workers.ready():
                self._let(worker)
            if not self._may_take():
                return
            self._start(self.broker.messages.pop(0))
        raise NeverAtRest("messages cause messages without end")

    def _may_take(self) -> bool:
        return bool(self.broker.messages) and len(self.workers.busy) < WORKERS

    def _next_due(self) -> datetime | None:
        """When the next open work is due; None when there is none."""
        changes = self.database.read(OPEN)
        due = [lease or self.fate.now for (lease,) in self.database.read(RUNS)]
        pauses = self.database.read(PAUSES)
        # A used-up quota's pause ends by itself; any other one waits for a probe.
        due += [until for until, why in pauses if why != FailureClass.LIMITED.value]
        paused_until = min((until for until, _ in pauses), default=self.fate.now)
        for state, due_at, sent_at, claimed_until in changes:
            if state != State.WAITING.value:
                pending_until = max(due_at, sent_at + PATIENCE if sent_at else due_at, paused_until)
                due.append(claimed_until or pending_until)
        waiting = [self.fate.now] if changes else []  # the sweep lets them go on
        return min(due or waiting, default=None)

    def _written(self) -> int:
        return sum(len(vendor.written) for vendor in self.vendors)

    def _has_pulled_in_vain(self) -> bool:
        """Whether nothing has moved since the last look, and a pull lies in between.

        Where the edit that counts is refused, each pull of the other one tries it again: then only
        writes are movement.
        """
        newest = () if self.people.wrote_poison else self.database.read(NEWEST)
        before, self._moved = self._moved, (self._written(), *newest)
        return before == self._moved or not self._origin.lets(Direction.TFSO_TO_RACKBEAT)
