"""Remarks of the field reference that no trial can find out; tests prove what they say."""

from __future__ import annotations

from typing import NamedTuple

from shared.words import Direction

FORTH, BACK = Direction.RACKBEAT_TO_24SO, Direction.TFSO_TO_RACKBEAT
COMPANIES = ("customer", "supplier")
DOCUMENTS = ("order", "invoice")
EMPTIED = "Emptied where there is something: both lines of a street are in one field."
COUNTRY = (
    "That of the document's other address where this one names none; where neither does, that of "
    "the setting `customer.country`, with a remark in the journal."
)


class Note(NamedTuple):
    """A remark.

    Attributes:
        direction: None for both.
        field: of the entity, or of the target; empty for the whole table.
    """

    kinds: tuple[str, ...]
    direction: Direction | None
    field: str
    text: str


N = Note
NOTES: tuple[Note, ...] = (
    # -- master data
    N(COMPANIES, FORTH, "mark", "Recognises the record again by `ExternalId`."),
    N(COMPANIES, BACK, "mark", "Recognises the record again: Rackbeat's `number`."),
    N(
        COMPANIES,
        BACK,
        "",
        "New ones get `customer_group_id`, or `supplier_group_id`, by the setting `group` of their "
        "kind.",
    ),
    N(COMPANIES, None, "organisation_number", "Blanks, NO and MVA do not count in comparisons."),
    N(COMPANIES, None, "email", "The first valid address; of others, and of rubbish, a remark."),
    N(COMPANIES, FORTH, "name", "Divided before its last word for those who have a first name."),
    N(COMPANIES, BACK, "name", "Put together with a blank."),
    N(
        COMPANIES,
        None,
        "country",
        "Names in Norwegian, Danish, Swedish and English, and codes of two and three letters. "
        "The default where it is empty or unknown, and there is an address.",
    ),
    N(
        COMPANIES,
        BACK,
        "country",
        "The VAT zone (assumed to be meant so) is `eu` in the EU and `abroad` elsewhere; of the "
        "setting's country Rackbeat decides.",
    ),
    N(COMPANIES, FORTH, "payment_terms", "`20` for 20 days net, `-5` for end of month + 45 days."),
    N(
        COMPANIES,
        BACK,
        "payment_terms",
        "The term of so many days, net or from the end of the month; added to Rackbeat where it "
        "is missing.",
    ),
    N(COMPANIES, FORTH, "currency", "`LOCAL` for the currency of the setting `local_currency`."),
    N(COMPANIES, BACK, "currency", "`LOCAL` is the currency of the setting `local_currency`."),
    N(COMPANIES, FORTH, "active", "24SevenOffice has no such state."),
    N(COMPANIES, FORTH, "ExplicitlySpecifyNewCompanyId", "Only with `Id`."),
    N(("product_group",), FORTH, "mark", "Recognises the record again by `No`."),
    N(("product_group",), BACK, "mark", "Recognises the record again: Rackbeat's `number`."),
    N(("product_group",), None, "", "The parent of a group is not carried over."),
    N(
        ("product",),
        FORTH,
        "",
        "Structure items (`/lots`) are transferred as products.",
    ),
    N(
        ("product",),
        BACK,
        "",
        "Every product arrives as a product. Of one that has been made a structure item in "
        "Rackbeat only the name is written; its parts are never touched.",
    ),
    N(("product",), BACK, "number", "At most 25 characters."),
    N(("product",), BACK, "stock_controlled", "Read-only in Rackbeat."),
    N(("product",), BACK, "unit_id", "Added to Rackbeat's units where it is missing."),
    N(
        ("stock",),
        FORTH,
        "",
        "An absolute quantity, of products that are linked. With `stock.locations` the quantities "
        "of those locations added up, otherwise all of Rackbeat's together.",
    ),
    # -- documents
    N(
        DOCUMENTS,
        None,
        "",
        "The total with VAT stays the same to the øre. Where the lines differ from it by an øre a "
        "line at most, because the two systems round at different places, the price of the largest "
        "line takes that up, with a remark in the journal. Where they differ by more, nothing is "
        "transferred, but parked.",
    ),
    N(
        DOCUMENTS,
        BACK,
        "",
        "Rackbeat rounds the VAT of each rate. Where no price can give the same total, a line "
        "`Øreavrunding` of an øre or two without VAT does, of the product that the setting "
        "`order.item_for_text` names; the total without VAT may then be another by an øre, which "
        "the journal says. Without that setting such a document is parked.",
    ),
    N(DOCUMENTS, FORTH, "total_with_vat", "What the lines have to add up to."),
    N(DOCUMENTS, BACK, "total", "What the lines have to add up to."),
    N(("order",), FORTH, "mark", "`Rackbeat` and the number."),
    N(("invoice",), FORTH, "mark", "`Rackbeat faktura` and the number."),
    N(
        DOCUMENTS,
        FORTH,
        "mark",
        "In parentheses follows the reference number.",
    ),
    N(
        DOCUMENTS,
        FORTH,
        "reference_number",
        "Behind the mark. What begins with `24SO` or `Rackbeat` is none. A line of the note that "
        "begins with `Referansenummer:` counts before it, and is no part of the note.",
    ),
    N(DOCUMENTS, FORTH, "number", "So that the document can be searched for."),
    N(DOCUMENTS, BACK, "mark", "`24SO` and the `OrderId`."),
    N(
        DOCUMENTS,
        FORTH,
        "their_reference",
        "Where it is text. A line of the note that begins with `Deres referanse:` counts before "
        "it, and is no part of the note.",
    ),
    N(DOCUMENTS, BACK, "their_reference", "Below the note, after `Deres referanse:`."),
    N(
        DOCUMENTS,
        BACK,
        "reference_number",
        "Below the note, after `Referansenummer:`; without what Varebro has written there.",
    ),
    N(("invoice",), FORTH, "order_reference", "Used where the invoice itself has no reference."),
    N(
        DOCUMENTS,
        BACK,
        "note",
        "Followed by the texts of lines without product and price. Where there is neither, what "
        "somebody wrote there in Rackbeat stays.",
    ),
    N(DOCUMENTS, BACK, "ordered_on", "The day it is in Norway."),
    N(DOCUMENTS, BACK, "deliver_on", "The day it is in Norway."),
    N(("invoice",), BACK, "invoiced_on", "The day it is in Norway."),
    N(DOCUMENTS, BACK, "currency_rate", "`Rate` divided by `Unit`."),
    N(DOCUMENTS, FORTH, "Currency.Unit", "`1`, or in an update the unit that is there."),
    N(
        DOCUMENTS,
        FORTH,
        "currency",
        "Not written into a document that is in the one of `local_currency` already.",
    ),
    N(
        DOCUMENTS,
        FORTH,
        "address.street",
        "Both lines, with a comma between them. The address is that of the fields "
        "`address_street` and so on where `billing_address` has neither street nor city.",
    ),
    N(
        DOCUMENTS,
        FORTH,
        "delivery_address.street",
        "Likewise `delivery_address_street` and so on.",
    ),
    N(DOCUMENTS, BACK, "address_street2", EMPTIED),
    N(DOCUMENTS, BACK, "delivery_address_street2", EMPTIED),
    N(DOCUMENTS, None, "address.country", COUNTRY),
    N(DOCUMENTS, None, "delivery_address.country", COUNTRY),
    N(DOCUMENTS, BACK, "address.street", "`Addresses.Post` where there is no `Invoice`."),
    N(DOCUMENTS, FORTH, "lines[].discount", "Both discounts, one after the other."),
    N(
        DOCUMENTS,
        FORTH,
        "lines[].name",
        "A line without quantity is a text where it names no product, or the one of the setting "
        "`order.item_for_text`: it becomes a row of the `Type` `Text`, with nothing but its name. "
        "Other lines without quantity are left out, with a remark in the journal.",
    ),
    N(
        DOCUMENTS,
        BACK,
        "lines[].name",
        "All there is of a row whose `Type` is not `Normal`.",
    ),
    N(
        DOCUMENTS,
        BACK,
        "general_discount",
        "The lines have all discounts; the customer's would be taken off once more.",
    ),
    N(
        DOCUMENTS,
        BACK,
        "lines[].price",
        "Without VAT, also where `IncludeVAT` says that prices include it.",
    ),
    N(
        DOCUMENTS,
        BACK,
        "lines[].product",
        "A line without product becomes one of that product, a text without price goes to the "
        "note.",
    ),
    N(DOCUMENTS, FORTH, "InvoiceRows[].RowId", "The row that is there."),
    N(DOCUMENTS, FORTH, "InvoiceRows[].ChangeState", "`Edit`, `Add` or `Delete`."),
    N(DOCUMENTS, FORTH, "InvoiceRows[].SequenceNumber", "1, 2, 3 ..."),
    N(
        DOCUMENTS,
        FORTH,
        "SkipStock",
        "`true`, unless `stock.origin` is `off`: what is invoiced is then taken from the stock in "
        "24SevenOffice.",
    ),
    N(
        ("order",),
        FORTH,
        "cancelled",
        "`Inactive`; nothing else is written then. One that was made in 24SevenOffice stays as it "
        "is. An order that comes back gets the status of the setting, but `Confirmed` for `Web`, "
        "which cannot be written over another one.",
    ),
    N(
        ("order",),
        BACK,
        "cancelled",
        "A draft gets the heading `Kansellert i 24SevenOffice` and its lines the quantity 0; no "
        "call that cancels an order is known.",
    ),
    N(
        ("order",),
        BACK,
        "",
        "A draft, or booked at once with the setting `order.book`. Once it is booked, changes are "
        "parked.",
    ),
    N(
        ("invoice",),
        FORTH,
        "",
        "Where an invoice covers all of a linked order, that order itself becomes the invoice: its "
        "status changes. Other invoices become orders of their own, which refer to it, or to the "
        "first of several orders, the others named in the journal. Once all of an order is "
        "invoiced in such documents, the order itself is made `Inactive`. A credit note refers to "
        "the only earlier invoice of the same order, or of the same customer where it has none; "
        "of several to the one that sold just what is taken back. Where that cannot be told, to "
        "the order alone, which the journal says.",
    ),
    N(
        ("order",),
        FORTH,
        "settled_apart",
        "`Inactive` in an order all of which is invoiced, in documents apart.",
    ),
    N(("invoice",), FORTH, "credits", "Named in the journal, where that invoice is not linked."),
    N(("invoice",), FORTH, "settles[]", "These orders are transferred once more."),
    N(("invoice",), FORTH, "covers_order", "Decides whether the order itself is changed."),
    N(
        ("invoice",),
        FORTH,
        "order",
        "Only where the invoice becomes a document of its own. An order that is not linked is "
        "recognised by its mark, where it is the same customer's.",
    ),
    N(
        ("invoice",),
        FORTH,
        "order_mark",
        "Tells an order that became an invoice, though not linked, and the order of a partial one.",
    ),
    N(("invoice",), FORTH, "credited", "Takes the order's place, where that invoice is linked."),
    N(("invoice",), FORTH, "lines[].quantity", "Negative in a credit note."),
    N(
        DOCUMENTS,
        BACK,
        "payment_terms",
        "The term of so many days, net or from the end of the month; added to Rackbeat where it "
        "is missing.",
    ),
    N(("order",), FORTH, "payment_terms", "`20` for 20 days net, `-5` for end of month + 45 days."),
    N(
        ("invoice",),
        FORTH,
        "payment_terms",
        "The invoice's own terms, where it is due by them; otherwise the days from its date to its "
        "due date.",
    ),
    N(("invoice",), FORTH, "invoiced_on", "The same day, whatever the day of the transfer."),
    N(
        ("invoice",),
        FORTH,
        "due_on",
        "By it the payment terms are checked; 24SevenOffice has none.",
    ),
    N(
        ("invoice",),
        BACK,
        "",
        "An invoice of an order that is linked is made by converting that order, if its "
        "quantities, prices, discounts and VAT are the same, and booked if its total is. Booked "
        "invoices never change in Rackbeat: later changes are parked. A document with nothing but "
        "negative quantities is a credit note: the invoice that its `ReferenceInvoiceId`, or else "
        "its `ReferenceOrderId`, names is credited, if its quantities, prices, discounts and VAT "
        "are the same; otherwise the note is parked.",
    ),
    N(("invoice",), FORTH, "credit", "Its quantities and totals are then negative."),
    N(("invoice",), FORTH, "booked", "Decides whether it is transferred."),
    N(("invoice",), BACK, "is_booked", "An order becomes a draft, which is dated and then booked."),
    N(("invoice",), BACK, "order", "Only where the order is linked."),
    N(("invoice",), BACK, "order_mark", "Recognises the order, also where its link is lost."),
    N(("invoice",), BACK, "status", "Decides whether it is transferred."),
)
