"""A write whose answer never came is recognised afterwards, and not taken for a person's edit."""

from __future__ import annotations

import pytest

from sandbox.faults import Effect
from shared.journal.record import News
from shared.points import Point, pass_by
from shared.sweep import sweep
from shared.tables import Link
from shared.words import Cause, Direction, System
from tests.harness.mission import later
from tests.harness.people import (
    Killed,
    kill_at,
    linked,
    rackbeat_customer,
    tfso_category,
    tfso_customer,
)
from tests.harness.world import World

A_CLAIM_LATER = 181
SETTLE_SECONDS = 90  # Configuration's default

either_way = pytest.mark.parametrize("source", list(System))


def edit(world: World, link: Link, system: System, name: str, city: str | None = None) -> None:
    """What a person does in one of the systems; the change is recorded."""
    if system is System.RACKBEAT:
        also = {} if city is None else {"address_city": city}
        world.rackbeat.edit("customers", link.rackbeat_key, {"company_name": name, **also})
        world.deliveries_done()
    else:
        there = {} if city is None else {"Addresses": {"Post": {"PostalArea": city}}}
        world.tfso.edit("companies", link.tfso_key, {"Name": name, **there})
        world.pull("customer")


def both(world: World, link: Link) -> list[tuple[str, str]]:
    """Name and city in Rackbeat and in 24SevenOffice."""
    rackbeat = world.in_rackbeat("customers", link.rackbeat_key)
    tfso = world.in_tfso("companies", link.tfso_key)
    return [
        (rackbeat["name"], rackbeat["address_city"]),
        (tfso["Name"], tfso["Addresses"]["Post"]["PostalArea"]),
    ]


def notes(world: World) -> str:
    return "\n".join(note for change in world.changes() for note in change.notes)


def die(world: World) -> None:
    """A worker writes what is due, and dies before it has stored that it did."""
    world.engine.reached = kill_at(Point.AFTER_CALL)
    with pytest.raises(Killed):
        world.work()
    world.engine.reached = pass_by


def a_customer(world: World, wins: System) -> Link:
    """A linked customer; in a conflict that system wins."""
    world.connect(conflict={"wins": wins})
    link = linked(world, "customer", tfso_customer(world))
    later(world)
    world.reset_calls()
    return link


@either_way
def test_an_edit_after_a_crash_does_not_lose_against_our_own_write(
    the_world: World, source: System
) -> None:
    link = a_customer(the_world, wins=source.other)
    edit(the_world, link, source, "Første")
    die(the_world)
    edit(the_world, link, source, "Andre")
    the_world.clock.pass_by(seconds=A_CLAIM_LATER)
    later(the_world)
    assert both(the_world, link) == [("Andre", "Geilo")] * 2
    assert "given up" not in notes(the_world)
    assert sum(the_world.writes().values()) == 2


@either_way
def test_an_edit_does_not_lose_against_what_crashes_left_of_a_new_record(
    the_world: World, source: System
) -> None:
    """A worker made the record and died; another one edited it, and died as well."""
    the_world.connect(conflict={"wins": source.other}, customer={"origin": "both"})
    the_world.work()
    there = {System.RACKBEAT: rackbeat_customer, System.TFSO: tfso_customer}
    made = there[source](the_world)
    key = str(made["number" if source is System.RACKBEAT else "Id"])
    link = Link(rackbeat_key=key, tfso_key=key)
    for name in ("Første", "Andre"):
        edit(the_world, link, source, name)
        die(the_world)
        the_world.clock.pass_by(seconds=A_CLAIM_LATER)
    edit(the_world, link, source, "Tredje")
    later(the_world)
    (linked_now,) = the_world.links("customer")
    assert [name for name, _city in both(the_world, linked_now)] == ["Tredje"] * 2
    assert "given up" not in notes(the_world)
    assert the_world.states() == []


