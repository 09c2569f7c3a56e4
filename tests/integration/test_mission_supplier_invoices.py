"""Supplier invoices are never transferred, whatever happens (decision 1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from shared.runs import start_run
from shared.settings import Settings, SettingsError, check_settings
from shared.tables import WebhookDelivery
from shared.words import Cause
from tasks.kinds import KINDS
from tests.harness.mission import invoice_all, later, of, rackbeat_goods, rackbeat_order, reconcile
from tests.harness.people import rackbeat_supplier
from tests.harness.world import SLUG, World

EVENT = "supplier_invoice.created"


def test_there_is_no_kind_no_setting_and_no_event_of_supplier_invoices() -> None:
    names = [*KINDS, *Settings.model_fields, *(e for kind in KINDS.values() for e in kind.events)]
    assert [name for name in names if "supplier_invoice" in name] == []
    with pytest.raises(SettingsError, match="supplier_invoice"):
        check_settings({"supplier_invoice": {"origin": "both"}})
    with pytest.raises(SettingsError, match="supplier_invoice"):
        check_settings({"events": {"supplier_invoice.created": "supplier_invoice"}})


def test_nothing_ever_asks_for_or_sends_a_supplier_invoice(the_world: World) -> None:
    the_world.connect(order={"origin": "rackbeat"})
    # Nobody asks to be told of them; here somebody did.
    replace(the_world.connections, events=[EVENT]).subscribe(SLUG)
    the_world.rackbeat.add("supplier_invoices", {"number": 77})
    rackbeat_supplier(the_world, number=77001)
    rackbeat_goods(the_world, "TELT-2")
    invoice_all(the_world, rackbeat_order(the_world, of("TELT-2"))["number"])
    the_world.rackbeat.post("/deliveries/repeat", {"event": EVENT, "key": 77})
    the_world.deliveries_done()
    with the_world.sessions() as session:
        assert session.scalars(select(WebhookDelivery.event).filter_by(key="77")).all() == [EVENT]
    later(the_world)
    start_run(the_world.engine, SLUG, Cause.INITIAL, kinds=["supplier"])
    the_world.work()
    the_world.settle()
    reconcile(the_world)
    paths = the_world.rackbeat.calls()["by_operation"]
    assert paths["GET /suppliers"] >= 1
    assert [path for path in paths if "supplier-invoice" in path] == []
    assert [c.kind for c in the_world.changes(key="77")] == []
    assert {o["ReferenceNumber"].split(" ")[0] for o in the_world.all_in_tfso("orders")} == {
        "Rackbeat"
    }
    assert len(the_world.all_in_tfso("orders")) == 1
