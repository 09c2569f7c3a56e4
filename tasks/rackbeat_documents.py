"""Orders and customer invoices as Rackbeat has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, ClassVar, Generic, TypeVar

from shared.failures import Unmappable
from shared.kind import Context, Found, Lookup, Payload, Record, Sought
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import LOTS, PRODUCTS, Parameter
from shared.settings import Settings
from shared.values import (
    day,
    decimal,
    dig,
    moment,
    no_longer_than,
    records,
    text,
    without_nothing,
)
from tasks import addresses, payment_terms
from tasks.addresses import BILLING, DELIVERY
from tasks.documents import HUNDRED, Address, Document, Line
from tasks.payment_terms import PAYMENT_TERMS
from tasks.sides import RackbeatSide, is_deleted
from tasks.totals import lines_for_rackbeat

D = TypeVar("D", bound=Document)

NEWEST = 1000
LONGEST_HEADING, LONGEST_NOTE = 255, 800
MARKS = ("24SO ", "Rackbeat ")  # how those begin
ITEM_FOR_TEXT = "item_for_text"  # looked up like the value of a register
REMOVED = "Fjernet i 24SevenOffice"
# The references that Rackbeat lets us write are numbers of its employees and contacts: those of
# 24SevenOffice, which are texts, stand in the note, each in a line that begins so.
LABELS = {"their_reference": "Deres referanse: ", "reference_number": "Referansenummer: "}


class RackbeatDocuments(RackbeatSide[D], Generic[D]):
    """Documents with lines.

    Attributes:
        ours: how the mark of a document made in Rackbeat begins, followed by its number.
    """

    ours: ClassVar[str]

    def mark_of(self, record: Record) -> str:
        """What tells the document from others in both systems."""
        written = text(record.get("other_reference")) or ""
        return written if written.startswith("24SO ") else f"{self.ours} {record.get('number')}"

    def rests(self, record: Record, settings: Settings) -> str | None:
        del settings
        if record.get("is_booked", True):
            return None
        return "It is not booked in Rackbeat any more; what was changed follows once it is again."

    def existed_by(self, record: Record) -> datetime | None:
        return moment(record.get("created_at"))

    def read_by(self) -> Mapping[str, tuple[str, ...]]:
        return {**addresses.READ_BY, "order.item_for_text": ("lines",)}

    def fields(self, record: Record, context: Context) -> dict[str, Any]:
        """The fields all documents have, from a record as read or as written."""
        address, delivery_address = addresses.in_rackbeat(record, context)
        return {
            "number": text(record.get("number")),
            "mark": self.mark_of(record),
            "customer": text(record.get("customer_id") or dig(record, "customer", "number")),
            "ordered_on": day(record.get("order_date"), "order date"),
            "payment_terms": payment_terms.in_rackbeat(record, context),
            "currency": record.get("currency"),
            "currency_rate": decimal(record.get("currency_rate"), "currency rate"),
            "lines": _with_texts(record, context),
            "total": decimal(record.get("total_subtotal"), "total"),
            "total_with_vat": decimal(record.get("total_total"), "total with VAT"),
            "address": address,
            **_what_is_shown(record, delivery_address),
        }

    def lookups(self, entity: D, settings: Settings) -> list[Lookup]:
        carrier = settings.order.item_for_text
        if carrier is None:
            return _lookups(entity)
        lines = lines_for_rackbeat(entity, carrier, note=lambda _: None)
        carried = len(lines) > len(entity.lines or ()) or any(
            line.product is None and (line.name or line.net()) for line in lines
        )
        return [*_lookups(entity), *([Lookup(ITEM_FOR_TEXT, carrier)] if carried else [])]

    def value_number(self, client: RackbeatClient, lookup: Lookup) -> str | None:
        if lookup.register != ITEM_FOR_TEXT:
            return super().value_number(client, lookup)
        there = client.get(PRODUCTS, lookup.value) or client.get(LOTS, lookup.value)
        return None if there is None or is_deleted(there) else lookup.value

    def add_value(self, client: RackbeatClient, lookup: Lookup) -> str:
        if lookup.register != ITEM_FOR_TEXT:
            return super().add_value(client, lookup)
        raise Unmappable(
            f"Rackbeat has no product {lookup.value}, which the setting order.item_for_text names "
            "for texts and lines without a product. Make it in Rackbeat and try again, or name "
            "another one in that setting."
        )

    def document_payload(self, document: Document, context: Context) -> dict[str, Any]:
        """The fields all documents have, as written."""
        kept = lines_for_rackbeat(document, context.settings.order.item_for_text, context.note)
        document = document.model_copy(update={"lines": kept})
        lines, texts = _split_off_texts(document, context.settings)
        terms = [int(context.found[each]) for each in _lookups(document)]
        existing = context.existing or {}
        note = _note(document, texts, existing)
        if len(note or "") > LONGEST_NOTE and document.reference_number:
            context.note(
                f"Its reference number, '{document.reference_number}', is left out: with it, the "
                "text would be longer than Rackbeat takes."
            )
            without = document.model_copy(update={"reference_number": None})
            note = _note(without, texts, existing)
        return without_nothing(
            {
                "customer_id": None if document.customer is None else int(document.customer),
                "payment_terms_id": terms[0] if terms else None,
                "other_reference": document.mark,
                "heading": no_longer_than(document.heading, LONGEST_HEADING, "heading", "Rackbeat"),
                "note": no_longer_than(note, LONGEST_NOTE, "text", "Rackbeat"),
                "currency": document.currency,
                "currency_rate": document.currency_rate,
                **addresses.for_rackbeat(document.address, *BILLING, existing),
                **addresses.for_rackbeat(document.delivery_address, *DELIVERY, existing),
                # The customer's would be taken off once more: the lines have all discounts.
                "general_discount": Decimal(0),
                "lines": [_line_payload(line) for line in lines],
            }
        )

    def search(self, client: RackbeatClient, sought: Sought[D], settings: Settings) -> list[Record]:
        del settings
        # The mark cannot be searched for: look through the customer's documents. After an older
        # backup was put back, many may have been made that nobody here knows of.
        customer = sought.entity.customer
        newest = self._newest(client, {} if customer is None else {"customer_number": customer})
        return [record for record in newest if record.get("other_reference") == sought.value]

    def all(self, client: RackbeatClient) -> Iterator[Found]:
        """The newest documents: older ones do not change any more."""
        for record in self._newest(client, {}):
            yield self.found(record)

    def _newest(self, client: RackbeatClient, those: dict[str, Parameter]) -> Iterator[Record]:
        order: dict[str, Parameter] = {"order_by": "number", "order_direction": "DESC"}
        return islice(client.listing(self.resource, those | order), NEWEST)

    def update_lines(
        self, client: RackbeatClient, key: str, wanted: list[Payload], existing: list[Record]
    ) -> None:
        """Line by line: whether a PUT of the document replaces its lines is not known."""
        for position, line in enumerate(wanted):
            if position >= len(existing):
                client.action(self.resource, key, "lines", payload=line)
            elif _line(existing[position], Decimal(0)) != _line(line, Decimal(0)):
                path = f"lines/{existing[position]['id']}"
                client.action(self.resource, key, path, payload=line, method="PUT")
        for line in existing[len(wanted) :]:
            # No source shows how a line is deleted; without quantity it has no effect. Its name
            # would be a text.
            path, nothing = f"lines/{line['id']}", {"quantity": 0, "name": REMOVED}
            client.action(self.resource, key, path, payload=nothing, method="PUT")


def _what_is_shown(record: Record, delivery_address: Address | None) -> dict[str, Any]:
    """The fields that may be emptied, those that the record shows: what it does not show is not
    known to be empty."""
    note, labelled = _note_apart(record)
    shown: dict[str, tuple[set[str], Any]] = {
        "heading": ({"heading"}, record.get("heading")),
        "note": ({"note"}, note),
        "their_reference": ({"note", "their_reference"}, their_reference(record)),
        "reference_number": (
            {"note", "other_reference"},
            labelled.get("reference_number") or _other_reference(record),
        ),
        "deliver_on": ({"deliver_at"}, day(record.get("deliver_at"), "delivery date")),
        "delivery_address": (addresses.SHOWS_DELIVERY, delivery_address),
    }
    return {name: value for name, (by, value) in shown.items() if by & record.keys()}


def orders_of(record: Record) -> list[str]:
    """The numbers of the orders an invoice was made of.

    Raises:
        Unmappable: they are no numbers.
    """
    orders = record.get("orders") or []
    if not isinstance(orders, list) or not all(isinstance(each, int | str) for each in orders):
        raise Unmappable("The field orders is not a list of numbers.")
    return [str(each) for each in orders]


def _other_reference(record: Record) -> str | None:
    """What a person has written as a document's other reference; None where it is a mark."""
    written = text(record.get("other_reference"))
    return None if written is None or written.startswith(MARKS) else written


