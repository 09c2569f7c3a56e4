"""Orders and invoices as 24SevenOffice has them: both are an InvoiceOrder, told apart by status."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Generic, TypeVar

from shared.failures import Rejected, Unmappable
from shared.kind import Context, Found, Payload, Record, Sought
from shared.settings import Settings
from shared.tfso import terms
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import INVOICED, MAX_ORDER_IDS, Service
from shared.tfso.values import LARGEST_INT
from shared.values import day, decimal, dig, part, records, text, whole, without_nothing
from shared.words import Direction
from tasks import addresses
from tasks.documents import HUNDRED, Document, Line, go_both_ways, take_back
from tasks.sides import TfsoSide, found_in_tfso
from tasks.tfso_lists import with_what_is_missing
from tasks.totals import lines_for_tfso

D = TypeVar("D", bound=Document)

A_MONTH, A_YEAR = timedelta(days=31), timedelta(days=365)

PROPERTIES = (
    "OrderId", "CustomerId", "Addresses", "OrderStatus", "InvoiceId", "DateOrdered",
    "DateInvoiced", "DateChanged", "PaymentTime", "DeliveryDate", "YourReference",
    "ReferenceNumber", "CustomerReferenceNo", "ReferenceOrderId", "ReferenceInvoiceId",
    "IncludeVAT", "InvoiceTitle", "InvoiceText", "Currency", "ExternalStatus", "OrderTotalIncVat",
    "OrderTotalVat", "InvoiceRows",
)  # fmt: skip
ROW_PROPERTIES = (
    "ProductId", "ProductNo", "RowId", "VatRate", "Price", "Name", "DiscountRate", "Quantity",
    "Type", "SequenceNumber",
)  # fmt: skip


# Which document of Rackbeat's it is, as we write it into ReferenceNumber. An order of Rackbeat's
# that has become an invoice is both: "Rackbeat faktura 50002, ordre 1004". What a person had
# written there follows in parentheses.
_THEIRS = r"(?: \((?P<theirs>(?s:.*))\))?"
_OUR_ORDER = re.compile(r"Rackbeat (?:faktura \S+, ordre )?(\S+)" + _THEIRS)
_OUR_INVOICE = re.compile(r"Rackbeat faktura ([^\s,]+)(?:, ordre \S+)?" + _THEIRS)
_NUMBER = re.compile("[0-9]{1,10}")


def _written(record: Record) -> str:
    return text(record.get("ReferenceNumber")) or ""


def order_mark(record: Record) -> str:
    """The mark of the order a record is, or was before it became an invoice."""
    found = _OUR_ORDER.fullmatch(_written(record))
    return f"Rackbeat {found[1]}" if found else f"24SO {record.get('OrderId')}"


def invoice_mark(record: Record) -> str:
    """The mark of the invoice a record is."""
    found = _OUR_INVOICE.fullmatch(_written(record))
    return f"Rackbeat faktura {found[1]}" if found else f"24SO {record.get('OrderId')}"


def _apart(record: Record) -> tuple[str, str | None]:
    """What we have written as a document's reference number, and what a person has."""
    written = _written(record)
    ours = _OUR_INVOICE.fullmatch(written) or _OUR_ORDER.fullmatch(written)
    if ours is None:
        return "", written or None
    return written.removesuffix(f" ({ours['theirs']})"), text(ours["theirs"])


def _reference(ours: str | None, theirs: str | None) -> str | None:
    return f"{ours} ({theirs})" if theirs else ours


def reference_of_invoice(mark: str, existing: Record, theirs: str | None) -> str | None:
    """What tells whose invoice a document has become, with what else its reference says.

    Args:
        theirs: what it is to say; None for what it has said so far.
    """
    of_ours = order_mark(existing).partition("Rackbeat ")[2]
    ours = f"{mark}, ordre {of_ours}" if of_ours else mark
    return _reference(ours, theirs or _apart(existing)[1])