@either_way
def test_our_own_write_met_first_by_the_other_direction_is_no_edit_either(
    the_world: World, source: System
) -> None:
    link = a_customer(the_world, wins=source.other)
    edit(the_world, link, source, "Første")
    die(the_world)
    edit(the_world, link, source, "Andre")
    the_world.clock.pass_by(seconds=A_CLAIM_LATER)
    echo = News(
        "customer",
        Direction.away_from(source.other),
        link.rackbeat_key if source is System.TFSO else link.tfso_key,
        Cause.WEBHOOK,
    )
    (change,) = the_world.engine.announce(link.connection_id, [echo])
    sweep(the_world.engine)  # the dead worker's claim ends
    the_world.engine.process(change)
    assert the_world.change(id=change).outcome == "unchanged"
    later(the_world)
    assert both(the_world, link) == [("Andre", "Geilo")] * 2
    assert "given up" not in notes(the_world)


@either_way
def test_what_a_person_edits_beside_our_own_write_is_an_edit_and_nothing_else_is(
    the_world: World, source: System
) -> None:
    link = a_customer(the_world, wins=source)
    edit(the_world, link, source, "Første")
    die(the_world)
    edit(the_world, link, source.other, "Første", city="Otta")
    the_world.clock.pass_by(seconds=A_CLAIM_LATER)
    later(the_world)
    assert both(the_world, link) == [("Første", "Otta")] * 2
    assert "given up" not in notes(the_world)
    assert sum(the_world.writes().values()) == 2


@either_way
def test_an_update_is_written_again_only_when_the_vendor_has_had_time_to_finish_it(
    the_world: World, source: System
) -> None:
    link = a_customer(the_world, wins=source)
    edit(the_world, link, source, "Første")
    control, operation = the_world.tfso, "SaveCompanies"
    if source is System.TFSO:
        control, operation = the_world.rackbeat, "PUT /customers/{number}"
    control.fault(operation=operation, effect=Effect.ANSWER, status=505)
    the_world.work()
    edit(the_world, link, source, "Andre")
    for _ in range(4):
        the_world.clock.pass_by(seconds=20)
        the_world.work()
    assert the_world.writes() == {operation: 1}
    the_world.clock.pass_by(seconds=SETTLE_SECONDS - 80)
    the_world.work()
    assert the_world.writes() == {operation: 2}
    assert both(the_world, link) == [("Andre", "Geilo")] * 2


def test_an_edit_of_a_record_we_made_and_did_not_link_any_more_is_an_edit(
    the_world: World,
) -> None:
    the_world.connect(conflict={"wins": "24so"})
    made = rackbeat_customer(the_world)
    the_world.deliveries_done()
    die(the_world)
    (there,) = [c for c in the_world.all_in_tfso("companies") if c["Name"] == "Dalen Sport AS"]
    the_world.tfso.edit("companies", there["Id"], {"Name": "Dalen Sykkel AS"})
    the_world.clock.pass_by(seconds=A_CLAIM_LATER)
    the_world.work()
    later(the_world)
    (link,) = the_world.links("customer")
    assert (link.rackbeat_key, link.tfso_key) == (str(made["number"]), str(there["Id"]))
    assert both(the_world, link) == [("Dalen Sykkel AS", "Os")] * 2


def test_an_edit_of_the_original_is_not_undone_by_the_copy_we_did_not_link_any_more(
    the_world: World,
) -> None:
    the_world.connect()
    made = rackbeat_customer(the_world)
    the_world.deliveries_done()
    die(the_world)
    the_world.rackbeat.edit("customers", made["number"], {"company_name": "Dalen Sykkel AS"})
    the_world.deliveries_done()
    the_world.pull("customer")
    the_world.work()
    later(the_world)
    (link,) = the_world.links("customer")
    assert both(the_world, link) == [("Dalen Sykkel AS", "Os")] * 2


def test_a_copy_of_ours_is_not_taken_for_another_record_before_it_is_linked(
    the_world: World,
) -> None:
    other = tfso_category(the_world, Name="Staver")["Id"]
    # The number that the copy of the next category will have in Rackbeat.
    the_world.tfso.edit("categories", other, {"No": str(other + 1)})
    the_world.connect()
    the_world.work()
    tfso_category(the_world, Name="Ski")
    the_world.pull("product_group")
    die(the_world)
    the_world.deliveries_done()
    the_world.work()
    assert the_world.changes(state="parked") == []
    the_world.clock.pass_by(seconds=A_CLAIM_LATER)
    later(the_world)
    assert [g["name"] for g in the_world.rackbeat.state()["product_groups"]] == ["Ski"]
    assert the_world.states() == []
