"""The database's own plans for statements that are repeated often, as a worker repeats them."""

from __future__ import annotations

from shared.clock import utc_now
from shared.database import make_engine, make_sessions
from shared.journal.record import News, record
from shared.tables import Change, Connection
from shared.words import Cause, Direction

NEWS = News("product", Direction.RACKBEAT_TO_24SO, "1045", Cause.WEBHOOK)
# psycopg prepares a statement that it has seen five times; PostgreSQL then plans it five times for
# its parameters, and after that perhaps once for all.
OFTEN = 15


def test_a_connection_that_has_recorded_many_changes_goes_on_recording(database_url: str) -> None:
    engine = make_engine(database_url)
    with make_sessions(engine).begin() as session:
        connection = Connection(
            slug="fjell", name="Fjell", rackbeat_url="", tfso_url="", rackbeat_account="1",
            tfso_identity="", tfso_client="", created_at=utc_now(),
        )  # fmt: skip
        session.add(connection)
        session.flush()
        session.connection().exec_driver_sql("SET plan_cache_mode = force_generic_plan")
        recorded = [record(session, connection.id, [NEWS], now=utc_now()) for _ in range(OFTEN)]
        assert recorded == [recorded[0]] * OFTEN
        assert session.query(Change).count() == 1
    engine.dispose()
