"""Recognising a record that is there already, before another one is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.engine.matching import Match, find_match
from shared.failures import Unmappable
from shared.journal.decide import Wait
from shared.kind import Context
from shared.rackbeat.protocol import LOTS, Resource
from shared.settings import Settings
from shared.words import Direction
from tasks import customers, products
from tasks.companies import Company
from tasks.products import Product

Record = dict[str, Any]


@dataclass
class Tfso:
    """Answers searches from a list, as 24SevenOffice would."""

    records: list[Record]
    asked: list[Record] = field(default_factory=list)

    def get_companies(self, search: Mapping[str, Any], _properties: object) -> list[Record]:
        return self._found(search, {"CompanyId": "Id", "CompanyName": "Name"})

    def get_products(self, search: Mapping[str, Any], _properties: object) -> list[Record]:
        return self._found(search, {})

    def _found(self, search: Mapping[str, Any], names: Mapping[str, str]) -> list[Record]:
        self.asked.append(dict(search))
        ((name, value),) = search.items()
        return [found for found in self.records if found.get(names.get(name, name)) == value]


@dataclass
class Late(Tfso):
    """Has nothing yet when it is first asked."""

    def _found(self, search: Mapping[str, Any], names: Mapping[str, str]) -> list[Record]:
        found = super()._found(search, names)
        return found if len(self.asked) > 1 else []


@dataclass
class Page:
    records: list[Record]


@dataclass
class Rackbeat:
    """Answers from a list; its search looks everywhere and is generous."""

    records: list[Record]
    lots: list[Record] = field(default_factory=list)

    def get(self, resource: Resource, key: str) -> Record | None:
        records = self.lots if resource is LOTS else self.records
        return next((found for found in records if str(found["number"]) == key), None)

    def page(self, _resource: object, *, search: str) -> Page:
        return Page([found for found in self.records if search in str(found.values())])


def match(
    kind: Any,
    desired: Any,
    client: Any,
    *,
    candidates: list[str] | None = None,
    links: Mapping[str, str] | None = None,
    created: bool = False,
    settings: Settings | None = None,
    at_source: Sequence[Record] = (),
) -> Match | None:
    """What the desired record with the source key "1045" is recognised as."""
    forth = isinstance(client, Tfso)
    source = Rackbeat([*at_source]) if forth else Tfso([*at_source])
    return find_match(
        kind,
        Direction.RACKBEAT_TO_24SO if forth else Direction.TFSO_TO_RACKBEAT,
        desired,
        client=client,
        source_client=source,
        context=Context(settings or Settings()),
        candidates=candidates,
        own_key="1045",
        linked_to=(links or {}).get,
        is_linked=lambda key: key in (links or {}).values(),
        settled=lambda _key: None,
        created=created,
    )


FJELL = Company(
    number="1045", mark="1045", name="Fjell AS", organisation_number="NO 912 345 678 MVA"
)
TENT = Product(number="TELT-4", name="Telt", ean="7038010000001")


def company(identity: int, name: str = "Fjell AS", **more: Any) -> Record:
    return {"Id": identity, "Type": "Business", "Name": name, **more}


def test_where_nothing_is_like_it_there_is_no_match() -> None:
    assert match(customers.KIND, FJELL, Tfso([company(3, "Havn AS")])) is None
    assert match(products.KIND, TENT, Rackbeat([{"number": "SKI-1", "name": "Ski"}])) is None


@pytest.mark.parametrize(
    ("there", "key"),
    [
        ([company(3, ExternalId="1045")], "3"),
        ([company(1045)], "1045"),
        ([company(3, "Fjell Sport", OrganizationNumber="912345678")], "3"),
        ([company(1045, "Havn AS"), company(3, ExternalId="1045")], "3"),  # our mark is surest
        ([company(1045), company(4, OrganizationNumber="912345678")], "1045"),
    ],
)
def test_a_customer_is_recognised_by_the_surest_identifier_that_fits(
    there: list[Record], key: str
) -> None:
    client = Tfso(there)
    found = match(customers.KIND, FJELL, client)
    assert found == Match(key, next(each for each in there if each["Id"] == int(key)))


@pytest.mark.parametrize(
    ("there", "key"),
    [
        (Rackbeat([{"number": "TELT-4", "name": "Telt"}]), "TELT-4"),
        (Rackbeat([], lots=[{"number": "TELT-4", "name": "Telt"}]), "TELT-4"),
        (Rackbeat([{"number": "77", "name": "Telt", "barcode": "7038010000001"}]), "77"),
        (Rackbeat([{"number": "77", "name": "Lik 7038010000001", "barcode": "1"}]), None),
        (Rackbeat([{"number": "TELT-4", "deleted_at": "2026-03-09 12:00:00"}]), None),
        (Rackbeat([], lots=[{"number": "TELT-4", "deleted_at": "2026-03-09 12:00:00"}]), None),
    ],
)
def test_a_product_is_recognised_by_number_or_ean_and_by_nothing_else(
    there: Rackbeat, key: str | None
) -> None:
    found = match(products.KIND, TENT, there)
    assert (None if found is None else found.key) == key


def test_a_supplier_is_never_taken_for_a_customer() -> None:
    supplier = company(3, ExternalId="1045", OrganizationNumber="912345678") | {"Type": "Supplier"}
    assert match(customers.KIND, FJELL, Tfso([supplier])) is None


@pytest.mark.parametrize("candidates", [None, ["1045"]])
@pytest.mark.parametrize("kind", ["Supplier", "Lead", "None"])
def test_a_company_of_another_type_under_the_number_is_named_and_stops_it(
    kind: str, candidates: list[str] | None
) -> None:
    supplier = company(1045) | {"Type": kind}
    with pytest.raises(Unmappable) as raised:
        match(customers.KIND, FJELL, Tfso([supplier]), candidates=candidates)
    for named in ("'Fjell AS' would get the number 1045", f"is {kind}", "customer.number"):
        assert named in raised.value.message


def test_a_customer_known_by_its_organisation_number_needs_no_number_of_its_own() -> None:
    supplier = company(1045, "Stavfabrikken AS") | {"Type": "Supplier"}
    customer = company(3, OrganizationNumber="912345678")
    assert match(customers.KIND, FJELL, Tfso([supplier, customer])) == Match("3", customer)


def test_where_another_field_carries_the_number_any_company_may_have_it_as_its_id() -> None:
    supplier = company(1045) | {"Type": "Supplier"}
    settings = Settings.model_validate({"customer": {"number": "external_id"}})
    assert match(customers.KIND, FJELL, Tfso([supplier]), settings=settings) is None


def test_when_several_records_fit_none_is_guessed_and_all_are_named() -> None:
    twins = [company(n, f"Fjell {n}", OrganizationNumber="912345678") for n in (3, 4)]
    with pytest.raises(Unmappable) as raised:
        match(customers.KIND, FJELL, Tfso(twins))
    for named in ("same organisation number", "Customer 3 ('Fjell 3')", "Customer 4 ('Fjell 4')"):
        assert named in raised.value.message


@pytest.mark.parametrize(
    ("kind", "desired", "client", "why"),
    [
        (customers.KIND, FJELL, Tfso([company(1045, "Havn AS")]),
         "same number as 'Fjell AS', but it is called 'Havn AS'"),
        (customers.KIND, FJELL, Tfso([company(3, ExternalId="1045", OrganizationNumber="9")]),
         "same ExternalId as 'Fjell AS', but its organisation number is 9, not 912345678"),
        (products.KIND, TENT, Rackbeat([{"number": "TELT-4", "name": "Telt", "barcode": "1"}]),
         "same number as product 'TELT-4' .Telt., but its EAN is 1, not 7038010000001"),
    ],
)  # fmt: skip
def test_the_same_number_on_something_else_is_parked_and_not_matched(
    kind: Any, desired: Any, client: Any, why: str
) -> None:
    with pytest.raises(Unmappable, match=why):
        match(kind, desired, client)


def test_a_record_that_belongs_to_another_is_not_matched_and_both_are_named() -> None:
    with pytest.raises(Unmappable, match="Rackbeat record 2000, which is already linked to"):
        match(customers.KIND, FJELL, Tfso([company(1045)]), links={"1045": "2000"})


@pytest.mark.parametrize(
    ("kind", "desired", "client", "remedy"),
    [
        (customers.KIND, FJELL, Tfso([company(3, ExternalId="1045")]), "varebro link renumber"),
        (products.KIND, TENT, Rackbeat([{"number": "TELT-4", "name": "Telt"}]), "remove the link"),
    ],
)
def test_a_person_learns_what_to_do_with_the_link_of_a_record_that_is_replaced(
    kind: Any, desired: Any, client: Any, remedy: str
) -> None:
    with pytest.raises(Unmappable) as raised:
        match(kind, desired, client, links={"3": "2000", "TELT-4": "2000"})
    assert remedy in raised.value.message
    assert "mark" not in raised.value.message


def test_a_record_linked_to_this_very_one_in_this_moment_is_looked_at_again_as_linked() -> None:
    there = company(1045, "Renamed AS")
    with pytest.raises(Wait, match="has just been linked"):
        match(customers.KIND, FJELL, Tfso([there]), links={"1045": "1045"})


def test_what_we_created_is_recognised_by_its_mark_also_when_it_was_renamed_meanwhile() -> None:
    there = company(3, "Fjellet AS", ExternalId="1045", OrganizationNumber="9")
    with pytest.raises(Unmappable, match="its organisation number is 9"):
        match(customers.KIND, FJELL, Tfso([there]))
    assert match(customers.KIND, FJELL, Tfso([there]), created=True) == Match("3", there)


def test_what_we_created_is_recognised_also_when_it_arrives_between_two_searches() -> None:
    there = company(1045, "Fjellet AS", ExternalId="1045", OrganizationNumber="9")
    assert match(customers.KIND, FJELL, Late([there]), created=True) == Match("1045", there)


def test_what_only_looks_like_what_we_created_is_judged_like_any_other() -> None:
    with pytest.raises(Unmappable, match="it is called 'Havn AS'"):
        match(customers.KIND, FJELL, Tfso([company(1045, "Havn AS")]), created=True)


# -- identifiers that several may share ---------------------------------------------------------

BRANCH = {"number": 2000, "name": "Fjell Vest", "company_vat": "912345678"}
SHARED = company(3, "Fjell Vest", OrganizationNumber="912345678")


@pytest.mark.parametrize("candidates", [None, ["3"]])
@pytest.mark.parametrize(
    ("there", "links"), [(SHARED, {"3": "2000"}), (SHARED | {"ExternalId": "2000"}, {})]
)
def test_the_counterpart_of_another_branch_is_no_match(
    there: Record, links: Mapping[str, str], candidates: list[str] | None
) -> None:
    client = Tfso([there])
    found = match(
        customers.KIND, FJELL, client, links=links, candidates=candidates, at_source=[BRANCH]
    )
    assert found is None


def test_where_the_other_branch_is_gone_a_person_is_asked() -> None:
    with pytest.raises(Unmappable, match="2000, which is gone in Rackbeat and still linked"):
        match(customers.KIND, FJELL, Tfso([SHARED]), links={"3": "2000"})


@pytest.mark.parametrize(
    "other",
    [
        {"number": 3, "name": "Havn AS", "company_vat": "987654321"},
        {"number": 3, "name": "Havn AS"},
    ],
)
def test_a_number_that_is_only_by_chance_anothers_hinders_no_match(other: Record) -> None:
    client = Tfso([SHARED])
    assert match(customers.KIND, FJELL, client, at_source=[other]) == Match("3", SHARED)


OTHER = BRANCH | {"number": 4}


@pytest.mark.parametrize("candidates", [None, ["3"]])
@pytest.mark.parametrize(
    ("name", "other", "links"),
    [
        ("Fjell AS", OTHER, {}),  # both may be it, and this one is called so
        ("Et navn", OTHER | {"name": "Et annet", "is_barred": True}, {}),  # out of use
        ("Et navn", OTHER | {"name": "Et annet"}, {"9": "4"}),  # has another counterpart
        ("Et navn", OTHER | {"company_vat": "987654321"}, {}),
    ],
)
def test_a_branch_is_matched_that_is_the_only_one_it_can_be(
    name: str, other: Record, links: Mapping[str, str], candidates: list[str] | None
) -> None:
    there = company(3, name, OrganizationNumber="912345678")
    client = Tfso([there])
    given: dict[str, Any] = {"candidates": candidates, "at_source": [other], "links": links}
    assert match(customers.KIND, FJELL, client, **given) == Match("3", there)


@pytest.mark.parametrize("candidates", [None, ["3"]])
def test_what_is_called_like_another_branch_is_no_match(candidates: list[str] | None) -> None:
    client = Tfso([SHARED])
    assert match(customers.KIND, FJELL, client, candidates=candidates, at_source=[OTHER]) is None


@pytest.mark.parametrize("candidates", [None, ["3"]])
@pytest.mark.parametrize(("there", "here"), [("Et navn", "Et annet"), ("Fjell AS", "Fjell AS")])
def test_which_of_two_branches_a_record_is_is_not_guessed(
    there: str, here: str, candidates: list[str] | None
) -> None:
    client = Tfso([company(3, there, OrganizationNumber="912345678")])
    other = OTHER | {"name": here}
    with pytest.raises(Unmappable) as raised:
        match(customers.KIND, FJELL, client, candidates=candidates, at_source=[other])
    for named in ("Customer 3", "Fjell AS", f"record 4 ('{here}')", "organisation number"):
        assert named in raised.value.message


def test_of_a_branch_that_is_another_ones_and_one_that_is_not_only_a_namesake_is_taken() -> None:
    free = company(4, "Et navn", OrganizationNumber="912345678")
    given: dict[str, Any] = {"links": {"3": "2000"}, "at_source": [BRANCH]}
    with pytest.raises(Unmappable, match="Several records"):
        match(customers.KIND, FJELL, Tfso([SHARED, free]), **given)
    free["Name"] = FJELL.name
    assert match(customers.KIND, FJELL, Tfso([SHARED, free]), **given) == Match("4", free)


def test_a_product_with_the_ean_of_another_is_no_match_and_its_number_still_decides() -> None:
    there = {"number": "TELT-2", "name": "Telt", "barcode": "7038010000001"}
    other = {"Id": 9, "No": "TELT-2", "Name": "Telt", "EAN1": "7038010000001"}
    client = Rackbeat([there])
    assert match(products.KIND, TENT, client, at_source=[other]) is None
    taken = Rackbeat([there, {"number": "TELT-4", "name": "Telt"}])
    found = match(products.KIND, TENT, taken, at_source=[other], candidates=["TELT-2"])
    assert found == Match("TELT-4", taken.records[1])


# -- candidates found by comparing whole lists ------------------------------------------------


def test_candidates_of_a_comparison_are_read_and_nothing_is_searched() -> None:
    client = Tfso([company(3), company(1045)])
    found = match(customers.KIND, FJELL, client, candidates=["3"])
    assert found == Match("3", company(3))
    assert client.asked == [{"CompanyId": 3}]


def test_a_candidate_that_is_gone_by_now_is_no_match() -> None:
    assert match(customers.KIND, FJELL, Tfso([]), candidates=["3"]) is None
    assert match(customers.KIND, FJELL, Tfso([company(1045)]), candidates=[]) is None


def test_several_candidates_are_parked() -> None:
    with pytest.raises(Unmappable, match="Several records in 24SevenOffice"):
        match(customers.KIND, FJELL, Tfso([company(3), company(4)]), candidates=["3", "4"])


def test_a_candidate_that_contradicts_is_parked() -> None:
    with pytest.raises(Unmappable, match="it is called 'Havn AS'"):
        match(customers.KIND, FJELL, Tfso([company(3, "Havn AS")]), candidates=["3"])
