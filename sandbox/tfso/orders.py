"""InvoiceService: orders, and the invoices they become."""

from __future__ import annotations

from decimal import Decimal

from sandbox.tfso.client import LOCAL_CURRENCY
from sandbox.tfso.failures import RefusedItem, SoapFault
from sandbox.tfso.order_rows import changed_rows, first_rows, totals
from sandbox.tfso.records import changed_after, each, merged, registered_after, selected
from sandbox.tfso.state import Call, ClientState, Handler, always
from sandbox.tfso.values import Record

MOST_ORDERS = 1000
INVOICED = frozenset({"Invoiced", "InvoicedCashAccount", "InvoicedPack"})
READ_ONLY = frozenset(
    {"APIException", "DateChanged", "InvoiceId", "OrderTotalIncVat", "OrderTotalVat", "InvoiceRows"}
)
CHANGEABLE_WHEN_INVOICED = ("InvoiceTitle", "ReferenceNumber")
DELIVERY_METHODS = [
    {"Id": 1, "Description": "Posten"},
    {"Id": 2, "Description": "Bring bedriftspakke"},
    {"Id": 3, "Description": "Hentes på lager"},
]
PAYMENT_METHODS = [{"Id": 1, "Name": "Faktura"}, {"Id": 2, "Name": "Kort"}]


def get_order_sync_list(call: Call, arguments: Record) -> list[int]:
    search = arguments.get("syncParams", {})
    return [
        order["OrderId"]
        for order in call.client.orders
        if changed_after(order, search.get("ChangedAfter"))
        and registered_after(order, search.get("RegisteredAfter"))
    ]


def get_invoices(call: Call, arguments: Record) -> list[Record]:
    search = arguments.get("searchParams", {})
    if len(search.get("OrderIds", [])) > MOST_ORDERS:
        raise SoapFault(f"At most {MOST_ORDERS} OrderIds can be asked for in one request.")
    wanted = arguments.get("invoiceReturnProperties", [])
    wanted_of_rows = arguments.get("rowReturnProperties", [])
    found = []
    for order in call.client.orders:
        if _matches(order, search):
            answer = selected(order, wanted)
            if "InvoiceRows" in answer:
                answer["InvoiceRows"] = [
                    selected(row, wanted_of_rows) for row in answer["InvoiceRows"]
                ]
            found.append(answer)
    return found


def _matches(order: Record, search: Record) -> bool:
    lists = {
        "CustomerIds": "CustomerId",
        "OrderStates": "OrderStatus",
        "InvoiceIds": "InvoiceId",
        "OrderIds": "OrderId",
        "ExternalStatus": "ExternalStatus",
    }
    return changed_after(order, search.get("ChangedAfter")) and all(
        order.get(element) in search[name] for name, element in lists.items() if search.get(name)
    )


def save_invoices(call: Call, arguments: Record) -> list[Record]:
    client = call.client
    return each(arguments.get("invoices", []), lambda item: save_order(client, item))


def save_order(client: ClientState, changes: Record) -> Record:
    """Create or update one order; the status Invoiced makes it an invoice.

    Raises:
        RefusedItem: it cannot be saved as asked; an invoiced order cannot be changed at all.
    """
    number = changes.get("OrderId")
    existing = client.orders.get(number)
    if number is not None and existing is None:
        raise RefusedItem(f"There is no order with OrderId {number}.")
    if existing is not None and existing["OrderStatus"] in INVOICED:
        raise RefusedItem(f"Order {number} is invoiced and cannot be changed.")
    record = merged(existing or {}, changes, read_only=READ_ONLY)
    customer = client.active_company(record.get("CustomerId"))
    if customer is None:
        raise RefusedItem("CustomerId is required and has to be that of a company.")
    given = changes.get("InvoiceRows", [])
    if existing is None:
        record = {**_taken_over(client, customer), **record}
        record["InvoiceRows"] = first_rows(client, given)
    else:
        record["InvoiceRows"] = changed_rows(client, record["InvoiceRows"], given)
    record["OrderTotalIncVat"], record["OrderTotalVat"] = totals(
        record["InvoiceRows"], include_vat=bool(record.get("IncludeVAT"))
    )
    if record.setdefault("OrderStatus", "Web") in INVOICED:
        _invoice(client, record)
    client.keep(client.orders, record)
    return record


def _taken_over(client: ClientState, customer: Record) -> Record:
    """What a new order takes over from its customer where it does not say otherwise (assumed)."""
    symbol = customer["CurrencyId"]
    taken: Record = {
        "CustomerName": customer["Name"],
        "DateOrdered": client.now().replace(microsecond=0),
        "Currency": {"Symbol": LOCAL_CURRENCY if symbol == "LOCAL" else symbol},
        "CustomerOrgNo": customer.get("OrganizationNumber"),
        "Addresses": customer.get("Addresses"),
        "PaymentTime": customer.get("PaymentTime"),
    }
    return merged({}, taken)


def _invoice(client: ClientState, record: Record) -> None:
    record["InvoiceId"] = next(client.invoice_ids)
    record.setdefault("DateInvoiced", client.now().replace(microsecond=0))
    if record.get("SkipStock"):
        return
    for row in record["InvoiceRows"]:
        product = client.products.get(row.get("ProductId"))
        if product is not None and product.get("StockControlled"):
            left = product.get("Stock", Decimal(0)) - row.get("Quantity", Decimal(0))
            client.set_stock(product, left)


def update_invoices(call: Call, arguments: Record) -> list[Record]:
    """Changes the two things that may change on an invoice; what else is sent is passed over."""
    client = call.client

    def update(item: Record) -> Record:
        order = client.orders.get(item.get("OrderId"))
        if order is None:
            raise RefusedItem(f"There is no order with OrderId {item.get('OrderId')}.")
        record = merged(order, selected(item, CHANGEABLE_WHEN_INVOICED))
        client.keep(client.orders, record)
        return record

    return each(arguments.get("invoices", []), update)


def delete_order(client: ClientState, number: int) -> Record:
    """Remove an order, as a person can; the service offers no operation for it.

    Raises:
        RefusedItem: there is no such order, or it is invoiced.
    """
    order = client.orders.get(number)
    if order is None:
        raise RefusedItem(f"There is no order with OrderId {number}.")
    if order["OrderStatus"] in INVOICED:
        raise RefusedItem(f"Order {number} is invoiced and cannot be removed.")
    client.orders.remove(number)
    return {"OrderId": number}


OPERATIONS: dict[str, Handler] = {
    "GetOrderSyncList": get_order_sync_list,
    "GetInvoices": get_invoices,
    "SaveInvoices": save_invoices,
    "UpdateInvoices": update_invoices,
    "GetDeliveryMethods": always(DELIVERY_METHODS),
    "GetPaymentMethods": always(PAYMENT_METHODS),
}