def reference_of_order(existing: Record, theirs: str | None) -> str | None:
    """The reference of an order with what a person has given it since; None where it stays."""
    ours, before = _apart(existing)
    if theirs is None or theirs == before:
        return None
    return _reference(ours, theirs) if ours else theirs


def is_invoice(record: Record) -> bool:
    """Whether it was made of, or has become, an invoice of Rackbeat's."""
    return bool(_OUR_INVOICE.fullmatch(_written(record)))


def is_only_invoice(record: Record) -> bool:
    """Whether it was made of an invoice of Rackbeat's and never was an order."""
    return is_invoice(record) and not _OUR_ORDER.fullmatch(_written(record))


def is_made_of_invoice(record: Record) -> bool:
    """Whether it was made of an invoice of Rackbeat's, whose number it was then given."""
    number = invoice_mark(record).rpartition(" ")[2]
    return is_only_invoice(record) and text(record.get("ExternalStatus")) == number


def takes_back(record: Record) -> bool:
    """Whether a document is, or is to become, a credit note."""
    return take_back(_readable_lines(record))


def goes_both_ways(record: Record) -> bool:
    """Whether some rows of a document sell and some take back."""
    return go_both_ways(_readable_lines(record))


def _readable_lines(record: Record) -> tuple[Line, ...]:
    try:
        return _lines(record.get("InvoiceRows"), with_vat=False) or ()
    except Unmappable:
        return ()  # whoever parses it says why