def their_reference(record: Record) -> str | None:
    """The customer's reference: the one in the note, which came from 24SevenOffice, before the
    document's own, which may only be what is usual for the customer."""
    own = record.get("their_reference")
    in_note = _note_apart(record)[1].get("their_reference")
    return in_note or (own if isinstance(own, str) else None)


def _note_apart(record: Record) -> tuple[Any, dict[str, str]]:
    """The note of a document without the references in it, and those."""
    note = record.get("note")
    if not isinstance(note, str):
        return note, {}
    rest: list[str] = []
    labelled: dict[str, str] = {}
    for line in note.split("\n"):
        name = next((name for name, label in LABELS.items() if line.startswith(label)), None)
        if name is None:
            rest.append(line)
        else:
            labelled[name] = line.removeprefix(LABELS[name]).strip()
    return "\n".join(rest), labelled


def _note(document: Document, texts: list[str], existing: Record) -> str | None:
    """The note as it is to be, with the texts of lines and without references that are to be
    emptied; an empty one is to be emptied, and None leaves it as it is."""
    there, known = _note_apart(existing)
    given = without_nothing({name: getattr(document, name) for name in LABELS})
    note = document.note
    if note is None and not texts:
        if not given:
            return None
        note = text(there)  # 24SevenOffice says nothing: somebody may have written it in Rackbeat
    emptied = "" if "" in given.values() else note
    return _put_together(note, known | given, texts) or emptied


