"""Resync by command line, HTTP and task; previews, which write nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from getpass import getuser
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from shared.operations import Intended, Operations
from shared.tables import Audit, Change
from shared.words import Cause, Direction
from tests.harness.mission import OFF, of, rackbeat_goods, rackbeat_order
from tests.harness.people import (
    linked,
    rackbeat_group,
    rackbeat_product,
    rackbeat_supplier,
    tfso_category,
    tfso_customer,
    tfso_order,
    tfso_product,
    tfso_supplier,
)
from tests.harness.ways import carry_out, open_to_all, post
from tests.harness.world import FEW, SLUG, World
from workers.cli import app as cli

FROM_24SO, FROM_RACKBEAT = Direction.TFSO_TO_RACKBEAT, Direction.RACKBEAT_TO_24SO
ONLY_SUPPLIERS = {"product": OFF, "product_group": OFF, "customer": OFF, "order": OFF}


@pytest.fixture
def ways(the_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that command line, HTTP and tasks work on."""
    open_to_all(the_world, monkeypatch)
    return the_world


def by_cli(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 0, result.output
    return result.output


def by_http(the_world: World, path: str, **body: Any) -> None:
    answer = post(the_world, f"{SLUG}/{path}", **body)
    assert answer.status_code == 202, answer.text


def spoilt(the_world: World, *, webhooks: bool = False) -> list[str]:
    """Three linked suppliers whose copies somebody has spoilt, unseen; their Ids."""
    the_world.connect(**(ONLY_SUPPLIERS | {"supplier": {"origin": "24so"}}))
    ids = []
    for number in range(3):
        made = tfso_supplier(
            the_world, Name=f"Leverandør {number}", OrganizationNumber=f"91122233{number}"
        )
        link = linked(the_world, "supplier", made)
        the_world.rackbeat.edit(
            "suppliers", link.rackbeat_key, {"company_name": "Feil"}, webhooks=webhooks
        )
        ids.append(link.tfso_key)
    the_world.reset_calls()
    return ids


# Whom the audit trail names.
ACTORS = {"cli": getuser(), "http": "api", "task": "task"}


def asked_for(the_world: World) -> list[tuple[str, str]]:
    """Who asked for which transfers, by the audit trail."""
    query = select(Audit.actor, Audit.action).where(Audit.action.like("resync%"))
    with the_world.sessions() as session:
        return [(actor, action) for actor, action in session.execute(query.order_by(Audit.id))]


def wrong(the_world: World) -> int:
    return sum(s["name"] == "Feil" for s in the_world.rackbeat.state()["suppliers"])


ONE: dict[str, Callable[[World, list[str]], object]] = {
    "cli": lambda _w, ids: by_cli("sync", "resync", SLUG, "supplier", ids[0]),
    "http": lambda w, ids: by_http(
        w, "resync", direction="24so_to_rackbeat", kind="supplier", keys=ids[:1]
    ),
    "task": lambda _w, ids: carry_out("supplier.24so_to_rackbeat", connection=SLUG, key=ids[0]),
}
SEVERAL: dict[str, Callable[[World, list[str]], object]] = {
    "cli": lambda _w, ids: by_cli("sync", "resync", SLUG, "supplier", *ids[:2]),
    "http": lambda w, ids: by_http(
        w, "resync", direction="24so_to_rackbeat", kind="supplier", keys=ids[:2]
    ),
    "task": lambda _w, ids: carry_out("resync", connection=SLUG, kinds="supplier", keys=ids[:2]),
}
KIND: dict[str, Callable[[World], object]] = {
    "cli": lambda _w: by_cli("sync", "resync", SLUG, "supplier"),
    "http": lambda w: by_http(w, "resync", direction="24so_to_rackbeat", kind="supplier"),
    "task": lambda _w: carry_out("resync", connection=SLUG, kinds=["supplier"]),
}
WHOLE: dict[str, Callable[[World], object]] = {
    "cli": lambda _w: by_cli("sync", "resync", SLUG),
    "http": lambda w: by_http(w, "resync", direction="24so_to_rackbeat"),
    "task": lambda _w: carry_out("resync", connection=SLUG),
}
RETRY: dict[str, Callable[[World], object]] = {
    "cli": lambda _w: by_cli("sync", "retry", SLUG),
    "http": lambda w: by_http(w, "retry"),
    "task": lambda _w: carry_out("retry", connection=SLUG),
}
every_way = pytest.mark.parametrize("way", ["cli", "http", "task"])


# -- resyncs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [[], ["1001"]])
def test_who_asks_against_the_origin_is_told_that_it_is_skipped(
    ways: World, keys: list[str]
) -> None:
    ways.connect(customer={"origin": "24so"})
    said = by_cli("sync", "resync", SLUG, "customer", *keys, "--from", "rackbeat")
    named = {"keys": keys} if keys else {}
    answer = post(ways, f"{SLUG}/resync", direction=FROM_RACKBEAT.value, kind="customer", **named)
    for told in (" ".join(said.split()), answer.json()["message"]):
        assert "The setting customer.origin is '24so'" in told
        assert "These are skipped." in told
    assert "skipped" not in by_cli("sync", "resync", SLUG, "customer", *keys)


@every_way
def test_one_record_is_transferred_again_whatever_the_journal_says(ways: World, way: str) -> None:
    ids = spoilt(ways)
    ONE[way](ways, ids)
    ways.settle()
    assert wrong(ways) == 2
    assert ways.writes() == {"PUT /suppliers/{number}": 1}
    assert asked_for(ways) == [(ACTORS[way], "resync")]


@every_way
def test_a_list_of_records_is_transferred_again(ways: World, way: str) -> None:
    ids = spoilt(ways)
    SEVERAL[way](ways, ids)
    ways.settle()
    assert wrong(ways) == 1


@every_way
@pytest.mark.parametrize("what", [KIND, WHOLE], ids=["kind", "connection"])
def test_a_kind_or_a_whole_connection_is_transferred_again(
    ways: World, way: str, what: dict[str, Callable[[World], object]]
) -> None:
    spoilt(ways)
    what[way](ways)
    ways.work()
    ways.settle()
    assert wrong(ways) == 0
    assert ways.writes()["PUT /suppliers/{number}"] == 3
    assert asked_for(ways) == [(ACTORS[way], "resync of many")]


@every_way
def test_only_what_changed_in_a_span_of_time_is_transferred_again(ways: World, way: str) -> None:
    """The seeded suppliers are older than the three new ones."""
    spoilt(ways)
    since = "2026-01-01T00:00:00+00:00"
    if way == "cli":
        by_cli("sync", "resync", SLUG, "supplier", "--since", since)
    elif way == "http":
        body = {"direction": "24so_to_rackbeat", "kind": "supplier", "since": since}
        by_http(ways, "resync", **body)
    else:
        carry_out("resync", connection=SLUG, kinds=["supplier"], since=since)
    ways.work()
    ways.settle()
    assert wrong(ways) == 0
    assert len(ways.rackbeat.state()["suppliers"]) == 3
    assert ways.writes() == {"PUT /suppliers/{number}": 3}


def test_what_changed_after_the_span_of_time_is_left_alone(ways: World) -> None:
    spoilt(ways)
    carry_out(
        "resync", connection=SLUG, kinds=["supplier"],
        since="2026-01-01T00:00:00+00:00", until="2026-01-02T00:00:00+00:00",
    )  # fmt: skip
    ways.work()
    ways.settle()
    assert wrong(ways) == 3


def test_only_what_changed_in_a_span_of_time_is_transferred_again_from_rackbeat(
    ways: World,
) -> None:
    """Its times do not say their zone: what changed within a day of the span belongs to it."""
    ways.connect(**ONLY_SUPPLIERS)
    made = [rackbeat_supplier(ways, webhooks=False)["number"] for _ in range(4)]
    days = ("2026-01-01", "2026-01-09", "2026-01-11", "2026-01-20")
    for number, day in zip(made, days, strict=True):
        ways.rackbeat.edit("suppliers", number, {"updated_at": f"{day} 12:00:00"}, webhooks=False)
    carry_out(
        "resync", connection=SLUG, source="rackbeat", kinds=["supplier"],
        since="2026-01-10T00:00:00+00:00", until="2026-01-11T00:00:00+00:00",
    )  # fmt: skip
    ways.work()
    assert [change.key for change in ways.changes(cause="resync")] == [str(n) for n in made[1:3]]


def one_parked_for_its_barcode(ways: World) -> Change:
    """The change of a product that has another EAN in 24SevenOffice."""
    tfso_product(ways, No="GML-2", EAN1="7090000000026")
    ways.connect(product={"origin": "rackbeat"})
    group = rackbeat_group(ways, number=900)
    rackbeat_product(ways, group["number"], number="GML-2", barcode="7090000000019")
    ways.settle()
    return ways.change(state="parked")


@every_way
def test_everything_that_failed_is_tried_again(ways: World, way: str) -> None:
    parked = one_parked_for_its_barcode(ways)
    assert parked.key == "GML-2"
    ways.rackbeat.edit("products", "GML-2", {"barcode": "7090000000026"}, webhooks=False)
    RETRY[way](ways)
    ways.settle()
    assert ways.states() == []
    assert ways.change(id=parked.id).outcome == "updated"


# -- previews -----------------------------------------------------------------------------------


def intended(found: Any) -> dict[str, Intended]:
    return {item.key: item for item in found}


def untouched(the_world: World, action: Callable[[], Any]) -> Any:
    """Do it, and make sure that neither system nor our own journal has changed."""
    before = (the_world.rackbeat.state(), the_world.tfso.state(), len(the_world.changes()))
    the_world.reset_calls()
    result = action()
    assert the_world.writes() == {}
    assert (the_world.rackbeat.state(), the_world.tfso.state(), len(the_world.changes())) == before
    return result


def test_a_preview_of_the_initial_sync_says_what_would_be_done_and_does_nothing(
    ways: World,
) -> None:
    ways.connect(**ONLY_SUPPLIERS)
    new = tfso_supplier(ways, PaymentTime=37)
    same = tfso_supplier(ways, Name="Lik AS", OrganizationNumber="911000111")
    rackbeat_supplier(ways, number=7, company_name="Ulik AS", company_vat="911000111")
    torn = tfso_supplier(ways, Name="Tvil AS", OrganizationNumber="911000222")
    for number in (8, 9):
        rackbeat_supplier(ways, number=number, company_vat="911000222", company_name="Tvilling")
    ways.deliveries_done()
    operations = Operations(ways.engine, actor="test")
    found = untouched(ways, lambda: intended(operations.preview(SLUG, Cause.INITIAL, FROM_24SO)))
    assert Counter(item.outcome for item in found.values()) == {
        "created": FEW.suppliers + 1, "updated": 1, "parked": 1,
    }  # fmt: skip
    created = found[str(new["Id"])]
    assert created.fields["name"] == (None, "Skifabrikken AS")
    assert created.fields["payment_terms"] == (None, "net:37")
    updated = found[str(same["Id"])]
    assert (updated.target_key, updated.fields["name"]) == ("7", ("Ulik AS", "Lik AS"))
    assert "Tvilling" in str(found[str(torn["Id"])].message)


def test_a_preview_names_what_would_be_matched_and_what_is_unchanged(ways: World) -> None:
    ways.connect(**ONLY_SUPPLIERS)
    bare = {"EmailAddresses": None, "Addresses": None, "PaymentTime": 14}
    made = tfso_supplier(ways, Name="Lik AS", OrganizationNumber="911000111", **bare)
    rackbeat_supplier(ways, company_name="Lik AS", company_vat="911000111", address_country="NO")
    ways.deliveries_done()
    operations = Operations(ways.engine, actor="test")
    keys = [str(made["Id"])]
    found = untouched(
        ways, lambda: intended(operations.preview_records(SLUG, "supplier", keys, FROM_24SO))
    )
    assert found[keys[0]].outcome == "matched"
    ways.settle()
    found = untouched(
        ways, lambda: intended(operations.preview_records(SLUG, "supplier", keys, FROM_24SO))
    )
    assert found[keys[0]].outcome == "unchanged"


def test_a_preview_of_orders_needs_nothing_to_be_there_yet(ways: World) -> None:
    ways.connect()
    customer, product = tfso_customer(ways), tfso_product(ways, No="A" * 20)
    row = {"ProductId": product["Id"], "Quantity": 2, "Price": "10", "VatRate": "25"}
    order = tfso_order(ways, customer["Id"], row)
    operations = Operations(ways.engine, actor="test")
    found = untouched(
        ways, lambda: intended(operations.preview(SLUG, Cause.RESYNC, FROM_24SO, ["order"]))
    )
    assert {key: item.outcome for key, item in found.items()} == {str(order["OrderId"]): "created"}


def test_a_preview_towards_24so_writes_nothing_either(ways: World) -> None:
    ways.connect(order={"origin": "rackbeat"})
    rackbeat_goods(ways, "TELT-2")
    ways.rackbeat.post("/webhooks/hold")
    made = rackbeat_order(ways, of("TELT-2", 2))
    operations = Operations(ways.engine, actor="test")
    found = untouched(
        ways, lambda: intended(operations.preview(SLUG, Cause.RESYNC, FROM_RACKBEAT, ["order"]))
    )
    assert found[str(made["number"])].outcome == "created"


def test_the_command_line_shows_a_preview_field_by_field(ways: World) -> None:
    ids = spoilt(ways)
    text = untouched(ways, lambda: by_cli("sync", "resync", SLUG, "supplier", ids[0], "--dry-run"))
    assert "updated" in text
    assert "'Feil' -> 'Leverandør 0'" in text
    assert "Nothing was written" in text
    text = untouched(ways, lambda: by_cli("sync", "initial", SLUG, "--dry-run"))
    assert f"{FEW.suppliers} created" in text


def test_a_preview_keeps_to_the_span_of_time(ways: World) -> None:
    spoilt(ways)
    since = ("--since", "2026-01-01T00:00:00+00:00")
    text = untouched(ways, lambda: by_cli("sync", "resync", SLUG, "supplier", *since, "--dry-run"))
    assert "3 updated" in text
    assert "created" not in text


def test_a_preview_shows_the_counterparts_of_what_a_record_needs_not_yet_linked(
    ways: World,
) -> None:
    ways.connect(product={"origin": "rackbeat"}, product_group={"origin": "rackbeat"})
    ways.rackbeat.post("/webhooks/hold")
    there = tfso_category(ways, Name="Telt", No="900")
    rackbeat_group(ways, number=900, name="Telt")
    rackbeat_group(ways, number=901, name="Ny")
    for number, group in (("GML", 900), ("NY", 901)):
        rackbeat_product(ways, group, number=number, barcode="")
    tfso_product(ways, No="GML", EAN1="", CategoryId=there["Id"])
    operations = Operations(ways.engine, actor="test")
    found = untouched(
        ways, lambda: intended(operations.preview(SLUG, Cause.RESYNC, FROM_RACKBEAT, ["product"]))
    )
    assert found["GML"].outcome == "updated"
    assert "group" not in found["GML"].fields
    assert found["NY"].fields["group"] == (None, "(new)")


def test_a_preview_parks_what_needs_something_that_would_be_parked(ways: World) -> None:
    tfso_category(ways, Name="Håndverktøy", No="900")
    ways.connect(product={"origin": "rackbeat"}, product_group={"origin": "rackbeat"})
    ways.rackbeat.post("/webhooks/hold")
    rackbeat_group(ways, number=900, name="Telt")
    for number in ("TELT-1", "TELT-2"):
        rackbeat_product(ways, 900, number=number)
    operations = Operations(ways.engine, actor="test")
    found = untouched(
        ways, lambda: intended(operations.preview(SLUG, Cause.RESYNC, FROM_RACKBEAT, ["product"]))
    )
    assert {item.outcome for item in found.values()} == {"parked"}
    for named in ("product group 900", "Håndverktøy"):
        assert named in str(found["TELT-2"].message)


def test_a_preview_shows_what_the_journal_would_remark(ways: World) -> None:
    ways.connect(**ONLY_SUPPLIERS)
    made = tfso_supplier(ways, PaymentTime=None, EmailAddresses=None)
    text = untouched(
        ways, lambda: by_cli("sync", "resync", SLUG, "supplier", str(made["Id"]), "--dry-run")
    )
    assert "No payment terms; net:30 is used (the default)." in " ".join(text.split())


def test_another_try_of_what_is_parked_can_be_previewed(ways: World) -> None:
    parked = one_parked_for_its_barcode(ways)
    text = untouched(ways, lambda: by_cli("sync", "retry", SLUG, "--dry-run"))
    assert "1 parked" in text
    ways.rackbeat.edit("products", "GML-2", {"barcode": "7090000000026"}, webhooks=False)
    one = ("sync", "retry", SLUG, str(parked.id), "--dry-run")
    assert "1 updated" in untouched(ways, lambda: by_cli(*one))
    assert ways.change(id=parked.id).state == "parked"
