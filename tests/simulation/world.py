"""One schedule: people, messages, webhooks, workers and the clock, in an order the seed chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import func, select

from shared.engine.engine import Engine
from shared.journal.record import News, WakeUp
from shared.journal.turns import LOST_MESSAGE
from shared.probing import probe
from shared.pulls import pull
from shared.runs import DONE, list_run, start_run
from shared.sweep import sweep
from shared.tables import Change, Connection, Cursor, Pause, Run
from shared.words import Cause, Direction, FailureClass, Origin, State, System
from tasks.kinds import KINDS
from tests.simulation.broker import Broker, Message
from tests.simulation.database import Database
from tests.simulation.fate import BEGINNING, Fate, Hazard
from tests.simulation.people import People
from tests.simulation.vendors import CLAIM, BothClients, Rackbeat, Tfso
from tests.simulation.workers import Worker, Workers

SLUG = "fjell"
WORKERS = 2
SETTLE = timedelta(seconds=90)
A_PULL_LATER = timedelta(minutes=11)
KINDS_OF_PEOPLE = ("product_group", "product")
OPEN = [State.PENDING.value, State.RUNNING.value, State.WAITING.value]
# After so long the sweep takes a message to be lost.
PATIENCE = LOST_MESSAGE + timedelta(seconds=1)
MOST_STEPS = 400
MOST_ROUNDS = 60


class NeverAtRest(AssertionError):
    """The work does not come to an end."""


class World:
    """Everything one schedule has."""

    def __init__(self, database: Database, fate: Fate, *, engine: type[Engine] = Engine) -> None:
        self.fate = fate
        self.database = database
        self.workers = Workers(fate, lambda: not database.in_transaction())
        self.rackbeat = Rackbeat(fate, self.workers, self._send_webhook)
        self.tfso = Tfso(fate, self.workers)
        self.vendors = (self.rackbeat, self.tfso)
        self.broker = Broker(fate)
        clients = BothClients(self.rackbeat, self.tfso)
        self.engine = engine(
            sessions=database.sessions,
            kinds=KINDS,
            clients=lambda _connection, _bulk: clients,
            clock=lambda: fate.now,
            enqueue=self._enqueue,
            claim_for=CLAIM,
            settle_for=SETTLE,
        )
        self.origin = Origin(fate.random.choice(("both", "both", "rackbeat", "24so")))
        self.connection_id = self._connect()
        self.people = People(fate, self.rackbeat, self.tfso, self.origin)

    def _connect(self) -> int:
        settings = {
            **{name: {"origin": "off"} for name in KINDS},
            "product": {"origin": self.origin},
            "product_group": {"origin": self.origin, "number": "no"},
            "reconcile": {"nightly": False},
        }
        blank = dict.fromkeys(
            ("rackbeat_url", "tfso_url", "rackbeat_account", "tfso_identity", "tfso_client"), ""
        )
        connection = Connection(
            slug=SLUG, name=SLUG, settings=settings, created_at=BEGINNING, **blank
        )
        with self.database.sessions.begin() as session:
            session.add(connection)
            session.flush()
            # The first pull finds what there is before anything was made: nothing.
            for kind in KINDS_OF_PEOPLE:
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
            return connection.id

    # -- what is under way ----------------------------------------------------------------------

    def _enqueue(self, wake_ups: Sequence[WakeUp]) -> None:
        for wake_up in wake_ups:
            says = f"{wake_up.kind} {wake_up.key} {wake_up.direction}"
            self.broker.send(Message(says, partial(self.engine.process, wake_up.change_id)))

    def _send_webhook(self, kind: str, key: str) -> None:
        says = f"webhook of {kind} {key}"
        self.broker.send(Message(says, partial(self._receive, kind, key), kept=True))

    def _receive(self, kind: str, key: str) -> None:
        """As the web process does: recorded, committed, and only then answered."""
        if not self.origin.lets(Direction.RACKBEAT_TO_24SO):
            return
        news = News(kind, Direction.RACKBEAT_TO_24SO, key, Cause.WEBHOOK)
        self.engine.announce(self.connection_id, [news])

    def _sweep(self) -> None:
        due = sweep(self.engine)
        self._enqueue(due.changes)
        for slug, kind in due.pulls:
            self.broker.send(Message(f"pull of {kind}", partial(self._pull, slug, kind)))
        for run in due.runs:
            self.broker.send(Message(f"run {run}", partial(list_run, self.engine, run)))

        for slug, system in due.probes:
            says = f"probe of {System(system).title}"
            self.broker.send(Message(says, partial(self._probe, slug, System(system))))

    def _probe(self, slug: str, system: System) -> None:
        probe(self.engine, slug, system)

    def _pull(self, slug: str, kind: str) -> None:
        pull(self.engine, slug, kind)

    # -- one step -------------------------------------------------------------------------------

    def _step(self) -> None:
        """Something happens: any of what could."""
        ready = self.workers.ready()
        free = len(self.workers.busy) < WORKERS
        late = [vendor for vendor in self.vendors if vendor.late]
        random = self.fate.random
        possible: list[tuple[int, Callable[[], object]]] = [(1, self._time_passes)]
        if free:
            possible.append((1, lambda: self._start(Message("sweep", self._sweep))))
        if free and self.broker.messages:
            possible.append((8, lambda: self._start(self.broker.take())))
        if ready:
            possible.append((8, lambda: self._let(random.choice(ready))))
        if self.people.to_do:
            possible.append((3, self._a_person_acts))
        if late:
            possible.append((2, lambda: random.choice(late).arrive_late()))
        ((_, happen),) = random.choices(possible, [weight for weight, _ in possible])
        happen()

    def _time_passes(self) -> None:
        seconds = self.fate.random.choice((1, 5, 30, 120, 700))
        self.fate.now += timedelta(seconds=seconds)
        for vendor in self.vendors:
            vendor.arrive_overdue()

    def _a_person_acts(self) -> None:
        at_rest = not (self.broker.messages or self.workers.busy) and self._next_due() is None
        self.people.act(at_rest=at_rest)

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
        steps = 0
        while self.people.to_do or self.broker.messages or self.workers.busy:
            steps += 1
            if steps > MOST_STEPS:
                break
            self._step()
        self.fate.tell("from here on nothing goes wrong")
        self.fate.be_kind()
        self._come_to_rest()
        if self.fate.times[Hazard.WEBHOOK_LOST]:
            start_run(self.engine, SLUG, Cause.RECONCILE)
            self._come_to_rest()

    def _come_to_rest(self) -> None:
        patience = timedelta(seconds=1)
        for _ in range(MOST_ROUNDS):
            self._work_off()
            due = self._next_due()
            if due is not None:
                # What waits for a dead worker's claim looks again and again: not that often here.
                patience = min(patience * 2, timedelta(minutes=4))
                self._sweep_at(max(due, self.fate.now + patience))
                continue
            before = self._done_so_far()
            self._sweep_at(self.fate.now + A_PULL_LATER)
            if self._next_due() is None and self._done_so_far() == before:
                return
        raise NeverAtRest("the work does not come to an end")

    def _sweep_at(self, moment: datetime) -> None:
        self.fate.now = moment
        self._start(Message("sweep", self._sweep))
        self._work_off()

    def _work_off(self) -> None:
        """Everything that is under way arrives and is done."""
        for vendor in self.vendors:
            vendor.arrive_overdue(everything=True)
        while self.broker.messages or self.workers.busy:
            for worker in list(self.workers.busy):
                self.fate.now = max(self.fate.now, worker.stands_still_until or self.fate.now)
                self._let(worker)
            if self.broker.messages:
                self._start(self.broker.messages.pop(0))

    def _next_due(self) -> datetime | None:
        """When the next open work is due; None when there is none."""
        with self.database.sessions() as session:
            changes = session.execute(
                select(Change.state, Change.due_at, Change.enqueued_at, Change.claim_expires_at)
                .where(Change.state.in_(OPEN))
            ).all()  # fmt: skip
            runs = session.scalars(select(Run.lease_expires_at).where(Run.state != DONE)).all()
            # A used-up quota's pause ends by itself; any other one waits for a probe.
            probed = Pause.failure_class != FailureClass.LIMITED.value
            pauses = session.scalars(select(Pause.until).where(probed)).all()
        due = [lease or self.fate.now for lease in runs]
        due += pauses if not changes else []
        for state, due_at, sent_at, claimed_until in changes:
            if state != State.WAITING.value:
                due.append(claimed_until or max(due_at, sent_at + PATIENCE if sent_at else due_at))
        waiting = [self.fate.now] if changes else []  # the sweep lets them go on
        return min(due or waiting, default=None)

    def _done_so_far(self) -> tuple[int, int | None]:
        with self.database.sessions() as session:
            newest = session.scalar(select(func.max(Change.id)))
        return sum(len(vendor.written) for vendor in self.vendors), newest
