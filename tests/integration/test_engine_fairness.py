"""One connection's backlog is in nobody's way: turns are counted, not seconds."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from kombu import Message
from sqlalchemy import func, insert, select, text

from shared.database import make_engine, make_sessions
from shared.engine.engine import Engine
from shared.failures import Rejected
from shared.journal import turns
from shared.journal.record import News, WakeUp
from shared.journal.turns import LOST_MESSAGE, PORTION
from shared.queues import Queue
from shared.sweep import sweep
from shared.tables import Change, Connection
from shared.words import Cause, Direction
from tasks.kinds import KINDS
from tests.harness.people import linked, tfso_product
from tests.harness.world import Clock, World
from workers.celery_app import make_celery

BACKLOG = 10_000
CONNECTIONS = 50
BIG = 1


def refused(*_: object) -> Any:
    """The clients of a connection whose every record is refused: it ends with its first try."""
    raise Rejected("This is about turns alone.")


RACKBEAT = Direction.RACKBEAT_TO_24SO


@dataclass
class Office:
    """Many connections, an engine, and a broker that gives out messages in the order they came."""

    engine: Engine
    broker: deque[WakeUp]
    done: list[WakeUp] = field(default_factory=list)

    def tell(self, connection_id: int, *keys: str, bulk: bool = False) -> None:
        news = [News("product", RACKBEAT, key, Cause.WEBHOOK, bulk=bulk) for key in keys]
        self.engine.announce(connection_id, news)

    def sweep(self) -> Sequence[WakeUp]:
        found = sweep(self.engine).changes
        self.broker.extend(found)
        return found

    def work(self, most: int) -> list[int]:
        """Work on so many messages; whose they were."""
        worked = []
        while self.broker and len(worked) < most:
            message = self.broker.popleft()
            self.engine.process(message.change_id)
            self.done.append(message)
            worked.append(int(message.connection))
        return worked


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    engine = make_engine(database_url)
    clock, broker = Clock(), deque[WakeUp]()
    made = Office(
        Engine(
            sessions=make_sessions(engine),
            kinds=KINDS,
            clients=refused,
            clock=clock,
            enqueue=broker.extend,
            claim_for=timedelta(minutes=3),
            settle_for=timedelta(minutes=1),
        ),
        broker,
    )
    settings = {"reconcile": {"nightly": False}} | {kind: {"origin": "off"} for kind in KINDS}
    with made.engine.sessions.begin() as session:
        session.execute(
            insert(Connection),
            [
                {
                    "slug": str(number), "name": "", "rackbeat_url": "", "tfso_url": "",
                    "rackbeat_account": "", "tfso_identity": "", "tfso_client": "",
                    "settings": settings, "created_at": clock(),
                }
                for number in range(1, CONNECTIONS + 1)
            ],
        )  # fmt: skip
    yield made
    engine.dispose()


def backlog(office: Office, connection_id: int, count: int, *, bulk: bool = False) -> None:
    """Changes that have been due for an hour."""
    with office.engine.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO change (connection_id, kind, direction, key, cause, state, bulk,"
                " forced, recorded_at, due_at) SELECT :connection, 'product', 'rackbeat_to_24so',"
                " n::text, 'webhook', 'pending', :bulk, false, :then, :then + n * interval '1 ms'"
                " FROM generate_series(1, :count) n"
            ),
            {
                "connection": connection_id, "bulk": bulk, "count": count,
                "then": office.engine.clock() - timedelta(hours=1),
            },
        )  # fmt: skip
        session.execute(text("ANALYZE change"))


def test_a_sweep_gives_each_connection_its_first_turn_before_any_its_second(
    office: Office,
) -> None:
    backlog(office, BIG, BACKLOG)
    for connection_id in range(BIG + 1, CONNECTIONS + 1):
        backlog(office, connection_id, 2)
    found = [int(message.connection) for message in office.sweep()]
    assert Counter(found) == {BIG: PORTION} | dict.fromkeys(range(2, CONNECTIONS + 1), 2)
    assert set(found[:CONNECTIONS]) == set(range(1, CONNECTIONS + 1))


def test_what_comes_after_a_backlog_of_thousands_waits_for_a_few_of_it(office: Office) -> None:
    backlog(office, BIG, BACKLOG)
    office.sweep()
    for connection_id in range(BIG + 1, BIG + 9):
        office.tell(connection_id, "1")
        next_up = office.work(PORTION + 1)
        assert next_up.index(connection_id) <= PORTION
    assert office.work(10) == [BIG] * 10  # and the backlog goes on without a sweep


def test_thousands_of_news_at_once_are_no_thousands_of_messages(office: Office) -> None:
    office.tell(BIG, *map(str, range(2000)))
    assert len(office.broker) == PORTION
    office.tell(BIG + 1, "1")
    assert office.work(PORTION + 1)[-1] == BIG + 1


def test_backlogs_of_all_take_turns(office: Office) -> None:
    for connection_id in range(1, CONNECTIONS + 1):
        backlog(office, connection_id, 20 if connection_id != BIG else BACKLOG)
    office.sweep()
    for _ in range(2):
        each = Counter(office.work(CONNECTIONS))
        assert each == dict.fromkeys(range(1, CONNECTIONS + 1), 1)


def test_there_is_never_more_of_a_backlog_with_the_broker_than_its_portion(
    office: Office,
) -> None:
    backlog(office, BIG, 40)
    for _ in range(50):
        office.sweep()
        assert len(office.broker) <= PORTION
        office.work(1)
    assert [int(message.key) for message in office.done] == list(range(1, 41))


def test_a_lost_message_makes_room_for_itself(office: Office) -> None:
    backlog(office, BIG, 10)
    lost = office.sweep()
    office.broker.clear()
    assert office.sweep() == []
    office.engine.clock.pass_by(seconds=LOST_MESSAGE.total_seconds() + 1)  # type: ignore[attr-defined]
    assert {message.change_id for message in office.sweep()} == {m.change_id for m in lost}


def test_bulk_work_takes_no_turn_from_what_somebody_waits_for(office: Office) -> None:
    backlog(office, BIG, BACKLOG, bulk=True)
    office.sweep()
    office.tell(BIG, "urgent")
    assert [message.bulk for message in office.broker] == [True] * PORTION + [False]


def test_a_record_that_is_edited_all_the_time_gets_its_turn(office: Office) -> None:
    backlog(office, BIG, 20)
    office.sweep()
    for _ in range(20):
        office.tell(BIG, "20")
        office.work(1)
    assert office.done[-1].key == "20"
    assert len(office.done) == 20


def test_a_burst_of_news_of_one_record_is_one_message(office: Office) -> None:
    for _ in range(30):
        office.tell(BIG, "1")
    assert len(office.broker) == 1


def test_finding_what_is_due_reads_what_is_due_and_not_the_backlog(office: Office) -> None:
    backlog(office, BIG, BACKLOG)
    with office.engine.sessions.begin() as session:
        _forget_what_tests_before_have_left(session)
        before = _rows_read(session)
        now: datetime = office.engine.clock()
        found = turns.take_due(session, [(kind, False) for kind in KINDS], now=now)
        read = _rows_read(session) - before
        waiting = session.scalar(select(func.count()).where(Change.enqueued_at.is_(None)))
    assert (len(found), waiting) == (PORTION, BACKLOG - PORTION)
    assert 0 < read < 100


def _forget_what_tests_before_have_left(session: Any) -> None:
    """Deleted rows stay in the index, and count as read, until they are cleaned up."""
    engine = session.get_bind()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM change"))


def _rows_read(session: Any) -> int:
    """Rows of the journal that this transaction has read, through an index or not."""
    rows: int = session.scalar(
        text(
            "SELECT pg_stat_get_xact_tuples_returned('change'::regclass)"
            " + coalesce(sum(pg_stat_get_xact_tuples_returned(indexrelid)), 0)"
            " FROM pg_index WHERE indrelid = 'change'::regclass"
        )
    )
    return rows


def test_what_an_urgent_record_waits_for_is_as_urgent(the_world: World) -> None:
    the_world.connect()
    linked(the_world, "product", tfso_product(the_world, No="FØRST", EAN1=""))
    group = the_world.tfso.add("categories", {"Name": "Telt", "No": "91"})
    product = tfso_product(the_world, CategoryId=group["Id"])
    direction = Direction.TFSO_TO_RACKBEAT
    connection = the_world.connections.find("fjell")
    bulk = News("product_group", direction, str(group["Id"]), Cause.INITIAL, bulk=True)
    the_world.engine.announce(connection.id, [bulk])
    assert the_world.messages == []  # it waits for the sweep
    the_world.engine.announce(
        connection.id, [News("product", direction, str(product["Id"]), Cause.POLL)]
    )
    the_world.engine.process(the_world.messages.pop().change_id)
    (message,) = the_world.messages
    assert (message.kind, message.key, message.bulk) == ("product_group", str(group["Id"]), False)
    the_world.settle()
    assert the_world.in_rackbeat("products", "SKI-205")["group"]["number"] == group["Id"]


# -- between queues -----------------------------------------------------------------------------


def test_workers_take_from_the_most_urgent_queue_that_has_something(the_world: World) -> None:
    app = make_celery(the_world.configuration)
    for queue in reversed(Queue):
        for _ in range(3):
            app.send_task("varebro.anything", queue=queue.value)
    taken: list[str] = []

    def take(_body: Any, message: Message) -> None:
        taken.append(message.delivery_info["routing_key"])
        message.ack()

    with app.connection_for_read() as connection:
        consumer = app.amqp.TaskConsumer(connection.default_channel, callbacks=[take])
        consumer.qos(prefetch_count=1)
        with consumer:
            while len(taken) < 3 * len(Queue):
                connection.drain_events(timeout=10)
    assert taken == [queue.value for queue in Queue for _ in range(3)]