class TfsoDocuments(TfsoSide[D], Generic[D]):
    """Documents of the invoice service."""

    service = Service.INVOICE
    save_operation = "SaveInvoices"
    key_property = "OrderId"

    def read_by(self) -> Mapping[str, tuple[str, ...]]:
        return {**addresses.READ_BY, "local_currency": ("currency",)}

    @abstractmethod
    def mark_of(self, record: Record) -> str:
        """What tells the document from others in both systems."""

    def fields(self, record: Record, context: Context) -> dict[str, Any]:
        """The fields all documents have, from a record as read or as written."""
        with_vat = bool(record.get("IncludeVAT"))
        total, vat = record.get("OrderTotalIncVat"), record.get("OrderTotalVat")
        with_vat_total = decimal(total, "OrderTotalIncVat")
        total_vat = decimal(vat, "OrderTotalVat")
        address, delivery_address = addresses.in_tfso(record, context)
        known = with_vat_total is not None and total_vat is not None
        return {
            "number": text(record.get("OrderId")),
            "mark": self.mark_of(record),
            "customer": text(record.get("CustomerId")),
            "ordered_on": day(record.get("DateOrdered"), "DateOrdered"),
            "deliver_on": day(record.get("DeliveryDate"), "DeliveryDate"),
            "payment_terms": _payment_terms(record, context),
            "their_reference": record.get("YourReference"),
            "reference_number": _apart(record)[1] or text(record.get("CustomerReferenceNo")),
            "heading": record.get("InvoiceTitle"),
            "note": record.get("InvoiceText"),
            "currency": _currency(record, context.settings),
            "currency_rate": _rate(record),
            "address": address,
            "delivery_address": delivery_address,
            "lines": _lines(record.get("InvoiceRows"), with_vat=with_vat),
            "total": (with_vat_total or 0) - (total_vat or 0) if known else None,
            "total_with_vat": with_vat_total,
        }

    def document_payload(self, document: Document, context: Context) -> dict[str, Any]:
        """The fields all documents have, as written."""
        kept = lines_for_tfso(document, context.note)
        payload = without_nothing(
            {
                "CustomerId": None if document.customer is None else int(document.customer),
                "DateOrdered": midnight(document.ordered_on),
                "PaymentTime": terms.write(document.payment_terms),
                "DeliveryDate": midnight(document.deliver_on),
                "YourReference": document.their_reference,
                "InvoiceTitle": document.heading,
                "InvoiceText": document.note,
                "Currency": _currency_payload(document, context),
                "Addresses": {
                    "Invoice": addresses.for_tfso(document.address),
                    "Delivery": addresses.for_tfso(document.delivery_address),
                },
            }
        )
        payload["IncludeVAT"] = False
        payload["InvoiceRows"] = _rows(kept, context.existing)
        if context.settings.stock.lets(Direction.RACKBEAT_TO_24SO):
            # What is sold is off Rackbeat's figure already; it must not be taken off twice.
            payload["SkipStock"] = True
        if context.existing is None:
            # Our mark: the reference number tells whose document it is, the status can be searched.
            payload["ReferenceNumber"] = _reference(document.mark, document.reference_number)
            number = (document.number or "").lstrip("0")
            if number.isdecimal():
                payload["ExternalStatus"] = int(number)
        return payload

    def documents(self, client: TfsoClient, ids: list[int]) -> list[Record]:
        """Those with these OrderIds, at most MAX_ORDER_IDS."""
        return client.get_invoices({"OrderIds": ids}, PROPERTIES, ROW_PROPERTIES)

    def read(self, client: TfsoClient, key: str) -> Record | None:
        found = self.documents(client, [int(key)])
        return found[0] if found else None

    def search(self, client: TfsoClient, sought: Sought[D], settings: Settings) -> list[Record]:
        del settings
        return self.perhaps_marked(client, sought.value)  # the engine looks at the marks themselves

    def perhaps_marked(self, client: TfsoClient, mark: str) -> list[Record]:
        """The documents that may have a mark, as it is searched by its number."""
        system, _, number = mark.rpartition(" ")
        if not _NUMBER.fullmatch(number) or int(number) > LARGEST_INT:
            return []  # a person has written it: no document has it
        if system == "24SO":
            record = self.read(client, number)
            return [] if record is None else [record]
        return client.get_invoices({"ExternalStatus": [int(number)]}, PROPERTIES, ROW_PROPERTIES)

    def update(self, client: TfsoClient, key: str, payload: Payload, existing: Record) -> None:
        if existing.get("OrderStatus") in INVOICED:
            raise Unmappable(
                f"Order {key} is invoiced in 24SevenOffice (invoice {existing.get('InvoiceId')}) "
                "and cannot be changed there any more. Make a credit note, or correct it by hand."
            )
        super().update(client, key, payload, existing)

    def _save(self, client: TfsoClient, payload: Payload, *, creates: bool) -> Record:
        try:
            return super()._save(client, payload, creates=creates)
        except Rejected as refused:
            raise with_what_is_missing(refused, client, payload) from refused

    def missing(self, client: TfsoClient, keys: Sequence[str]) -> set[str]:
        there = {
            str(record["OrderId"])
            for ids in _batches([int(key) for key in keys])
            for record in client.get_invoices({"OrderIds": ids}, ("OrderId",), ())
        }
        return set(keys) - there

    def all(self, client: TfsoClient) -> Iterator[Found]:
        """The documents of the last month: older ones do not change any more."""
        yield from self.changed_since(client, datetime.now(UTC) - A_MONTH)

    def changed_since(self, client: TfsoClient, position: datetime) -> Iterator[Found]:
        for ids in _batches(client.get_order_sync_list(position)):
            for record in self.documents(client, ids):
                yield found_in_tfso(record, key="OrderId")


def _batches(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), MAX_ORDER_IDS):
        yield ids[start : start + MAX_ORDER_IDS]


def midnight(day_: date | None) -> datetime | None:
    return None if day_ is None else datetime.combine(day_, time(), UTC)


def _in_order(rows: list[Record]) -> list[Record]:
    return sorted(rows, key=lambda row: whole(row.get("SequenceNumber"), "SequenceNumber") or 0)


def _lines(rows: Any, *, with_vat: bool) -> tuple[Line, ...] | None:
    """The lines of rows as read, or as written; None where the record does not say."""
    if rows is None:
        return None
    left = [row for row in records(rows, "InvoiceRows") if row.get("ChangeState") != "Delete"]
    return tuple(_line(row, with_vat=with_vat) for row in _in_order(left))


