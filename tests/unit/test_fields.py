"""The field reference says what the mappings do, and its remarks are true."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.failures import Unmappable
from shared.kind import Context, Kind, Payload
from shared.settings import Settings
from shared.words import Direction, System
from tasks import field_reference
from tasks.field_notes import BACK, FORTH, NOTES
from tasks.field_probe import PARKED, Probe, build, flat, leaves, title
from tasks.field_reference import Section
from tasks.field_samples import SAMPLES, Either
from tasks.kinds import KINDS
from tasks.product_groups import ProductGroup, TfsoCategories

PAGE = Path(__file__).parents[2] / "docs" / "fields.md"
WAYS = [(kind, direction) for kind in KINDS.values() for direction in kind.directions]
IDS = [f"{kind.name}-{direction}" for kind, direction in WAYS]
# Read only where a mapping reads back what it has just written.
ONLY_WRITTEN = {"InvoiceRows[].ChangeState"}


@pytest.fixture(scope="module")
def sections() -> list[Section]:
    return field_reference.sections()


def test_the_page_of_fields_is_up_to_date(sections: list[Section]) -> None:
    assert PAGE.read_text() == field_reference.markdown(sections)


def test_every_field_a_kind_knows_is_on_the_page(sections: list[Section]) -> None:
    for kind in KINDS.values():
        rows = {row.name for s in sections if s.kind is kind for row in s.rows}
        listed = {name.partition(".")[0].removesuffix("[]") for name in rows}
        assert listed == set(kind.entity.model_fields), kind.name


def test_every_remark_belongs_to_a_field_on_the_page(sections: list[Section]) -> None:
    for note in NOTES:
        about = [
            {"", *(row.name for row in s.rows), *(c.name for c in s.constants)}
            for s in sections
            if field_reference.applies(note, s.kind.name, s.direction, note.field)
        ]
        assert about, note
        assert all(note.field in names for names in about), note


# -- what the trials can see --------------------------------------------------------------------


class Watched(dict[str, Any]):
    """A record that tells which of its fields are looked at."""

    def __init__(self, record: dict[str, Any], looked_at: set[str], place: str = "") -> None:
        self._looked_at, self._place = looked_at, place
        super().__init__({name: self._watch(value, name) for name, value in record.items()})

    def _watch(self, value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return Watched(value, self._looked_at, f"{self._place}{name}.")
        if isinstance(value, list):
            return [self._watch(item, f"{name}[]") for item in value]
        return value

    def get(self, name: str, default: Any = None) -> Any:
        self._looked_at.add(self._place + name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self._looked_at.add(self._place + name)
        return super().__getitem__(name)


@pytest.mark.parametrize(("kind", "direction"), WAYS, ids=IDS)
def test_no_mapping_looks_at_a_field_the_samples_lack(
    kind: Kind[Any], direction: Direction
) -> None:
    sample = SAMPLES[kind.name][direction.source]
    side, looked_at = kind.side(direction.source), set()
    paths = [path for path, _ in leaves(sample)]
    for without in ((), *((path,) for path in paths)):
        try:
            side.parse(Watched(build(sample, without=without), looked_at), Context(Settings()))
        except Unmappable:
            continue
    known = {title(path[:length]) for path in paths for length in range(1, len(path) + 1)}
    assert looked_at - known - {name.removesuffix("[]") for name in known} <= ONLY_WRITTEN


@pytest.mark.parametrize(("kind", "direction"), WAYS, ids=IDS)
def test_a_source_field_changes_every_target_field_the_page_names(
    kind: Kind[Any], direction: Direction
) -> None:
    probe = Probe(kind, direction, Settings())
    before = probe.rendered(probe.parsed(build(probe.sample)), None)
    for row in probe.rows():
        changes: set[str] = set()
        for path, _ in probe.leaves:
            if title(path) in row.sources[0]:
                entity = probe.parsed(build(probe.sample, changed={path}))
                after = probe.rendered(entity, None)
                changes |= {title(p) for p, value in after.items() if before.get(p) != value}
        assert set(row.made) <= changes, row.name


class CrossedCategories(TfsoCategories):
    """A mapping with a mistake in it: the name ends in another field."""

    def render(self, entity: ProductGroup, context: Context) -> Payload:
        payload = super().render(entity, context)
        return {"Description" if name == "Name" else name: payload[name] for name in payload}


def test_a_mapping_with_a_mistake_has_that_mistake_on_the_page() -> None:
    good = KINDS["product_group"]
    crossed = Kind(
        "product_group", "", ProductGroup, good.rackbeat, CrossedCategories(), good.queue
    )
    rows = {row.name: row for row in Probe(crossed, FORTH, Settings()).rows()}
    assert rows["name"].made == rows["name"].changed == ("Description",)


def test_what_is_parked_without_a_value_is_told_apart_from_what_is_left_out() -> None:
    rows = {row.name: row for row in Probe(KINDS["product"], BACK, Settings()).rows()}
    assert rows["number"].default is PARKED
    assert rows["description"].default is None
    assert rows["sales_price"].default == 0


# -- the remarks are true -----------------------------------------------------------------------


def sample(kind: str, system: System, **changes: Any) -> dict[str, Any]:
    """A sample record with other values; "Rows.Price" is the one in the first row."""
    record: dict[str, Any] = build(SAMPLES[kind][system])
    for name, value in changes.items():
        place: Any = record
        *way, last = name.split("__")
        for part in way:
            place = place[part][0] if isinstance(place[part], list) else place[part]
        if value is Either:
            del place[last]
        else:
            place[last] = value
    return record


LEFT_OUT = Either


def sent(
    kind: str, direction: Direction, existing: dict[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """What is written of a sample record with other values."""
    probe = Probe(KINDS[kind], direction, Settings())
    entity = probe.parsed(sample(kind, direction.source, **changes))
    return {title(p): value for p, value in probe.rendered(entity, existing).items()}


@pytest.mark.parametrize(
    ("written", "carried"),
    [("a@fjell.no; b@fjell.no", "a@fjell.no"), ("Kari <k@fjell.no>", "k@fjell.no")],
)
def test_of_several_addresses_the_first_valid_one_is_carried_over(
    written: str, carried: str
) -> None:
    assert sent("customer", FORTH, contact_email=written)["EmailAddresses.Primary.Value"] == carried


@pytest.mark.parametrize("written", ["Sverige", "Sweden", "swe", "se"])
def test_a_country_may_be_written_in_any_of_those_ways(written: str) -> None:
    assert sent("supplier", FORTH, address_country=written)["Country"] == "SE"


def test_payment_terms_are_net_days_or_days_after_the_end_of_the_month() -> None:
    assert sent("customer", FORTH)["PaymentTime"] == 20
    month = {"maturity_days": 45, "type": "current_month"}
    assert sent("customer", FORTH, payment_terms=month)["PaymentTime"] == -5


def test_the_local_currency_of_a_company_is_called_local() -> None:
    assert sent("customer", FORTH, currency="NOK")["CurrencyId"] == "LOCAL"
    assert sent("customer", BACK, CurrencyId="LOCAL")["currency"] == "NOK"


def test_the_name_of_a_private_person_is_divided_before_its_last_word() -> None:
    person = sample("customer", System.TFSO, FirstName="Per", Name="Moe")
    written = sent("customer", FORTH, person, name="Kari Anne Moen")
    assert (written["FirstName"], written["Name"]) == ("Kari Anne", "Moen")


def test_a_product_number_of_more_than_25_characters_is_parked() -> None:
    assert sent("product", BACK, No="1" * 25)["number"] == "1" * 25
    with pytest.raises(Unmappable, match="at most 25"):
        sent("product", BACK, No="1" * 26)


def test_only_the_name_is_written_to_a_structure_item() -> None:
    item = sample("product", System.RACKBEAT, type="lot")
    assert sent("product", BACK, item) == {"name": "Sekk 60 l"}


def test_the_marks_of_documents_name_the_system_and_the_number() -> None:
    for kind, mark in (("order", "Rackbeat 3001"), ("invoice", "Rackbeat faktura 3001")):
        assert sent(kind, FORTH)["ReferenceNumber"] == f"{mark} (PO 77)"
        for reference in ("Rackbeat 3001", None):
            assert sent(kind, FORTH, other_reference=reference)["ReferenceNumber"] == mark
        noted = sent(kind, FORTH, note="Ring\nReferansenummer: PO 1")
        assert (noted["ReferenceNumber"], noted["InvoiceText"]) == (f"{mark} (PO 1)", "Ring")
    assert sent("order", BACK)["other_reference"] == "24SO 1017"


def test_the_days_of_documents_are_those_in_norway() -> None:
    midnight = datetime(2026, 5, 16, 22, tzinfo=UTC)
    written = sent("order", BACK, DateOrdered=midnight, DeliveryDate=midnight)
    assert (written["order_date"], written["deliver_at"]) == ("2026-05-17", "2026-05-17")
    assert sent("invoice", BACK, DateInvoiced=midnight)["invoice_date"] == "2026-05-17"


def test_references_stand_below_the_note() -> None:
    noted = "Ring først\nDeres referanse: Kari\nReferansenummer: PO 77"
    assert sent("order", BACK)["note"] == noted


def test_a_text_without_product_and_price_goes_to_the_note() -> None:
    written = sent("order", BACK, InvoiceRows__Type="Text", InvoiceRows__ProductId=LEFT_OUT)
    assert str(written["note"]).endswith("Sekk 60 l")
    assert "lines[].item_id" not in written


def test_the_rate_is_for_one_unit_of_the_currency() -> None:
    assert sent("order", BACK, Currency__Unit=100)["currency_rate"] == Decimal("0.115")


def test_a_price_with_vat_is_written_without() -> None:
    written = sent("order", BACK, IncludeVAT=True, InvoiceRows__Price=Decimal(125))
    assert written["lines[].line_price"] == 100


def test_the_discounts_of_line_and_order_come_one_after_the_other() -> None:
    written = sent("order", FORTH, general_discount=Decimal(50))
    assert written["InvoiceRows[].DiscountRate"] == 55


def test_both_lines_of_a_street_are_in_one_field() -> None:
    assert sent("order", FORTH)["Addresses.Invoice.Street"] == "Storgata 1, Inngang B"
    there = {"number": 3001, "address_street": "A", "address_street2": "B"}
    assert sent("order", BACK, there)["address_street2"] == ""


def test_the_postal_address_counts_where_there_is_none_for_invoices() -> None:
    written = sent("order", BACK, Addresses__Invoice=LEFT_OUT)
    assert written["address_city"] == "Oppdal"


def test_the_local_currency_of_a_new_document_is_said_without_a_rate() -> None:
    written = sent("order", FORTH, currency="NOK")
    assert {n: v for n, v in written.items() if "Currency" in n} == {"Currency.Symbol": "NOK"}


def test_of_an_order_that_is_cancelled_only_that_is_written() -> None:
    assert sent("order", FORTH, is_cancelled=True)["OrderStatus"] == "Inactive"
    assert "CustomerId" not in sent("order", FORTH, is_cancelled=True)
    draft = sample("order", System.RACKBEAT, is_booked=False)
    written = sent("order", BACK, draft, OrderStatus="Inactive")
    assert written == {"heading": "Kansellert i 24SevenOffice", "lines[].quantity": 0}


def test_a_credit_note_has_negative_quantities_and_refers_to_what_it_credits() -> None:
    written = sent("invoice", FORTH, is_creditnote=True, credited=9002)
    assert written["InvoiceRows[].Quantity"] == -3
    assert written["ReferenceOrderId"] == 9002


def test_rows_are_edited_added_and_deleted_one_by_one() -> None:
    row = {"RowId": 7, "SequenceNumber": 1}
    there = sample("order", System.TFSO, InvoiceRows=[row, {**row, "RowId": 8}])
    probe = Probe(KINDS["order"], FORTH, Settings())
    entity = probe.parsed(sample("order", System.RACKBEAT))
    rows = probe.target.render(entity, Context(Settings(), existing=there))["InvoiceRows"]
    assert [(row["RowId"], row["ChangeState"]) for row in rows] == [(7, "Edit"), (8, "Delete")]


def with_total(total: str) -> tuple[dict[str, Any], list[str]]:
    """What is written of an order whose total with VAT, by its lines, is 337.16; and remarks."""
    kind, context = KINDS["order"], Context(Settings())
    record = sample("order", System.RACKBEAT, total_total=Decimal(total))
    return kind.tfso.render(kind.rackbeat.parse(record, context), context), context.notes


def test_a_difference_of_an_ore_a_line_goes_into_the_price_with_a_remark() -> None:
    written, notes = with_total("337.17")
    assert with_total("337.16")[0]["InvoiceRows"][0]["Price"] == Decimal("99.9")
    assert written["InvoiceRows"][0]["Price"] == Decimal("99.902222")
    assert "round at different places" in notes[0]


def test_a_document_whose_lines_do_not_add_up_is_not_written() -> None:
    with pytest.raises(Unmappable, match=r"come to 337\.16"):
        with_total("337.18")


def test_an_empty_field_is_not_written() -> None:
    assert "Description" not in sent("product", FORTH, description="")
    assert flat(sent("product", FORTH))[("Description",)] == "Til fjells"
