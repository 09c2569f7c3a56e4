"""Two faults of `make chaos`, the most telling ones: work goes on after them by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection

import pytest
from celery import Celery

from sandbox.stack import wait_until
from sandbox.tfso.config import FJELLHEIM
from tests.chaos.check import CANARY, Canary
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.plant import Plant, plant

GIVE_UP_SECONDS = 120.0  # half of it is the promise, the rest is for a busy machine
GROUP = 910


def named(name: str) -> Fault:
    return next(fault for fault in FAULTS if fault.name == name)


@pytest.fixture(scope="module")
def running() -> Iterator[Plant]:
    # What 24SevenOffice has is left alone: listing it again and again is most of the work.
    quiet = {"reconcile": {"nightly": False}}
    with plant(workers=1, settings=quiet) as made:
        made.rackbeat.add(
            "product_groups", {"number": GROUP, "name": "Kaos", "has_inventory": True}
        )
        yield made


@pytest.fixture(scope="module")
def canary(running: Plant) -> Canary:
    return Canary(running, GROUP)


@pytest.mark.parametrize(
    "fault",
    [
        replace(named("kill -9 every worker"), times=1),
        named("broker cut 5x in 2 s"),
    ],
    ids=lambda fault: fault.name,
)
def test_everything_does_new_work_again_by_itself(
    running: Plant, canary: Canary, fault: Fault
) -> None:
    fault.happen(running)
    assert canary.recovery(GIVE_UP_SECONDS) is not None
    products = running.tfso.state()[str(FJELLHEIM.client_id)]["products"]
    assert sum(product.get("No") == CANARY for product in products) == 1


def test_a_worker_that_takes_no_more_tasks_ends_itself_and_a_new_one_works(
    running: Plant, canary: Canary
) -> None:
    """As after a lost connection behind which its consumer has silently gone."""
    (worker,) = running.worker_processes
    assert worker.running is not None
    before = worker.running.pid
    client = Celery("somebody", broker=running.broker.url, set_as_current=False)
    ((name, queues),) = client.control.inspect(timeout=5).active_queues().items()
    for queue in queues:
        client.control.cancel_consumer(queue["name"], destination=[name])
    wait_until(lambda: worker.running and worker.running.pid != before, 120, "it lives on")
    assert b"this worker takes no more tasks" in worker.log.read_bytes()
    assert canary.recovery(GIVE_UP_SECONDS) is not None


def test_a_connection_of_the_web_process_outlives_those_who_keep_it_unused(
    running: Plant,
) -> None:
    """Here as long as httpx, which the sandbox delivers webhooks with, keeps one."""
    with closing(HTTPConnection("127.0.0.1", running.web_port)) as kept:
        for pause in (6, 0):
            kept.request("GET", "/healthz")
            assert kept.getresponse().read()
            time.sleep(pause)
