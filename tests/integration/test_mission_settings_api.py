"""Settings: one typed model, changed by command line and HTTP, every change kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import select, update
from typer.testing import CliRunner

from shared import listing
from shared.operations import Operations
from shared.runs import list_run, start_run
from shared.settings import SettingsError, check_settings, load_settings
from shared.tables import Audit, Change, Connection
from shared.words import Cause
from tests.harness.mission import (
    configure,
    later,
    of,
    rackbeat_goods,
    rackbeat_invoice,
    rackbeat_order,
    reconcile,
)
from tests.harness.people import (
    rackbeat_customer,
    rackbeat_supplier,
    tfso_customer,
    tfso_product,
    tfso_supplier,
)
from tests.harness.world import FEW, SLUG, Json, World
from workers import process
from workers.cli import app as cli
from workers.web import api

TOKEN = "the-token-of-the-test"
ADDRESS = {"address_street": "Elvevegen 2", "address_zipcode": "2550", "address_city": "Os"}


@pytest.fixture
def http(the_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """The API of a connected world, with the token."""
    configuration = the_world.configuration.model_copy(update={"api_token": SecretStr(TOKEN)})
    monkeypatch.setattr(api, "the_engine", lambda: the_world.engine)
    monkeypatch.setattr(process, "the_engine", lambda: the_world.engine)
    monkeypatch.setattr(api, "configuration", lambda: configuration)
    the_world.connect()
    with httpx.Client(
        base_url=f"{the_world.web_url}/api/",
        headers={"Authorization": f"Bearer {TOKEN}"},
        trust_env=False,
    ) as client:
        yield client


def change(http: httpx.Client, **changes: Any) -> httpx.Response:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return http.patch(f"connections/{SLUG}/settings", json=named)


def audited(the_world: World) -> list[Audit]:
    with the_world.sessions() as session:
        query = select(Audit).where(Audit.action == "settings changed").order_by(Audit.id)
        return list(session.scalars(query))


# -- the model ----------------------------------------------------------------------------------


def test_the_defaults_do_what_the_official_integration_does() -> None:
    settings = check_settings({})
    kinds = ("customer", "supplier", "product", "product_group")
    assert {settings.of(kind).origin.value for kind in kinds} == {"both"}
    assert (settings.order.origin.value, settings.order.pull_minutes) == ("24so", 10)
    assert (settings.invoice.origin.value, settings.stock.origin.value) == ("rackbeat", "rackbeat")
    assert settings.reconcile.nightly


OFF = {"origin": "off"}
NEVER = {"nightly": False}


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        ({"product": OFF}, "orders cannot originate in 24SevenOffice while products are off"),
        ({"customer": OFF}, "orders cannot originate in 24SevenOffice while customers are off"),
        ({"order": OFF, "product": OFF}, "invoices cannot originate in Rackbeat while products"),
        (
            {"order": {"origin": "rackbeat"}, "invoice": OFF, "customer": OFF},
            "orders cannot originate in Rackbeat while customers are off",
        ),
        ({"product_group": OFF}, "products cannot be transferred while product groups are off"),
        ({"product": {"number": "id"}}, "24SevenOffice chooses its product Ids itself"),
        ({"events": {"x.changed": "lorry"}}, "'x.changed' is said to be about 'lorry'"),
        ({"order": {"origin": "both"}}, "order.origin"),
        ({"invoice": {"origin": "both"}}, "invoice.origin"),
        ({"stock": {"origin": "24so"}}, "stock.origin"),
        ({"invoice": {"status": "Repeating"}}, "invoice.status"),
        ({"order": {"pull_statuses": ["Nonsense"]}}, "order.pull_statuses"),
        ({"order": {"pull_statuses": []}}, "order.pull_statuses"),
        ({"order": {"pull_minutes": 60}}, "order.pull_minutes"),
        ({"customer": {"country": "Norge"}}, "customer.country"),
        ({"conflict": {"wins": "loudest"}}, "conflict.wins"),
        ({"prodct": OFF}, "prodct"),
    ],
)
def test_settings_that_do_not_hold_together_are_refused_in_plain_language(
    stored: Json, told: str
) -> None:
    with pytest.raises(SettingsError) as error:
        check_settings(stored)
    assert told in str(error.value)


# -- by HTTP ------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [None, "Bearer wrong", f"Basic {TOKEN}"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "connections"),
        ("GET", f"connections/{SLUG}/settings"),
        ("PATCH", f"connections/{SLUG}/settings"),
        ("POST", f"connections/{SLUG}/sync/initial"),
        ("POST", f"connections/{SLUG}/retry"),
        ("GET", f"connections/{SLUG}/changes"),
        ("GET", f"connections/{SLUG}/audit"),
    ],
)
def test_nobody_gets_in_without_the_token(
    the_world: World, http: httpx.Client, method: str, path: str, header: str | None
) -> None:
    del http
    headers = {} if header is None else {"Authorization": header}
    url = f"{the_world.web_url}/api/{path}"
    answer = httpx.request(method, url, headers=headers, json={}, trust_env=False)
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_without_a_configured_token_the_api_is_closed(
    the_world: World, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "configuration", lambda: the_world.configuration)
    assert http.get("connections").status_code == 401


def test_a_setting_is_changed_read_back_audited_and_obeyed(
    the_world: World, http: httpx.Client
) -> None:
    answer = change(http, supplier__origin="24so", invoice__status="Draft")
    assert answer.status_code == 200, answer.text
    read = http.get(f"connections/{SLUG}/settings").json()
    assert (read["supplier"]["origin"], read["invoice"]["status"]) == ("24so", "Draft")
    (kept,) = audited(the_world)
    newest = http.get(f"connections/{SLUG}/audit?limit=1").json()[0]
    assert (newest["action"], newest["details"]) == (kept.action, kept.details)
    assert kept.actor == "api"
    assert kept.details["changes"] == {
        "supplier.origin": {"from": "both", "to": "24so"},
        "invoice.status": {"from": "ForInvoicing", "to": "Draft"},
    }
    rackbeat_supplier(the_world)
    the_world.settle()
    assert the_world.changes(kind="supplier") == []


def test_a_shorter_time_between_pulls_counts_at_once(the_world: World, http: httpx.Client) -> None:
    tfso_customer(the_world)
    later(the_world)
    the_world.clock.pass_by(minutes=2)
    tfso_customer(the_world, Name="Fonn AS", OrganizationNumber="999888666")
    the_world.work()
    assert len(the_world.links("customer")) == 1
    assert change(http, pull_minutes=1).is_success
    the_world.clock.pass_by(minutes=1)
    the_world.work()
    assert len(the_world.links("customer")) == 2


def test_what_a_setting_kept_parked_is_tried_again_when_settings_are_changed(
    the_world: World,
) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    with the_world.sessions.begin() as session:  # as could be chosen earlier
        stored = {
            "customer": OFF,
            "order": {"origin": "rackbeat"},
            "invoice": OFF,
            "reconcile": NEVER,
        }
        session.execute(update(Connection).values(settings=stored))
    rackbeat_goods(the_world, "TELT-2")
    order = rackbeat_order(the_world, of("TELT-2", 2))
    the_world.deliveries_done()
    the_world.work()
    parked = the_world.change(kind="order", key=str(order["number"]))
    assert (parked.state, parked.failure_class) == ("parked", "dependency")
    with pytest.raises(SettingsError, match="while customers are off"):
        configure(the_world, invoice__origin="rackbeat")
    assert the_world.change(kind="order", key=str(order["number"])).state == "parked"
    configure(the_world, customer__origin="both")
    the_world.settle()
    assert the_world.change(kind="order", key=str(order["number"])).outcome == "created"
    assert len(the_world.all_in_tfso("orders")) == 1


def test_what_a_vendor_refused_is_not_tried_again_for_a_setting(the_world: World) -> None:
    the_world.connect()
    rackbeat_customer(the_world, company_name="A" * 201)
    the_world.deliveries_done()
    the_world.work()
    with the_world.sessions.begin() as session:
        session.execute(update(Change).values(failure_class="rejected"))
    configure(the_world, customer__payment_terms_days=30)
    assert the_world.change(kind="customer").state == "parked"


def test_a_field_that_is_read_from_elsewhere_after_a_change_of_settings_is_no_edit(
    the_world: World,
) -> None:
    """Neither does it undo an edit on the other side, nor is it brought there."""
    the_world.connect()
    made = tfso_product(the_world, Cost="1950.00", WebPrice="3299.00")
    customer = tfso_customer(the_world)
    the_world.work()
    later(the_world)
    reconcile(the_world)
    the_world.reset_calls()
    configure(the_world, product__price="web_price", product__cost="cost", local_currency="DKK")
    reconcile(the_world)
    assert the_world.writes() == {}
    the_world.rackbeat.edit("products", "SKI-205", {"name": "Ny ski", "sales_price": 2999})
    the_world.rackbeat.edit("customers", customer["Id"], {"contact_phone": "22 22 22 22"})
    the_world.settle()
    there = the_world.in_tfso("products", made["Id"])
    assert (there["Name"], float(there["WebPrice"]), float(there["Price"])) == (
        "Ny ski", 2999, 3499.9,
    )  # fmt: skip
    assert not any("given up" in str(change.notes) for change in the_world.changes())
    here = the_world.in_rackbeat("products", "SKI-205")
    assert float(here["recommended_cost_price"]) == 1800
    assert the_world.in_rackbeat("customers", customer["Id"])["currency"] == "NOK"
    assert the_world.states() == []


def test_a_field_that_is_read_from_elsewhere_is_watched_from_the_next_comparison_on(
    the_world: World,
) -> None:
    the_world.connect()
    made = tfso_product(the_world, WebPrice="3299.00")
    the_world.work()
    later(the_world)
    reconcile(the_world)
    configure(the_world, product__price="web_price")
    reconcile(the_world)
    assert float(the_world.in_rackbeat("products", "SKI-205")["sales_price"]) == 3499.9
    the_world.tfso.edit("products", made["Id"], {"WebPrice": "3000.00"})
    later(the_world)
    assert float(the_world.in_rackbeat("products", "SKI-205")["sales_price"]) == 3000


def test_what_a_comparison_reads_by_settings_that_change_meanwhile_is_no_edit_later(
    the_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    the_world.connect()
    tfso_product(the_world, WebPrice="3299.00")
    the_world.work()
    later(the_world)
    reconcile(the_world)
    configure(the_world, product__cost="cost", product__price="web_price")

    def compared_meanwhile(kind: Any, *given: Any, **more: Any) -> listing.Comparison:
        comparison = compare(kind, *given, **more)
        if kind.name == "product":
            configure(the_world, product__price="price")
        return comparison

    compare = listing.compare
    monkeypatch.setattr(listing, "compare", compared_meanwhile)
    reconcile(the_world)
    monkeypatch.undo()
    assert "changed_in_24so" not in reconcile(the_world)["product"]


@pytest.mark.parametrize("origin", ["both", "rackbeat"])
def test_a_country_that_is_read_from_the_settings_is_no_edit_when_they_change(
    the_world: World, origin: str
) -> None:
    """Neither of a customer or supplier, nor of the documents addressed to one."""
    the_world.connect(
        customer={"origin": origin}, supplier={"origin": origin}, invoice={"status": "Invoiced"}
    )
    rackbeat_goods(the_world, "TELT-2")
    nowhere: dict[str, Any] = {"address_country": None}
    rackbeat_supplier(the_world, **nowhere)
    buyer = rackbeat_customer(the_world, number=71001, **nowhere)["number"]
    rackbeat_invoice(the_world, of("TELT-2", 2), customer_id=buyer, **ADDRESS)
    the_world.settle()
    reconcile(the_world)
    the_world.reset_calls()
    configure(the_world, customer__country="SE", supplier__country="SE")
    reconcile(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []
    the_world.rackbeat.edit("customers", buyer, {"contact_phone": "22 22 22 22"})
    the_world.settle()
    there = the_world.in_tfso("companies", buyer)
    assert there["PhoneNumbers"]["Primary"]["Value"] == "22 22 22 22"


def test_lines_that_are_read_as_texts_after_a_change_of_settings_are_no_edit(
    the_world: World,
) -> None:
    the_world.connect(invoice={"status": "Invoiced"})
    rackbeat_goods(the_world, "TELT-2", "9000")
    lines = (of("TELT-2", 2), of("9000", 1, 50, name="Frakt"), of("9000", 0, 0, name="Takk"))
    rackbeat_invoice(the_world, *lines)
    the_world.settle()
    reconcile(the_world)
    the_world.reset_calls()
    configure(the_world, order__item_for_text="9000")
    reconcile(the_world)
    assert the_world.writes() == {}
    assert the_world.states() == []


EARLIER: dict[str, Any] = {
    "customer": {"origin": "off"},
    "order": {"origin": "rackbeat", "pull_statuses": ["Web", "Invoiced"], "colour": "red"},
    "warehouse": {"origin": "both"},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"order.origin": "off"},
        {"invoice.origin": "off"},
        {"local_currency": "SEK"},
        {"order.pull_statuses": None},
    ],
)
def test_settings_that_could_only_be_chosen_earlier_keep_no_other_from_being_changed(
    the_world: World, changes: dict[str, Any]
) -> None:
    """Neither do settings that only the next version knows; both stay as they are stored."""
    the_world.connect()
    with the_world.sessions.begin() as session:
        session.execute(update(Connection).values(settings=EARLIER))
    after = Operations(the_world.engine, actor="test").change_settings(SLUG, changes)
    for name, value in changes.items():
        assert value in {None, after.named(name)}
    with the_world.sessions() as session:
        stored = session.scalars(select(Connection.settings)).one()
    assert load_settings(stored) == after
    assert (stored["warehouse"], stored["order"]["colour"]) == ({"origin": "both"}, "red")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"order.pull_statuses": ["Web", "Invoiced"]}, "order.pull_statuses: an order that is"),
        ({"order.colour": "blue"}, "order.colour: There is no such setting"),
        ({"order.origin": "24so"}, "orders cannot originate in 24SevenOffice while customers"),
        ({"product.origin": "off"}, "orders cannot originate in Rackbeat while products are off"),
        ({"product_group.origin": "off"}, "products cannot be transferred while product groups"),
    ],
)
def test_what_could_only_be_chosen_earlier_cannot_be_chosen_or_added_to(
    the_world: World, changes: dict[str, Any], problem: str
) -> None:
    the_world.connect()
    with the_world.sessions.begin() as session:
        session.execute(update(Connection).values(settings=EARLIER))
    with pytest.raises(SettingsError, match=f"^{problem}"):
        Operations(the_world.engine, actor="test").change_settings(SLUG, changes)
    with the_world.sessions() as session:
        assert session.scalars(select(Connection.settings)).one() == EARLIER


def test_settings_are_stored_with_their_version(the_world: World) -> None:
    the_world.connect(order={"book": True})
    configure(the_world, order__book=None)
    with the_world.sessions() as session:
        assert session.scalars(select(Connection.settings)).one()["version"] == 1


def test_settings_of_a_newer_version_park_nothing(the_world: World) -> None:
    """Processes of two versions run side by side for a while."""
    the_world.connect()
    rackbeat_customer(the_world)
    the_world.deliveries_done()
    with the_world.sessions.begin() as session:
        session.execute(update(Connection).values(settings={"version": 2}))
    the_world.work()
    change = the_world.change(kind="customer")
    assert (change.state, change.failure_class) == ("pending", "transient")
    assert "of version 2" in str(change.message)
    with pytest.raises(SettingsError, match="of version 2"):
        configure(the_world, order__book=True)
    with the_world.sessions.begin() as session:
        session.execute(update(Connection).values(settings={"version": 1}))
    the_world.settle()
    assert the_world.change(kind="customer").outcome == "created"


def test_null_goes_back_to_the_default(http: httpx.Client) -> None:
    change(http, customer__payment_terms_days=60)
    assert change(http, customer__payment_terms_days=None).json()["customer"][
        "payment_terms_days"
    ] == 14  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"product__origin": "off"},
        {"product__origin": "sideways"},
        {"lorry__origin": "both"},
        {"product__colour": "red"},
        {"product__origin__deep": "both"},
        {"version": 7},
        {"local_currency__deep": "NOK"},
        {"customer": "both"},
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing_and_says_why(
    the_world: World, http: httpx.Client, changes: Json
) -> None:
    before = http.get(f"connections/{SLUG}/settings").json()
    answer = change(http, **changes)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert http.get(f"connections/{SLUG}/settings").json() == before
    assert audited(the_world) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "connections/nobody/settings", None),
        ("POST", "connections/nobody/sync/initial", {}),
        ("POST", f"connections/{SLUG}/sync/sideways", {}),
        ("POST", f"connections/{SLUG}/resync", {"direction": "24so_to_rackbeat", "kind": "lorry"}),
        ("POST", f"connections/{SLUG}/resync", {"direction": "sideways"}),
        ("POST", f"connections/{SLUG}/resync", {"direction": "24so_to_rackbeat", "keys": ["1"]}),
        ("POST", f"connections/{SLUG}/resync", {"direction": "24so_to_rackbeat", "wheels": 4}),
        ("GET", f"connections/{SLUG}/changes?kind=lorry", None),
        ("GET", f"connections/{SLUG}/changes?state=lost", None),
    ],
)
def test_unknown_names_are_told(
    http: httpx.Client, method: str, path: str, body: Json | None
) -> None:
    answer = http.request(method, path, json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_the_api_shows_connections_changes_and_status(the_world: World, http: httpx.Client) -> None:
    rackbeat_supplier(the_world)
    the_world.settle()
    assert [c["slug"] for c in http.get("connections").json()] == [SLUG]
    (shown,) = http.get(f"connections/{SLUG}/changes", params={"kind": "supplier"}).json()
    assert (shown["state"], shown["outcome"]) == ("done", "created")
    (counted,) = http.get(f"connections/{SLUG}/status").json()
    assert (counted["kind"], counted["outcome"], counted["changes"]) == ("supplier", "created", 1)


def test_the_api_shows_how_far_the_initial_sync_is(the_world: World, http: httpx.Client) -> None:
    off = {f"{kind}__origin": "off" for kind in ("order", "product", "product_group", "customer")}
    assert change(http, invoice__origin="off", stock__origin="off", **off).is_success
    for number in range(5):
        tfso_supplier(the_world, Name=f"Leverandør {number}", OrganizationNumber="")
    total = FEW.suppliers + 5
    run = start_run(the_world.engine, SLUG, Cause.INITIAL)
    list_run(the_world.engine, run)
    the_world.engine.process(the_world.changes(kind="supplier")[0].id)
    the_world.clock.pass_by(minutes=1)
    (shown,) = http.get(f"connections/{SLUG}/runs").json()
    assert (shown["cause"], shown["state"]) == ("initial", "transferring")
    assert (shown["done"], shown["total"]) == (1, total)
    assert shown["left"] == pytest.approx((total - 1) * 60, abs=60)  # one a minute so far
    the_world.work()
    the_world.settle()
    (shown,) = http.get(f"connections/{SLUG}/runs").json()
    assert (shown["state"], shown["done"], shown["left"]) == ("done", total, None)


# -- by command line ----------------------------------------------------------------------------


def test_the_command_line_changes_settings_too_and_says_what_is_wrong(
    the_world: World, http: httpx.Client
) -> None:
    def run(*arguments: str) -> Any:
        return CliRunner().invoke(cli, ["settings", *arguments])

    assert run("set", SLUG, "order.pull_statuses", '["Offer", "Web"]').exit_code == 0
    assert run("set", SLUG, "conflict.wins", "rackbeat").exit_code == 0
    shown = http.get(f"connections/{SLUG}/settings").json()
    assert shown["order"]["pull_statuses"] == ["Offer", "Web"]
    assert "rackbeat" in run("show", SLUG).output
    refused = run("set", SLUG, "product.origin", "off")
    assert refused.exit_code == 1
    assert "orders cannot originate" in refused.output.replace("\n", " ")
    assert len(audited(the_world)) == 2
