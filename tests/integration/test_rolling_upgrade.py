"""A worker of this version beside processes of the version before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import MetaData, insert

from sandbox.servers import Postgres
from sandbox.stack import Process, wait_until
from shared.database import make_engine
from shared.migrate import migrate
from tests.contract.test_version_before import VERSION
from tests.harness.people import tfso_customer, tfso_product
from tests.harness.samples import tables_of
from tests.harness.version import readme_call
from tests.harness.world import SLUG, Json, World

ROOT = Path(__file__).parents[2]
TASK = "varebro.customer.24so_to_rackbeat"


@pytest.fixture(scope="module")
def before(postgres: Postgres) -> Iterator[MetaData]:
    """The tables as the version before knows them."""
    engine = make_engine(postgres.create_database("upgrade"))
    migrate(engine, VERSION["revision"])
    yield tables_of(engine)
    engine.dispose()


@pytest.fixture
def worker(the_world: World, tmp_path: Path) -> Iterator[Process]:
    """A worker process of this version; the test starts it."""
    config = the_world.configuration
    environment = {
        "VAREBRO_DATABASE_URL": config.database_url.get_secret_value(),
        "VAREBRO_BROKER_URL": config.broker_url.get_secret_value(),
        "VAREBRO_SECRET_KEYS": config.secret_keys[0].get_secret_value(),
        "VAREBRO_WORKER_CONCURRENCY": "1",
    }
    command = [sys.executable, "-m", "workers.cli", "worker"]
    process = Process("worker", command, tmp_path / "log", os.environ | environment)
    yield process
    process.stop()


def test_a_worker_does_what_any_celery_client_asks_for_as_readme_says(
    the_world: World, worker: Process
) -> None:
    the_world.connect()
    made = tfso_product(the_world)
    given = json.dumps({"connection": SLUG, "key": str(made["Id"])})
    words = [given if word.startswith("{") else word for word in readme_call()]
    worker.start()
    asked = [sys.executable, "-m", "celery", *words]
    subprocess.run(asked, env=worker.environment, cwd=ROOT, check=True, capture_output=True)
    wait_until(lambda: the_world.links("product"), 60, "the product is missing")
    assert [link.tfso_key for link in the_world.links("product")] == [str(made["Id"])]
    assert the_world.change(key=str(made["Id"])).cause == "resync"


class VersionBefore:
    """What a process of the version before stores and sends."""

    def __init__(self, world: World, tables: MetaData, connection_id: int) -> None:
        self.world, self.tables = world, tables
        broker = world.configuration.broker_url.get_secret_value()
        self.sender = Celery("before", broker=broker, set_as_current=False)
        self.customer = {
            "connection_id": connection_id, "kind": "customer", "direction": "24so_to_rackbeat",
        }  # fmt: skip

    def insert(self, table: str, **row: Any) -> int:
        statement = insert(self.tables.tables[table]).values(self.customer | row)
        with self.world.sessions.begin() as session:
            return int(session.execute(statement).inserted_primary_key[0])

    def record(self, key: str) -> int:
        now = self.world.clock()
        return self.insert(
            "change", key=key, cause="poll", state="pending", bulk=False, forced=False,
            recorded_at=now, due_at=now,
        )  # fmt: skip

    def send(
        self, name: str, change: int | None = None, queue: str = "master_data", **given: Any
    ) -> None:
        headers = None if change is None else {"headers": {VERSION["change_header"]: change}}
        self.sender.send_task(name, kwargs=given, queue=queue, headers=headers)


def test_a_worker_does_what_the_version_before_has_recorded_begun_and_asked_for(
    the_world: World, before: MetaData, worker: Process
) -> None:
    old = VersionBefore(the_world, before, the_world.connect().id)
    names = ("Meldt", "Begynt", "Bedt om", "Hentet")
    told, begun, asked, pulled = (
        tfso_customer(the_world, Name=name, OrganizationNumber=None) for name in names
    )
    _written_without_an_answer(old, begun)
    for each in (told, begun):
        key = str(each["Id"])
        old.send(TASK, old.record(key), connection=SLUG, key=key)
    old.send(TASK, connection=SLUG, key=asked["Id"])
    old.send("varebro.pull", connection=SLUG, kind="customer", queue="control")
    worker.start()
    wait_until(lambda: len(arrived(the_world)) == len(names), 60, "customers are missing")
    wait_until(lambda: len(linked(the_world)) == len(names), 30, "customers are not linked")
    assert sorted(arrived(the_world)) == sorted(names)
    assert linked(the_world) == {str(each["Id"]) for each in (told, begun, asked, pulled)}


def _written_without_an_answer(old: VersionBefore, record: Json) -> None:
    """A worker of the version before was killed after its call had made the customer."""
    old.insert(
        "idempotency_key", key=str(record["Id"]), operation="create", state="started",
        request_fingerprint="of before", started_at=old.world.clock(),
    )  # fmt: skip
    customer = {"number": record["Id"], "company_name": record["Name"], "payment_terms_id": 1}
    old.world.rackbeat.add("customers", customer, webhooks=False)


def arrived(world: World) -> list[str]:
    return [each["name"] for each in world.rackbeat.state()["customers"]]


def linked(world: World) -> set[str]:
    return {link.tfso_key for link in world.links("customer")}
