"""Origin both: who wins when one record was edited in both systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest

from shared.clock import utc_now
from shared.operations import Operations
from shared.tables import Link
from shared.words import Direction
from tests.harness.mission import configure, later, reconcile
from tests.harness.people import linked, rackbeat_customer, tfso_customer, tfso_product
from tests.harness.world import GENEROUS_TFSO, SLUG, World, world


@pytest.fixture
def one_clock(
    database_url: str, broker_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A world in which time passes in 24SevenOffice, too, when the test lets it pass."""
    made: list[World] = []

    def now() -> datetime:
        return made[0].clock() if made else utc_now()

    config = replace(GENEROUS_TFSO, now=now)
    with world(database_url, broker_url, monkeypatch, tfso_config=config) as opened:
        made.append(opened)
        yield opened


def a_customer(the_world: World) -> Link:
    link = linked(the_world, "customer", tfso_customer(the_world))
    the_world.clock.pass_by(minutes=30)
    the_world.reset_calls()
    return link


def edit_both(the_world: World, link: Link, *order: str) -> None:
    """Edit both sides before any worker comes, in that order, some minutes apart."""
    for system in order:
        if system == "rackbeat":
            edit = {"company_name": "Navn i Rackbeat", "address_city": "Otta"}
            the_world.rackbeat.edit("customers", link.rackbeat_key, edit)
            the_world.deliveries_done()
        else:
            the_world.tfso.edit("companies", link.tfso_key, {"Name": "Navn i 24SO"})
        the_world.clock.pass_by(minutes=5)


def names(the_world: World, link: Link) -> set[str]:
    return {
        the_world.in_rackbeat("customers", link.rackbeat_key)["name"],
        the_world.in_tfso("companies", link.tfso_key)["Name"],
    }


def notes(the_world: World) -> str:
    return "\n".join(note for change in the_world.changes() for note in change.notes)


@pytest.mark.parametrize("first", ["rackbeat", "24so"])
@pytest.mark.parametrize("wins", ["newest", "rackbeat", "24so"])
def test_a_setting_says_who_wins_and_the_losers_values_are_in_the_journal(
    one_clock: World, wins: str, first: str
) -> None:
    one_clock.connect(conflict={"wins": wins})
    link = a_customer(one_clock)
    second = "24so" if first == "rackbeat" else "rackbeat"
    edit_both(one_clock, link, first, second)
    later(one_clock)
    winner = second if wins == "newest" else wins
    won, lost = "Navn i Rackbeat", "Navn i 24SO"
    if winner == "24so":
        won, lost = lost, won
    assert names(one_clock, link) == {won}
    assert lost in notes(one_clock)
    assert sum(one_clock.writes().values()) == 1
    assert one_clock.states() == []


def test_after_a_conflict_an_edit_on_either_side_is_an_edit_like_any_other(
    one_clock: World,
) -> None:
    one_clock.connect(conflict={"wins": "24so"})
    link = a_customer(one_clock)
    edit_both(one_clock, link, "rackbeat", "24so")
    later(one_clock)
    one_clock.rackbeat.edit("customers", link.rackbeat_key, {"company_name": "Tredje navn"})
    later(one_clock)
    assert names(one_clock, link) == {"Tredje navn"}


def test_the_same_edit_on_both_sides_is_no_conflict(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "customer", tfso_customer(the_world))
    the_world.reset_calls()
    the_world.rackbeat.edit("customers", link.rackbeat_key, {"company_name": "Enige AS"})
    the_world.tfso.edit("companies", link.tfso_key, {"Name": "Enige AS"})
    later(the_world)
    assert names(the_world, link) == {"Enige AS"}
    assert the_world.writes() == {}
    assert "given up" not in notes(the_world)


def test_an_edit_under_way_when_the_origin_is_changed_follows_the_new_setting(
    the_world: World,
) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.reset_calls()
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Fra Rackbeat"})
    the_world.deliveries_done()
    configure(the_world, product__origin="24so")
    the_world.settle()
    change = the_world.changes(kind="product", direction="rackbeat_to_24so")[-1]
    assert change.outcome == "skipped"
    assert "product.origin" in str(change.message)
    assert the_world.writes() == {}
    the_world.tfso.edit("products", link.tfso_key, {"Name": "Fra 24SO"})
    later(the_world)
    assert the_world.in_rackbeat("products", link.rackbeat_key)["name"] == "Fra 24SO"


def test_an_origin_changed_back_takes_what_was_edited_meanwhile_with_the_next_edit(
    the_world: World,
) -> None:
    the_world.connect(product={"origin": "24so"})
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Fra Rackbeat"})
    the_world.deliveries_done()
    configure(the_world, product__origin="rackbeat")
    the_world.rackbeat.edit("products", link.rackbeat_key, {"sales_price": 1})
    the_world.settle()
    there = the_world.in_tfso("products", link.tfso_key)
    assert (there["Name"], float(there["Price"])) == ("Fra Rackbeat", 1)


# -- what is overruled without a conflict is kept in the journal, too -----------------------------


@pytest.mark.parametrize("how", ["resync", "reconciliation"])
def test_what_a_forced_transfer_overwrites_is_in_the_journal(the_world: World, how: str) -> None:
    the_world.connect(product={"origin": "24so"})
    link = linked(the_world, "product", tfso_product(the_world))
    edit = {"name": "Navn i Rackbeat", "description": "Beskrivelse"}
    the_world.rackbeat.edit("products", link.rackbeat_key, edit, webhooks=False)
    if how == "resync":
        operations = Operations(the_world.engine, actor="test")
        operations.resync(SLUG, "product", [link.tfso_key], Direction.TFSO_TO_RACKBEAT)
        the_world.settle()
    else:
        reconcile(the_world)
    assert the_world.in_rackbeat("products", link.rackbeat_key)["name"] == "Fjellski 205 cm"
    assert "Values in Rackbeat that were given up: {'name': 'Navn i Rackbeat'}" in notes(the_world)


def test_what_a_first_match_overwrites_is_in_the_journal(the_world: World) -> None:
    the_world.connect()
    there = tfso_customer(the_world)
    rackbeat_customer(
        the_world, number=there["Id"], webhooks=False, company_name="Navn i Rackbeat",
        company_vat="999888777", address_city="Geilo", contact_phone="22 22 22 22",
    )  # fmt: skip
    linked(the_world, "customer", there)
    (note,) = [each for each in notes(the_world).split("\n") if "given up" in each]
    assert "'name': 'Navn i Rackbeat'" in note
    for kept in ("city", "phone", "organisation_number"):
        assert f"'{kept}'" not in note


def test_an_ordinary_transfer_gives_up_nothing(the_world: World) -> None:
    the_world.connect()
    link = linked(the_world, "product", tfso_product(the_world))
    the_world.rackbeat.edit("products", link.rackbeat_key, {"name": "Navn i Rackbeat"})
    the_world.settle()
    assert "given up" not in notes(the_world)
