"""The demo: what it compares, what it shows, and how it ends."""

from __future__ import annotations

import copy
import signal
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from sandbox import tfso
from sandbox.control import SandboxControl
from sandbox.demo.compare import compare
from sandbox.demo.orders import ORDERS, orders
from sandbox.demo.screen import Screen, tally_counts
from sandbox.demo.verdict import Parked, as_json, problems_of
from sandbox.stack import uninterrupted
from sandbox.tfso.config import SandboxConfig
from sandbox.threads import running
from shared.clock import utc_now
from tasks.documents import Line
from tasks.totals import rackbeat_total_of, total_with_vat_of
from tests.harness.endings import an_ending

Json = dict[str, Any]

ADDRESS = {"Street": "Storgata 1", "PostalCode": "0155", "PostalArea": "Oslo", "Country": "Norge"}
TFSO: Json = {
    "categories": [{"Id": 11, "Name": "Verktøy"}],
    "products": [
        {
            "Id": 501,
            "No": "A/1",
            "Name": "Hammer",
            "Description": "God",
            "Price": "100.50",
            "InPrice": "60.00",
            "EAN1": "2036285748342",
            "CategoryId": 11,
            "StatusId": 1,
        }
    ],
    "companies": [
        {
            "Id": 10001,
            "Type": "Business",
            "Name": "Nordlys AS",
            "OrganizationNumber": "985412081",
            "Addresses": {"Post": ADDRESS},
            "EmailAddresses": {"Primary": {"Value": "a@b.example; c@d.example"}},
            "PhoneNumbers": {"Work": {"Value": "22"}},
            "Country": "NO",
            "PaymentTime": -4,
            "CurrencyId": "LOCAL",
        }
    ],
    "orders": [
        {
            "OrderId": 2001,
            "OrderStatus": "Invoiced",
            "CustomerId": 10001,
            "DateOrdered": "2026-02-28T23:00:00Z",
            "Currency": {"Symbol": "NOK"},
            "Addresses": {"Post": ADDRESS},
            "IncludeVAT": True,
            "OrderTotalIncVat": "250.00",
            "OrderTotalVat": "50.00",
            "InvoiceRows": [
                {"SequenceNumber": 2, "Type": "Text", "Name": "Ring først"},
                {
                    "SequenceNumber": 1,
                    "Type": "Normal",
                    "ProductId": 501,
                    "Name": "Hammer",
                    "Quantity": "2",
                    "Price": "125",
                    "VatRate": "25",
                },
            ],
        }
    ],
}
ADDRESS = {"street": "Storgata 1", "zipcode": "0155", "city": "Oslo", "country": "NO"}
RACKBEAT: Json = {
    "product_groups": [{"number": 11, "name": "Verktøy"}],
    "products": [
        {
            "number": "A/1",
            "name": "Hammer",
            "description": "God",
            "sales_price": 100.5,
            "recommended_cost_price": 60,
            "barcode": "2036285748342",
            "group": {"number": 11, "name": "Verktøy"},
            "is_barred": False,
        }
    ],
    "customers": [
        {
            "number": 10001,
            "name": "Nordlys AS",
            "company_vat": "985412081",
            "contact_email": "a@b.example",
            "contact_phone": "22",
            "address_street": "Storgata 1",
            "address_zipcode": "0155",
            "address_city": "Oslo",
            "address_country": "NO",
            "payment_terms": {"type": "current_month", "maturity_days": 0},
            "currency": "NOK",
        }
    ],
    "suppliers": [],
    "lots": [],
    "orders": [
        {
            "number": 1001,
            "other_reference": "24SO 2001",
            "customer_id": 10001,
            "order_date": "2026-03-01",
            "currency": "NOK",
            "billing_address": ADDRESS,
            "note": "Ring først",
            "total_subtotal": 200,
            "lines": [
                {
                    "child_id": "A/1",
                    "name": "Hammer",
                    "quantity": 2,
                    "line_price": 100,
                    "discount_percentage": 0,
                    "vat_percentage": 25,
                }
            ],
        }
    ],
}
RACKBEAT["customer_invoices"] = [copy.deepcopy(RACKBEAT["orders"][0]) | {"number": 50001}]