def _line(row: Record, *, with_vat: bool) -> Line:
    if _is_text(row):
        return Line.of_text(row.get("Name"))
    vat = decimal(row.get("VatRate"), "VatRate") or Decimal(0)
    price = decimal(row.get("Price"), "Price") or Decimal(0)
    if vat < 0:
        raise Unmappable(f"The VAT rate of the row '{row.get('Name')}' is {vat} per cent.")
    if with_vat:
        price /= 1 + vat / HUNDRED
    return Line(
        product=text(row.get("ProductId")),
        name=row.get("Name"),
        quantity=decimal(row.get("Quantity"), "Quantity") or Decimal(0),
        price=price,
        discount=decimal(row.get("DiscountRate"), "DiscountRate") or Decimal(0),
        vat=vat,
    )


def _is_text(row: Record) -> bool:
    return bool(row.get("Type", "Normal") != "Normal")


def _row(line: Line) -> Payload:
    if line.is_text():
        return without_nothing({"Type": "Text", "Name": line.name})
    return without_nothing(
        {
            "ProductId": None if line.product is None else int(line.product),
            "Name": line.name,
            "Quantity": line.quantity,
            "Price": line.price,
            "DiscountRate": line.discount,
            "VatRate": line.vat,
        }
    )


def _rows(lines: tuple[Line, ...], existing: Record | None) -> list[Payload]:
    """Rows for a new order, or the changes that make an existing one's rows equal to the lines."""
    if existing is None:
        return [_row(line) for line in lines]
    # A text cannot be made a product: the schema takes its Type, Normal, for "leave it as it is".
    there = _in_order(existing.get("InvoiceRows") or [])
    texts = [row for row in there if _is_text(row)]
    others = [row for row in there if not _is_text(row)]
    rows: list[Payload] = []
    for position, line in enumerate(lines, start=1):
        row, known = _row(line), texts if line.is_text() else others
        if known:
            # A text keeps its own Type: it may be bold.
            old = known.pop(0)
            kept = {"Type": old["Type"]} if line.is_text() else {}
            row |= {"RowId": old["RowId"], "ChangeState": "Edit", **kept}
        else:
            row["ChangeState"] = "Add"
        rows.append({**row, "SequenceNumber": position})
    rows += [{"RowId": row["RowId"], "ChangeState": "Delete"} for row in (*others, *texts)]
    return rows


def _payment_terms(record: Record, context: Context) -> str | None:
    code = whole(record.get("PaymentTime"), "PaymentTime")
    found = terms.read(code)
    if code is not None and found is None:
        context.note(
            f"What the payment terms {code} of 24SevenOffice mean is not known; they are left out. "
            "A new document gets those of its customer."
        )
    return found


def _currency(record: Record, settings: Settings) -> str | None:
    """The currency; no symbol stands for the local one, no Currency at all says nothing."""
    if "Currency" not in record:
        return None
    return text(dig(record, "Currency", "Symbol")) or settings.local_currency


def _currency_payload(document: Document, context: Context) -> Payload | None:
    """The currency, where it is another than the order has. A new order without one may get its
    customer's."""
    local = context.settings.local_currency
    if document.currency is None:
        return None
    if context.existing is None and document.currency == local:
        return {"Symbol": local}
    has = local if context.existing is None else _currency(context.existing, context.settings)
    if document.currency == has == local:
        return None
    return {"Symbol": document.currency, **_rate_payload(document.currency_rate, context.existing)}


def _rate_payload(rate: Decimal | None, existing: Record | None) -> Payload:
    """The rate for as many units as the order has it for. A rate or a unit of 1 says the same as
    none, by the schema: it would leave what is there."""
    there = part(existing or {}, "Currency")
    unit = whole(there.get("Unit"), "Currency.Unit") or 1
    if rate is not None and rate * unit == 1 != there.get("Rate", 1):
        unit *= 100
    return {"Rate": None if rate is None else rate * unit, "Unit": unit}


def _rate(record: Record) -> Decimal | None:
    rate = decimal(dig(record, "Currency", "Rate"), "Currency.Rate")
    unit = decimal(dig(record, "Currency", "Unit"), "Currency.Unit") or Decimal(1)
    return None if rate is None else rate / unit
