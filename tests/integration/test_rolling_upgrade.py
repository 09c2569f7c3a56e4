"""A worker of this version beside processes of the version before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import MetaData, insert

from sandbox.servers import Postgres
from sandbox.stack import Process, wait_until
from shared.database import make_engine
from shared.migrate import migrate
from shared.queues import Queue
from tests.contract.test_version_before import VERSION
from tests.harness.mission import row
from tests.harness.people import rackbeat_customer, tfso_customer, tfso_order, tfso_product
from tests.harness.samples import tables_of
from tests.harness.version import ROOT, code_of, readme_call
from tests.harness.world import SLUG, Json, World
from workers.celery_app import make_celery
from workers.messages import enqueue

TASK = "varebro.customer.24so_to_rackbeat"


@pytest.fixture(scope="module")
def before(postgres: Postgres) -> Iterator[MetaData]:
    """The tables as the version before knows them."""
    engine = make_engine(postgres.create_database("upgrade"))
    migrate(engine, VERSION["revision"])
    yield tables_of(engine)
    engine.dispose()


@pytest.fixture
def workers(the_world: World, tmp_path: Path) -> Iterator[Callable[[Path], Process]]:
    """Makes worker processes of the version in a folder; the test starts them."""
    config = the_world.configuration
    environment = {
        "VAREBRO_DATABASE_URL": config.database_url.get_secret_value(),
        "VAREBRO_BROKER_URL": config.broker_url.get_secret_value(),
        "VAREBRO_SECRET_KEYS": config.secret_keys[0].get_secret_value(),
        "VAREBRO_WORKER_CONCURRENCY": "1",
    }
    made: list[Process] = []

    def worker(version: Path) -> Process:
        here = os.environ | environment | {"PYTHONPATH": str(version)}
        # Not from the current folder, which is this version's.
        command = [sys.executable, "-P", "-m", "workers.cli", "worker"]
        made.append(Process("worker", command, tmp_path / f"{len(made)}.log", here))
        return made[-1]

    yield worker
    for each in made:
        each.stop()


@pytest.fixture
def worker(workers: Callable[[Path], Process]) -> Process:
    """A worker process of this version; the test starts it."""
    return workers(ROOT)


@pytest.fixture(scope="module")
def code_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version before, unpacked."""
    folder = tmp_path_factory.mktemp("version-before")
    try:
        code_of(VERSION["commit"], folder)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the version before is in the history, which this checkout does not have")
    return folder


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


class Business:
    """A customer made in each system and an order, told of by processes of this version."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app = make_celery(world.configuration)
        world.engine.enqueue = lambda messages: enqueue(self.app, messages)
        world.connect()
        self.product = tfso_product(world)
        self.times = 0

    def goes_on(self) -> None:
        self.times += 1
        rackbeat_customer(
            self.world,
            number=50_000 - 1000 * self.times,  # none that 24SevenOffice has given by now
            company_name=f"Fjell {self.times}",
            company_vat=str(910_000_000 + self.times),
        )
        vat = str(920_000_000 + self.times)
        made = tfso_customer(self.world, Name=f"Vidda {self.times}", OrganizationNumber=vat)
        tfso_order(self.world, made["Id"], row(self.product))

    def is_done(self) -> bool:
        """Whether all have been transferred; if not, beat's turn has come."""
        pulled = {"connection": SLUG, "kind": "order"}
        self.app.send_task("varebro.pull", kwargs=pulled, queue=Queue.CONTROL.value)
        self.app.send_task("varebro.sweep", queue=Queue.CONTROL.value)
        time.sleep(0.5)
        linked = [len(self.world.links(kind)) for kind in ("customer", "order")]
        return linked == [2 * self.times, self.times]

    def copies(self) -> list[int]:
        """How often each customer, and each order, is there in both systems together."""
        ours = self.world.rackbeat.state()
        names = [each["name"] for each in ours["customers"]]
        names += [each["Name"] for each in self.world.all_in_tfso("companies")]
        marks = [each["other_reference"] for each in ours["orders"]]
        numbers = range(1, self.times + 1)
        customers = [f"{place} {number}" for number in numbers for place in ("Fjell", "Vidda")]
        return [*map(names.count, customers), *map(marks.count, sorted(set(marks)))]


def imported_from(worker: Process) -> Path:
    """Whose code a worker runs."""
    ask = [sys.executable, "-P", "-c", "import workers; print(workers.__file__)"]
    said = subprocess.run(ask, env=worker.environment, check=True, capture_output=True, text=True)
    return Path(said.stdout).parents[1]


def test_a_worker_of_the_version_before_works_on_with_this_versions_tables_and_messages(
    the_world: World, workers: Callable[[Path], Process], code_before: Path
) -> None:
    old, new = workers(code_before), workers(ROOT)
    assert [imported_from(each) for each in (old, new)] == [code_before, ROOT]
    business = Business(the_world)
    old.start()
    business.goes_on()
    wait_until(business.is_done, 60, "the old worker does not do everything")
    new.start()
    for _ in range(4):
        business.goes_on()
    wait_until(business.is_done, 60, "both together do not do everything")
    old.stop()
    business.goes_on()
    wait_until(business.is_done, 60, "the new worker does not do everything")
    wait_until(lambda: not the_world.states(), 30, "it does not come to rest")
    assert business.copies() == [2] * 12 + [1] * 6