def with_note_of(document: Record, payload: Payload) -> Payload:
    """What is written into a document made of another one: with the note of that, where it says
    nothing itself beside references.

    Raises:
        Unmappable: Rackbeat cannot hold both.
    """
    said, labelled = _note_apart(payload)
    if said or not labelled:
        return payload
    note, known = _note_apart(document)
    note = _put_together(text(note), known | labelled, [])
    return {**payload, "note": no_longer_than(note, LONGEST_NOTE, "text", "Rackbeat")}


def _put_together(note: str | None, labelled: dict[str, str], texts: list[str]) -> str:
    noted = [
        f"{label}{labelled[name]}".replace("\n", " ")
        for name, label in LABELS.items()
        if labelled.get(name)
    ]
    return "\n".join(part for part in (note, *noted, *texts) if part)


def _lookups(document: Document) -> list[Lookup]:
    terms = document.payment_terms
    return [] if terms is None else [Lookup(PAYMENT_TERMS, terms)]


def rackbeat_lines(record: Record) -> tuple[Line, ...] | None:
    """The lines of a document that sell something, as read or as written, its general discount
    taken off each; None where the record does not say."""
    lines = _lines(record)
    return None if lines is None else tuple(line for line in lines if line.quantity)


def _lines(record: Record) -> list[Line] | None:
    if (written := record.get("lines")) is None:
        return None
    general = decimal(record.get("general_discount"), "general discount") or Decimal(0)
    return [_line(line, general) for line in records(written, "lines")]


def _with_texts(record: Record, context: Context) -> tuple[Line, ...] | None:
    """The lines that have an effect; None where the record does not say."""
    if (lines := _lines(record)) is None:
        return None
    effects = (line if line.quantity else _text_of(line, context) for line in lines)
    return tuple(line for line in effects if line is not None)


def _text_of(line: Line, context: Context) -> Line | None:
    """What a line without quantity says, where it is there to say something."""
    if line.name is None or line.name == REMOVED:
        return None
    if line.product in (None, context.settings.order.item_for_text):
        return Line.of_text(line.name)
    context.note(
        f"The line '{line.name}' has no quantity and is left out. Texts are lines without a "
        "product, or with the one that the setting order.item_for_text names."
    )
    return None


def _line(line: Record, general_discount: Decimal) -> Line:
    own = decimal(line.get("discount_percentage"), "discount") or Decimal(0)
    both = HUNDRED - (HUNDRED - own) * (HUNDRED - general_discount) / HUNDRED
    return Line(
        product=text(line.get("child_id") or line.get("item_id")),
        name=line.get("name"),
        quantity=decimal(line.get("quantity"), "quantity") or Decimal(0),
        price=decimal(line.get("line_price"), "price") or Decimal(0),
        discount=both,
        vat=decimal(line.get("vat_percentage"), "VAT") or Decimal(0),
    )


def only_there(existing: Record, payload: Payload) -> list[str]:
    """The lines of a document that sell what a payload does not, in words."""
    wanted = Counter(line.product for line in rackbeat_lines(payload) or ())
    found = []
    for line in rackbeat_lines(existing) or ():
        wanted[line.product] -= 1
        if wanted[line.product] < 0:
            found.append(f"{line.quantity} x '{line.name or line.product}' at {line.price}")
    return found


def _line_payload(line: Line) -> Payload:
    return without_nothing(
        {
            "item_id": line.product,
            "name": line.name,
            "quantity": line.quantity,
            "line_price": line.price,
            "discount_percentage": line.discount,
            "vat_percentage": line.vat,
        }
    )


def _split_off_texts(document: Document, settings: Settings) -> tuple[list[Line], list[str]]:
    """Lines that can be lines in Rackbeat, and texts that go to the document's note."""
    carrier = settings.order.item_for_text
    lines: list[Line] = []
    texts: list[str] = []
    for line in document.lines or ():
        if line.is_text() and line.name is None:
            continue
        if line.product is not None:
            lines.append(line)
        elif carrier is not None:
            lines.append(line.model_copy(update={"product": carrier}))
        elif line.net():
            raise Unmappable(
                f"The line '{line.name}' of {document.label()} costs {line.net()} but names no "
                "product, and a line in Rackbeat needs one. Name a product for such lines in the "
                "setting order.item_for_text."
            )
        elif line.name:
            texts.append(line.name)
    return lines, texts
