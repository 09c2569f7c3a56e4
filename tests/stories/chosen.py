"""Random settings that hold together."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from shared.settings import SettingsError, check_settings
from tests.harness.pairs import MASTER_DATA, TYPES

ORIGINS = st.sampled_from(["both", "both", "rackbeat", "24so", "off"])


@st.composite
def some_settings(draw: st.DrawFn) -> dict[str, Any]:
    """The nightly reconciliation waits for a step that asks for it."""
    chosen: dict[str, Any] = {kind: {"origin": draw(ORIGINS)} for kind in MASTER_DATA}
    if draw(st.booleans()):  # else few stories have anything to sell
        chosen |= {kind: {"origin": "both"} for kind in ("customer", "product", "product_group")}
    for kind in TYPES:
        chosen[kind] |= {
            "number": draw(st.sampled_from(["id", "external_id"])),
            "vat_zone": draw(st.sampled_from(["by_country", "rackbeat"])),
        }
    chosen["product_group"]["number"] = draw(st.sampled_from(["id", "no"]))
    chosen["product"] |= {
        "number": draw(st.sampled_from(["no", "no", "id"])),
        "price": draw(st.sampled_from(["price", "web_price"])),
        "cost": draw(st.sampled_from(["in_price", "cost"])),
        "structure_items": draw(st.sampled_from([True, True, False])),
    }
    chosen["order"] = {
        "origin": draw(st.sampled_from(["24so", "24so", "rackbeat", "off"])),
        "status": draw(st.sampled_from(["Web", "Confirmed", "Pack"])),
        "pull_statuses": draw(st.sampled_from([["Web", "Confirmed", "Pack"], ["Confirmed"]])),
        "book": draw(st.sampled_from([False, False, True])),
    }
    chosen["invoice"] = {
        "origin": draw(st.sampled_from(["rackbeat", "24so", "off"])),
        "status": draw(st.sampled_from(["Draft", "ForInvoicing", "Invoiced"])),
        "distributor": draw(st.sampled_from(["Default", "Manual", "Auto"])),
    }
    chosen["stock"] = {
        "origin": draw(st.sampled_from(["rackbeat", "off"])),
        "quantity": draw(st.sampled_from(["in_stock", "available"])),
    }
    chosen["conflict"] = {"wins": draw(st.sampled_from(["newest", "rackbeat", "24so"]))}
    chosen["reconcile"] = {"nightly": False}
    for kind in ("order", "invoice", "product"):
        if not _hold_together(chosen):
            chosen[kind]["origin"] = "off"
    return chosen


def _hold_together(chosen: dict[str, Any]) -> bool:
    try:
        check_settings(chosen)
    except SettingsError:
        return False
    return True
