"""What the product is for, done by its real processes: web, beat and two workers.

Nothing is driven by the tests, which only do what people and the vendors do, and wait. A record of
every kind in each direction goes the same way in `make demo`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from sandbox.tfso.seed import TOO_LONG_NUMBER
from shared.clock import utc_now
from shared.journal.record import News, WakeUp, record
from shared.runs import DONE
from shared.tables import Attempt, Change, Connection, Run, WebhookDelivery
from shared.words import Cause, Direction, State
from tests.chaos.check import pull_now
from tests.chaos.plant import OFTEN, SLUG, Plant, plant
from tests.harness.at_work import at_rest, broker_of, choose, parked, until, world_of
from tests.harness.mission import (
    credit,
    drafts_of,
    invoice_all,
    invoice_part,
    of,
    quantities,
    rackbeat_order,
    refresh,
    row,
)
from tests.harness.people import (
    rackbeat_customer,
    rackbeat_group,
    rackbeat_product,
    tfso_category,
    tfso_customer,
    tfso_order,
    tfso_product,
)
from tests.harness.world import Json, World
from workers.celery_app import make_celery
from workers.messages import enqueue

pytestmark = pytest.mark.timeout(300)
FORTH = Direction.RACKBEAT_TO_24SO
SETTINGS = {"reconcile": {"nightly": False}, "order": OFTEN["order"]}
GROUP = 910


@pytest.fixture(scope="module")
def processes() -> Iterator[Plant]:
    with plant(settings=SETTINGS) as made:
        pull_now(made)  # the pulls before these settings have set the next ones for later
        yield made


@pytest.fixture(scope="module")
def all_of_it(processes: Plant) -> World:
    """What the processes do, with a first product that has arrived."""
    made = world_of(processes)
    rackbeat_group(made, number=GROUP)
    rackbeat_product(made, GROUP)
    until(lambda: copies(made, "STAV-140"), "the first product does not arrive")
    return made


def copies(world: World, number: str) -> Sequence[Json]:
    """The products of a number in 24SevenOffice."""
    return [each for each in world.all_in_tfso("products") if each.get("No") == number]


def ask_for(world: World, task: str, *keys: str) -> None:
    """Enqueue a task by hand, as any Celery client may."""
    client = make_celery(world.configuration)
    for key in keys:
        given = {"connection": SLUG, "key": key}
        client.send_task(f"varebro.{task}", kwargs=given, queue="master_data")


def calls(world: World, operation: str) -> int:
    """How often 24SevenOffice has been asked this."""
    return int(world.tfso.calls()["by_operation"].get(operation, 0))


def count(world: World, table: Any) -> int:
    with world.sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


# -- the way ------------------------------------------------------------------------------------


def test_the_initial_sync_copies_all_there_is(all_of_it: World, processes: Plant) -> None:
    processes.run("sync", "initial", SLUG)
    until(lambda: the_run(all_of_it).state == DONE, "the initial sync does not come to its end")
    made = Counter(c.kind for c in all_of_it.changes(outcome="created", cause="initial"))
    assert made == {"customer": 60, "supplier": 20, "product_group": 8, "product": 198}
    parked = Counter(c.kind for c in all_of_it.changes(state="parked", cause="initial"))
    assert parked == {"product": 2}  # one's number is too long, the other's is another's
    at_rackbeat = all_of_it.rackbeat.state()
    assert [len(at_rackbeat[kind]) for kind in ("customers", "suppliers")] == [60, 20]


def the_run(world: World, cause: str = "initial") -> Run:
    with world.sessions() as session:
        newest = select(Run).where(Run.cause == cause).order_by(Run.id.desc()).limit(1)
        return session.scalars(newest).one()


def test_a_customer_that_is_edited_in_rackbeat_is_edited_in_24so(all_of_it: World) -> None:
    number = all_of_it.links("customer")[0].rackbeat_key
    all_of_it.rackbeat.edit("customers", number, {"company_name": "Nytt Navn AS"})
    key = all_of_it.links("customer")[0].tfso_key
    until(lambda: all_of_it.in_tfso("companies", key)["Name"] == "Nytt Navn AS", "no edit arrives")


def test_an_order_is_pulled_brings_along_what_it_needs_and_follows_its_changes(
    all_of_it: World,
) -> None:
    customer = tfso_customer(all_of_it)
    ski = tfso_product(all_of_it, CategoryId=tfso_category(all_of_it)["Id"])
    order = tfso_order(all_of_it, customer["Id"], row(ski, 2))
    until(lambda: drafts_of(all_of_it, order), "the order does not arrive")
    (draft,) = drafts_of(all_of_it, order)
    for kind, made in (("customer", customer), ("product", ski)):
        came = all_of_it.changes(kind=kind, key=str(made["Id"]), outcome="created")
        assert [change.cause for change in came] == ["dependency"]
    assert [line["quantity"] for line in draft["lines"]] == [2]
    (sold,) = refresh(all_of_it, order)["InvoiceRows"]
    changed = {**sold, "Quantity": "5", "ChangeState": "Edit"}
    all_of_it.tfso.edit("orders", order["OrderId"], {"InvoiceRows": [changed]})
    until(
        lambda: [line["quantity"] for line in drafts_of(all_of_it, order)[0]["lines"]] == [5],
        "the change of the order does not arrive",
    )
    assert len(drafts_of(all_of_it, order)) == 1
    names = Counter(each["name"] for each in all_of_it.rackbeat.state()["customers"])
    assert names[customer["Name"]] == 1
    numbers = Counter(each["number"] for each in all_of_it.rackbeat.state()["products"])
    assert numbers[ski["No"]] == 1


def test_an_edit_in_rackbeat_is_written_once_however_often_it_is_told_of(all_of_it: World) -> None:
    at_rest(all_of_it)
    all_of_it.reset_calls()
    all_of_it.rackbeat.edit("products", "STAV-140", {"sales_price": "512.50"})
    until(lambda: float(copies(all_of_it, "STAV-140")[0]["Price"]) == 512.5, "no edit arrives")
    for _ in range(3):
        told = {"event": "product.updated", "key": "STAV-140"}
        all_of_it.rackbeat.post("/deliveries/repeat", told)
    ask_for(all_of_it, "product.rackbeat_to_24so", *["STAV-140"] * 5)
    at_rest(all_of_it)
    assert len(copies(all_of_it, "STAV-140")) == 1
    assert all_of_it.writes() == {"SaveProducts": 1}


def test_a_message_that_is_delivered_again_and_again_is_one_write(all_of_it: World) -> None:
    at_rest(all_of_it)
    all_of_it.reset_calls()
    all_of_it.rackbeat.edit("products", "STAV-140", {"sales_price": "530"}, webhooks=False)
    change_id = recorded(all_of_it)
    message = WakeUp(change_id, SLUG, "product", FORTH.value, "STAV-140", bulk=False)
    enqueue(make_celery(all_of_it.configuration), [message] * 5)
    until(lambda: all_of_it.changes(id=change_id, state=State.DONE.value), "it is not done")
    at_rest(all_of_it)
    assert all_of_it.writes() == {"SaveProducts": 1}


def recorded(world: World) -> int:
    """A change of a product of which no message tells."""
    news = News("product", FORTH, "STAV-140", Cause.WEBHOOK)
    with world.sessions.begin() as session:
        connection = session.scalars(select(Connection.id)).one()
        return record(session, connection, [news], now=utc_now())[0]


def test_two_workers_asked_for_one_new_record_at_once_make_it_once(all_of_it: World) -> None:
    made = rackbeat_customer(all_of_it, webhooks=False, company_vat="987654325")
    ask_for(all_of_it, "customer.rackbeat_to_24so", *[str(made["number"])] * 10)
    number = str(made["number"])
    until(lambda: all_of_it.changes(key=number, outcome="created"), "the customer does not arrive")
    at_rest(all_of_it)
    companies = all_of_it.all_in_tfso("companies")
    assert sum(each.get("OrganizationNumber") == "987654325" for each in companies) == 1


# -- what is sold in Rackbeat -------------------------------------------------------------------


@pytest.fixture
def seller(all_of_it: World) -> Iterator[World]:
    """Orders and invoices are made in Rackbeat."""
    choose(all_of_it, {**SETTINGS, "order": {"origin": "rackbeat"}})
    yield all_of_it
    choose(all_of_it, SETTINGS)


def an_order(world: World, quantity: int) -> tuple[int, Json]:
    """Its number, and what has become of it in 24SevenOffice."""
    customer = world.links("customer")[0].rackbeat_key
    made = rackbeat_order(world, of("STAV-140", quantity), customer_id=int(customer))
    return made["number"], document(world, f"Rackbeat {made['number']}")


def document(world: World, reference: str) -> Json:
    """The one document of that reference in 24SevenOffice, once it is there."""

    def found() -> list[Json]:
        documents = world.all_in_tfso("orders")
        return [each for each in documents if each.get("ReferenceNumber") == reference]

    until(found, f"'{reference}' does not arrive")
    (only,) = found()
    return only


def test_an_order_of_rackbeat_arrives_when_booked_edited_and_cancelled(seller: World) -> None:
    number, order = an_order(seller, 2)
    assert quantities(order) == [2]
    seller.rackbeat.edit("orders", number, {"heading": "Haster"})
    until(lambda: refresh(seller, order).get("InvoiceTitle") == "Haster", "no edit arrives")
    seller.rackbeat.edit("orders", number, {"is_cancelled": True})
    until(lambda: refresh(seller, order)["OrderStatus"] == "Inactive", "it is not cancelled")
    assert not seller.changes(state="parked", key=str(number))


def test_an_order_invoiced_in_parts_and_then_credited_is_so_in_24so(seller: World) -> None:
    number, order = an_order(seller, 3)
    part = invoice_part(seller, number, 1)
    first = document(seller, f"Rackbeat faktura {part}")
    last = document(seller, f"Rackbeat faktura {invoice_all(seller, number)}")
    note = document(seller, f"Rackbeat faktura {credit(seller, part)}")
    made = (first, last, note)
    assert [quantities(each) for each in made] == [[1], [2], [-1]]
    assert first["ReferenceOrderId"] == last["ReferenceOrderId"] == order["OrderId"]
    assert note["ReferenceOrderId"] == first["OrderId"]
    assert first["OrderStatus"] == last["OrderStatus"] == "ForInvoicing"
    until(lambda: refresh(seller, order)["OrderStatus"] == "Inactive", "the order stays open")


def test_an_order_invoiced_whole_is_the_same_document_in_24so(seller: World) -> None:
    number, order = an_order(seller, 4)
    whole = document(seller, f"Rackbeat faktura {invoice_all(seller, number)}, ordre {number}")
    assert (whole["OrderId"], whole["OrderStatus"]) == (order["OrderId"], "ForInvoicing")


def test_what_no_webhook_told_is_found_and_put_right_by_the_reconciliation(
    all_of_it: World, processes: Plant
) -> None:
    all_of_it.rackbeat.edit("products", "STAV-140", {"sales_price": "544"}, webhooks=False)
    processes.run("sync", "reconcile", SLUG)
    until(lambda: float(copies(all_of_it, "STAV-140")[0]["Price"]) == 544, "nobody finds it")
    # It lists orders, too: what counts those lists has to begin after its end.
    until(lambda: the_run(all_of_it, "reconcile").state == DONE, "it does not come to its end")


# -- what goes wrong ----------------------------------------------------------------------------


def test_a_number_that_rackbeat_does_not_take_is_parked_with_what_to_do(all_of_it: World) -> None:
    (ski,) = copies(all_of_it, TOO_LONG_NUMBER)
    ask_for(all_of_it, "product.24so_to_rackbeat", str(ski["Id"]))
    message = str(parked(all_of_it, kind="product", key=str(ski["Id"])).message)
    assert TOO_LONG_NUMBER in message
    assert "25" in message


def test_a_session_that_expires_in_the_middle_of_a_pull_is_renewed_unnoticed(
    all_of_it: World,
) -> None:
    at_rest(all_of_it)
    before = count(all_of_it, Attempt)
    all_of_it.tfso.fault(operation="GetInvoices", effect="slow", delay=1.0)
    customer = all_of_it.all_in_tfso("companies")[0]
    order = tfso_order(all_of_it, customer["Id"], {"Type": "Text", "Name": "Hentes i butikken"})
    lists, read = calls(all_of_it, "GetOrderSyncList"), calls(all_of_it, "GetInvoices")
    # Not while it lists, which would be counted twice: the session is lost where the pull reads.
    until(lambda: calls(all_of_it, "GetInvoices") > read, "no pull begins")
    all_of_it.tfso.post("/sessions/expire")
    key = str(order["OrderId"])
    until(lambda: all_of_it.changes(kind="order", key=key), "the order is not found")
    assert calls(all_of_it, "GetOrderSyncList") == lists + 1  # by that pull, and not by the next
    until(lambda: drafts_of(all_of_it, order), "the order does not arrive")
    with all_of_it.sessions() as session:
        failed = select(Attempt.message).where(Attempt.failure_class.is_not(None))
        assert session.scalars(failed.where(Attempt.id > before)).all() == []


def test_what_the_vendor_refuses_is_parked_with_its_own_words(all_of_it: World) -> None:
    said = '{"message": "Kundegruppen er sperret."}'
    all_of_it.rackbeat.fault(operation="POST /customers", effect="answer", status=422, body=said)
    made = tfso_customer(all_of_it, Name="Ur og Skred AS", OrganizationNumber="")
    ask_for(all_of_it, "customer.24so_to_rackbeat", str(made["Id"]))
    change = parked(all_of_it, kind="customer", key=str(made["Id"]))
    assert "Kundegruppen er sperret." in str(change.message)


def test_a_webhook_with_a_wrong_token_is_refused_and_leaves_nothing(all_of_it: World) -> None:
    at_rest(all_of_it)
    before = count(all_of_it, WebhookDelivery), count(all_of_it, Change)
    answer = httpx.post(
        f"{all_of_it.web_url}/webhooks/rackbeat/{SLUG}",
        json={"event": "product.updated", "key": "STAV-140"},
        headers={"rackbeat-webhook-token": "guessed"},
        trust_env=False,
    )
    assert answer.status_code == 401
    assert (count(all_of_it, WebhookDelivery), count(all_of_it, Change)) == before


def test_what_was_recorded_when_the_broker_lost_everything_is_found_by_the_sweep(
    all_of_it: World,
) -> None:
    all_of_it.rackbeat.edit("products", "STAV-140", {"name": "Skistav 150"}, webhooks=False)
    change_id = recorded(all_of_it)
    with broker_of(all_of_it) as broker:
        broker.flushall()
    until(lambda: all_of_it.changes(id=change_id, state=State.DONE.value), "nobody finds it")
    assert [each["Name"] for each in copies(all_of_it, "STAV-140")] == ["Skistav 150"]