def test_systems_that_say_the_same_in_their_own_words_do_not_differ() -> None:
    comparison = compare(TFSO, RACKBEAT)
    assert comparison.differences == ()
    assert comparison.compared == {
        "product_group": 1, "product": 1, "customer": 1, "supplier": 0, "order": 1,
        "invoice": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "field", "value", "difference"),
    [
        ("product_groups", "name", "Annet", "product_group 11: name"),
        ("products", "sales_price", 100.51, "product A/1: price"),
        ("products", "recommended_cost_price", None, "product A/1: cost price"),
        ("products", "barcode", "2036285748343", "product A/1: EAN"),
        ("products", "group", {"number": 12, "name": "Verktøy"}, "product A/1: group number"),
        ("products", "is_barred", True, "product A/1: out of use"),
        ("products", "description", None, "product A/1: description"),
        ("customers", "name", "Nordlys", "customer 10001: name"),
        ("customers", "company_vat", None, "customer 10001: organisation number"),
        ("customers", "contact_email", "c@d.example", "customer 10001: e-mail"),
        ("customers", "address_zipcode", "155", "customer 10001: postal code"),
        ("customers", "address_country", "SE", "customer 10001: country"),
        ("customers", "currency", "EUR", "customer 10001: currency"),
        ("customers", "payment_terms", {"type": "net", "maturity_days": 0},
         "customer 10001: payment terms"),
        ("orders", "total_subtotal", 199.99, "order 24SO 2001: total"),
        ("orders", "note", None, "order 24SO 2001: texts"),
        ("orders", "billing_address", ADDRESS | {"city": "Bergen"}, "order 24SO 2001: city"),
        ("orders", "customer_id", 10002, "order 24SO 2001: customer"),
        ("customer_invoices", "total_subtotal", 201, "invoice 24SO 2001: total"),
    ],
)  # fmt: skip
def test_one_wrong_field_is_one_difference(
    resource: str, field: str, value: object, difference: str
) -> None:
    rackbeat = copy.deepcopy(RACKBEAT)
    rackbeat[resource][0][field] = value
    (found,) = compare(TFSO, rackbeat).differences
    assert str(found).startswith(difference + " is ")


@pytest.mark.parametrize(
    ("field", "value"),
    [("child_id", "A/2"), ("quantity", 3), ("line_price", 100.01), ("discount_percentage", 5),
     ("vat_percentage", 15), ("name", "Tang")],
)  # fmt: skip
def test_a_wrong_line_makes_the_order_differ(field: str, value: object) -> None:
    rackbeat = copy.deepcopy(RACKBEAT)
    rackbeat["orders"][0]["lines"][0][field] = value
    assert [d.field for d in compare(TFSO, rackbeat).differences] == ["lines"]


def test_a_missing_record_an_additional_one_and_a_doubled_one_are_differences() -> None:
    rackbeat = copy.deepcopy(RACKBEAT)
    rackbeat["products"] = []
    rackbeat["suppliers"] = [{**RACKBEAT["customers"][0], "number": 7}]
    rackbeat["orders"].append({**RACKBEAT["orders"][0], "number": 1002})
    found = {(d.kind, d.key): (d.tfso, d.rackbeat) for d in compare(TFSO, rackbeat).differences}
    assert found == {
        ("product", "A/1"): (1, 0),
        ("supplier", "7"): (0, 1),
        ("order", "24SO 2001"): (1, 2),
    }


@pytest.mark.parametrize(("which", "left"), [(0, "502"), (1, "501")])
def test_of_two_products_with_one_number_the_one_rackbeat_has_is_compared(
    which: int, left: str
) -> None:
    client, rackbeat = copy.deepcopy(TFSO), copy.deepcopy(RACKBEAT)
    client["orders"] = rackbeat["orders"] = rackbeat["customer_invoices"] = []
    client["products"].append({**TFSO["products"][0], "Id": 502, "EAN1": "111", "Name": "Tang"})
    rackbeat["products"][0]["barcode"] = client["products"][which]["EAN1"]
    rackbeat["products"][0]["name"] = client["products"][which]["Name"]
    comparison = compare(client, rackbeat)
    assert (comparison.differences, comparison.left_out) == ((), frozenset({left}))


def test_a_product_with_a_number_too_long_for_rackbeat_is_not_expected_there() -> None:
    client = copy.deepcopy(TFSO)
    client["products"].append({**TFSO["products"][0], "Id": 503, "No": "X" * 26})
    comparison = compare(client, RACKBEAT)
    assert (comparison.differences, comparison.left_out) == ((), frozenset({"503"}))


def test_every_order_of_the_demo_comes_to_the_same_in_both_systems() -> None:
    with running(tfso.create_app(SandboxConfig())) as url, SandboxControl(url) as control:
        state = control.state()["410021"]
    made = list(orders(state, 10001, 501, utc_now()))
    assert len(made) == ORDERS
    products = {product["Id"]: product for product in state["products"]}
    for order in made[:-1]:
        lines = [
            Line(
                quantity=row["Quantity"],
                price=products[row["ProductId"]]["Price"],
                discount=row["DiscountRate"],
                vat=products[row["ProductId"]]["TaxRate"],
            )
            for row in order["InvoiceRows"]
            if "ProductId" in row
        ]
        assert all(line.net() == line.exact() for line in lines)
        assert rackbeat_total_of(lines) == total_with_vat_of(lines)


# -- the verdict --------------------------------------------------------------------------------


def test_an_ending_as_it_has_to_be_has_no_problems() -> None:
    assert problems_of(an_ending()) == []


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"parked": []}, "product 505 is not parked."),
        (
            {"parked": [Parked("product", "505", ""), Parked("order", "2001", "")]},
            "order 2001 is parked.",
        ),
        ({"misplaced": 1}, "1 records were written into another company."),
        ({"moved_stock": 2}, "24SevenOffice shows another stock of 2 products"),
        ({"unknown_fields": ["POST /products: colour"]}, "Rackbeat knows no field"),
        (
            {"comparison": compare(TFSO, {**RACKBEAT, "orders": []}), "parked": []},
            "order 24SO 2001",
        ),
    ],
)
def test_what_is_not_as_it_has_to_be_is_told(other: Json, problem: str) -> None:
    (found,) = problems_of(an_ending(**other))
    assert found.startswith(problem)


def test_doubled_records_refused_calls_and_unfinished_changes_are_told() -> None:
    ending = an_ending()
    ending.facts.counts["order to Rackbeat"]["created"] = 12
    ending.facts.counts["product to Rackbeat"]["under way"] = 3
    ending.facts.calls["Rackbeat"]["refused"] = 1
    assert problems_of(ending) == [
        "order to Rackbeat: 12 were created, not 11.",
        "Still under way: product to Rackbeat: 3.",
        "Rackbeat refused 1 calls: its limit was exceeded.",
    ]


def test_the_report_for_machines_says_whether_all_is_good() -> None:
    good = as_json(an_ending(), [], {"start": 1.23}, 60.04)
    assert (good["good"], good["seconds"], good["steps"]) == (True, 60.0, {"start": 1.2})
    assert good["parked"] == [{"kind": "product", "key": "505", "message": "too long"}]
    assert as_json(None, ["it did not start"], {}, 1.0)["good"] is False


# -- what is shown ------------------------------------------------------------------------------


def test_changes_are_counted_by_what_became_of_them() -> None:
    to_rackbeat = ("fjell", "product_group", "24so_to_rackbeat")
    counts = tally_counts(
        [
            (*to_rackbeat, "done", "created", 7),
            (*to_rackbeat, "done", "skipped", 2),
            (*to_rackbeat, "done", "superseded", 1),
            (*to_rackbeat, "parked", None, 3),
            (*to_rackbeat, "running", None, 4),
            ("fjell", "stock", "rackbeat_to_24so", "done", "updated", 5),
        ]
    )
    group = counts["product group to Rackbeat"]
    assert group == {
        "created": 7, "updated": 0, "unchanged": 0, "other": 3, "under way": 4, "parked": 3,
    }  # fmt: skip
    assert counts["stock to 24SevenOffice"]["updated"] == 5


def _shown(*, terminal: bool) -> str:
    written = StringIO()
    console = Console(file=written, force_terminal=terminal, width=100, color_system=None)
    with Screen(console, ["Copy it all"]) as screen:
        (step,) = screen.steps
        screen.facts.counts = {"product to Rackbeat": dict.fromkeys(("created",), 198)}
        screen.facts.counts["product to Rackbeat"] |= dict.fromkeys(
            ("updated", "unchanged", "other", "under way", "parked"), 0
        )
        screen.facts.latencies["product"] = 0.25
        screen.begin(step)
        screen.tell(step, "half of it")
        screen.end(step, "all of it")
    return written.getvalue()


def test_a_terminal_shows_the_steps_and_the_figures() -> None:
    shown = _shown(terminal=True)
    assert all(each in shown for each in ("✓ Copy it all", "198", "0.25"))


def test_elsewhere_there_are_plain_lines_without_control_characters() -> None:
    lines = _shown(terminal=False).splitlines()
    assert [line[9:] for line in lines] == ["Copy it all ...", "  done in 0.0 s: all of it"]
    assert "\x1b" not in "".join(lines)


# -- how it ends --------------------------------------------------------------------------------


def test_a_signal_waits_until_a_process_has_been_noted() -> None:
    order: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: order.append("signal"))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            order.append("noted")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert order == ["noted", "signal"]
