"""The Rackbeat sandbox over real sockets: what it answers, refuses, announces and breaks."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.control import SandboxControl
from sandbox.faults import Effect, Fault
from sandbox.rackbeat import Config, create_app
from sandbox.threads import free_address, running

Json = dict[str, Any]
NOON = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
# The kernel resets a connection that is closed before the whole request was read.
BROKEN_OFF = (httpx.RemoteProtocolError, httpx.ReadError)


def wait_until(condition: Callable[[], object], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@dataclass
class Rackbeat:
    """A running sandbox with a client that has its key."""

    url: str
    http: httpx.Client
    control: SandboxControl

    def post(self, path: str, body: Json | None = None, **params: str) -> httpx.Response:
        return self.http.post(f"/api{path}", json=body or {}, params=params)

    def put(self, path: str, body: Json) -> httpx.Response:
        return self.http.put(f"/api{path}", json=body)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.http.get(f"/api{path}", params=params)

    def order(self, lines: list[Json], path: str = "/orders", **more: object) -> Json:
        answer = self.post(path, {"customer_id": 1001, "lines": lines, **more})
        assert answer.status_code == 201, answer.text
        order: Json = answer.json()["order"]
        return order


@contextlib.contextmanager
def rackbeat_with(**settings: Any) -> Iterator[Rackbeat]:
    config = Config(**settings)
    headers = {"Authorization": f"Bearer {config.api_key}"}
    with (
        running(create_app(config)) as url,
        httpx.Client(base_url=url, headers=headers, trust_env=False) as http,
        SandboxControl(url) as control,
    ):
        yield Rackbeat(url, http, control)


@pytest.fixture
def rackbeat() -> Iterator[Rackbeat]:
    with rackbeat_with(webhook_retry=0.05, populate=True) as running_rackbeat:
        yield running_rackbeat


@pytest.fixture(scope="module")
def shared() -> Iterator[Rackbeat]:
    """For tests that only read, or that bring records of their own."""
    with rackbeat_with(populate=True) as running_rackbeat:
        yield running_rackbeat


@dataclass
class Receiver:
    """A real server that takes webhooks, and refuses as many as it is told to."""

    url: str = ""
    refuse: int = 0
    taken: list[tuple[dict[str, str], Json]] = field(default_factory=list)

    def events(self) -> list[tuple[str, str]]:
        return [
            (headers["rackbeat-webhook-event"], str(body.get("key", body.get("item"))))
            for headers, body in self.taken
        ]

    async def receive(self, request: Request) -> Response:
        body = await request.json()
        if self.refuse > 0:
            self.refuse -= 1
            return Response(status_code=500)
        self.taken.append((dict(request.headers), body))
        return Response(status_code=204)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    with running(Starlette(routes=[Route("/hook", made.receive, methods=["POST"])])) as url:
        made.url = f"{url}/hook"
        yield made


def subscribe(rackbeat: Rackbeat, receiver: Receiver, *events: str) -> str:
    """Subscribe to events; the token of the last of the webhooks."""
    token = ""
    for event in events:
        answer = rackbeat.post("/webhooks", {"event": event, "url": receiver.url})
        assert answer.status_code == 201
        token = answer.json()["webhook"]["token"]
    return token


def product(number: str, **more: object) -> Json:
    return {"number": number, "name": f"Vare {number}", "group": 1, "sales_price": 10, **more}


def settled(rackbeat: Rackbeat) -> list[Json]:
    """All deliveries, once none is under way."""
    wait_until(lambda: rackbeat.control.get("/deliveries")["pending"] == 0)
    deliveries: list[Json] = rackbeat.control.get("/deliveries")["deliveries"]
    return deliveries


# Access and limits


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}])
def test_a_call_without_the_right_key_is_refused(shared: Rackbeat, header: dict[str, str]) -> None:
    answer = httpx.get(f"{shared.url}/api/products", headers=header, trust_env=False)
    assert (answer.status_code, answer.json()) == (401, {"message": "Unauthenticated."})


def test_the_key_opens_the_account_it_belongs_to(shared: Rackbeat) -> None:
    assert shared.get("/self").json()["user_account"]["company_name"] == "Fjellheim Lager AS"


def test_calls_past_the_limit_are_told_when_to_come_back_and_then_let_in() -> None:
    clock = [NOON]
    with rackbeat_with(requests_per_minute=3, now=lambda: clock[0]) as rackbeat:
        statuses = [rackbeat.get("/units").status_code for _ in range(3)]
        clock[0] += timedelta(seconds=20)
        refused = rackbeat.get("/units")
        assert statuses == [200, 200, 200]
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
        assert rackbeat.control.calls()["refused"] == 1
        clock[0] += timedelta(seconds=40)
        assert rackbeat.get("/units").status_code == 200
        rackbeat.control.reset_calls()
        assert rackbeat.control.calls()["total"] == 0


def test_calls_are_counted_by_operation_and_fields_that_do_not_exist_are_remembered(
    rackbeat: Rackbeat,
) -> None:
    rackbeat.get("/products/100")
    answer = rackbeat.post("/products", product("N1", colour="red", stock_quantity=5))
    calls = rackbeat.control.calls()
    assert answer.status_code == 201
    assert answer.json()["product"]["stock_quantity"] == 0
    assert calls["by_operation"] == {"GET /products/{number}": 1, "POST /products": 1}
    assert calls["unknown_fields"] == ["POST /products: colour", "POST /products: stock_quantity"]


def test_a_path_that_does_not_exist_is_refused_in_json(shared: Rackbeat) -> None:
    assert shared.get("/nothing").status_code == 404
    assert "message" in shared.post("/items").json()


# Lists


def test_a_list_comes_in_pages_of_at_most_a_hundred_and_says_whether_more_follow() -> None:
    with rackbeat_with() as rackbeat:
        for index in range(105):
            rackbeat.control.add("units", {"name": f"unit {index}"})
        first = rackbeat.get("/units", limit=1000)
        last = rackbeat.get("/units", limit=1000, page=2)
        assert (first.status_code, len(first.json()["units"])) == (206, 100)
        about = {name: first.json()[name] for name in ("total", "pages", "limit", "page")}
        assert about == {"total": 111, "pages": 2, "limit": 100, "page": 1}
        assert (last.status_code, len(last.json()["units"])) == (200, 11)


@pytest.mark.parametrize("query", [{"limit": 1001}, {"limit": 0}, {"page": 0}, {"limit": "x"}])
def test_an_impossible_page_is_refused(shared: Rackbeat, query: Json) -> None:
    answer = shared.get("/products", **query)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == set(query)


def test_lists_are_filtered_by_what_the_resource_allows_only(shared: Rackbeat) -> None:
    found = shared.get("/products", **{"simple_filter[number]": "101"}).json()["products"]
    refused = shared.get("/orders", **{"simple_filter[is_booked]": "true"})
    assert [each["number"] for each in found] == ["101"]
    assert refused.status_code == 422
    assert refused.json()["message"] == "Property 'is_booked' is not filterable"


def test_plain_parameters_search_and_filter(rackbeat: Rackbeat) -> None:
    booked = rackbeat.order([{"item_id": "100", "quantity": 1}])["number"]
    rackbeat.put("/products/200", {"is_barred": True})

    def numbers(path: str, **query: str) -> list[Any]:
        return [each["number"] for each in rackbeat.get(f"/{path}", **query).json()[path]]

    assert numbers("orders", booked="true") == [booked]
    assert numbers("orders", is_booked="false") == [1001]
    assert numbers("orders", customer_number="1002") == []
    assert numbers("orders", date_from="2099-01-01") == []
    assert numbers("products", search="termos") == ["101"]
    assert numbers("products", is_barred="true") == ["200"]
    assert numbers("customers", search="912345678") == [1001]


def test_lists_are_ordered_by_any_property_in_either_direction(rackbeat: Rackbeat) -> None:
    rackbeat.control.edit("products", "200", {"updated_at": "2001-01-01 00:00:00"})
    rackbeat.control.edit("products", "101", {"updated_at": "2099-01-01 00:00:00"})
    query = {"order_by": "updated_at", "order_direction": "DESC"}
    numbers = [each["number"] for each in rackbeat.get("/products", **query).json()["products"]]
    assert (numbers[0], numbers[-1]) == ("101", "200")
    assert rackbeat.get("/products", order_by="nothing").status_code == 422


def test_chosen_fields_are_given_and_no_others_also_inside_lines(shared: Rackbeat) -> None:
    answer = shared.get("/orders/1001", fields="number,lines(child_id,item(name)),total_vat")
    assert answer.json()["order"] == {
        "number": 1001,
        "total_vat": 743.25,
        "lines": [
            {"child_id": "100", "item": {"name": "Tursekk 45 l"}},
            {"child_id": "TAU/8+10", "item": {"name": "Tau 8 mm"}},
        ],
    }


# Numbers in paths


@pytest.mark.parametrize("number", ["ABC/1+2", "50% rabatt?", "Å 7", "plain-7"])
def test_a_number_encoded_twice_is_found(rackbeat: Rackbeat, number: str) -> None:
    rackbeat.post("/products", product(number))
    once = quote(number, safe="")
    answer = rackbeat.get(f"/products/{quote(once, safe='')}")
    assert answer.json()["product"]["number"] == number
    assert answer.json()["product"]["urlfriendly_number"] == once


@pytest.mark.parametrize("number", ["ABC/1", "ABC+1"])
def test_a_number_encoded_only_once_is_not_found(rackbeat: Rackbeat, number: str) -> None:
    rackbeat.post("/products", product(number))
    assert rackbeat.get(f"/products/{quote(number, safe='')}").status_code == 404


# Validation


@pytest.mark.parametrize(
    ("path", "body", "missing"),
    [
        ("/products", {}, {"number", "name", "group_id", "sales_price"}),
        ("/lots", {}, {"number", "name"}),
        ("/customers", {"name": "written wrongly"}, {"company_name", "payment_terms_id"}),
        ("/suppliers", {}, {"company_name", "payment_terms_id"}),
        ("/product-groups", {"name": "Varer"}, {"has_inventory"}),
        ("/customer-groups", {}, {"name"}),
        ("/orders", {}, {"lines"}),
        ("/orders/drafts", {"lines": [{}]}, {"customer_id", "lines.0.item_id", "lines.0.quantity"}),
    ],
)
def test_what_is_required_and_missing_is_named(
    shared: Rackbeat, path: str, body: Json, missing: set[str]
) -> None:
    answer = shared.post(path, body)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == missing
    assert all("required" in texts[0] for texts in answer.json()["errors"].values())


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        (
            "/products",
            product("x" * 26),
            {"number": ["The number may not be greater than 25 characters."]},
        ),
        ("/products", product("100"), {"number": ["The number has already been taken."]}),
        ("/products", product("TURPAKKE"), {"number": ["The number has already been taken."]}),
        ("/products", product("V", group=99), {"group": ["The selected group is invalid."]}),
        ("/products", product("V", unit_id=99), {"unit_id": ["The selected unit id is invalid."]}),
        (
            "/products",
            product("V", sales_price="12,50"),
            {"sales_price": ["The sales price must be a number."]},
        ),
        (
            "/products",
            product("V", sales_price="0.1234567"),
            {"sales_price": ["The sales price may not have more than 6 decimals."]},
        ),
        (
            "/products",
            product("V", physical={"weight": 2}),
            {"physical.weight_unit": ["The physical.weight unit field is required."]},
        ),
        (
            "/customers",
            {"company_name": "A", "payment_terms_id": 1, "number": "K-1"},
            {"number": ["The number must be an integer."]},
        ),
        (
            "/customers",
            {"company_name": "A", "payment_terms_id": 99},
            {"payment_terms_id": ["The selected payment terms id is invalid."]},
        ),
        (
            "/customers",
            {"company_name": "A", "payment_terms_id": 1, "vat_zone": "moon"},
            {"vat_zone": ["The selected vat zone is invalid."]},
        ),
        (
            "/orders/drafts",
            {"customer_id": 1001, "deliver_at": "01.07.2026"},
            {"deliver_at": ["The deliver at is not a valid date."]},
        ),
    ],
)
def test_what_cannot_be_is_refused_field_by_field(
    shared: Rackbeat, path: str, body: Json, errors: dict[str, list[str]]
) -> None:
    answer = shared.post(path, body)
    assert (answer.status_code, answer.json()["errors"]) == (422, errors)


@pytest.mark.parametrize("raw", ["{", "[1]"])
def test_a_body_that_is_no_json_object_is_refused(shared: Rackbeat, raw: str) -> None:
    assert shared.http.post("/api/products", content=raw).status_code == 400


# Records


def test_records_are_read_in_another_shape_than_they_are_written(rackbeat: Rackbeat) -> None:
    customer = rackbeat.post(
        "/customers", {"company_name": "Voss Bil", "payment_terms_id": "2", "customer_group_id": 1}
    ).json()["customer"]
    made = rackbeat.post("/products", product("V1", unit_id=2, sales_price="10.123456")).json()
    assert customer["name"] == "Voss Bil"
    assert "company_name" not in customer
    assert customer["payment_terms"]["maturity_days"] == 10
    assert customer["customer_group"] == {"number": 1, "name": "Kunder"}
    assert made["product"]["group"] == {"number": 1, "name": "Varer"}
    assert made["product"]["unit"] == {"number": 2, "name": "kg"}
    assert made["product"]["sales_price"] == 10.123456


def test_posting_twice_makes_two_records_with_numbers_from_the_series(rackbeat: Rackbeat) -> None:
    body = {"company_name": "Voss Bil", "payment_terms_id": 1}
    numbers = [rackbeat.post("/customers", body).json()["customer"]["number"] for _ in range(2)]
    assert numbers == [1003, 1004]


def test_times_are_local_to_copenhagen_and_do_not_say_so() -> None:
    with rackbeat_with(now=lambda: NOON) as rackbeat:
        made = rackbeat.post("/units", {"name": "eske"}).json()["unit"]
    assert made["created_at"] == made["updated_at"] == "2026-07-01 12:00:00"


def test_a_record_is_changed_field_by_field_and_deleted_only_when_nothing_names_it(
    rackbeat: Rackbeat,
) -> None:
    before = rackbeat.get("/products/101").json()["product"]
    after = rackbeat.put("/products/101", {"name": "Termos"}).json()["product"]
    assert (after["name"], after["sales_price"]) == ("Termos", before["sales_price"])
    assert rackbeat.http.delete("/api/products/101").status_code == 422
    assert rackbeat.http.delete("/api/products/200").status_code == 200
    assert rackbeat.get("/products/200").status_code == 404


def test_items_are_products_and_structure_items_together(shared: Rackbeat) -> None:
    kinds = {each["number"]: each["type"] for each in shared.get("/items").json()["items"]}
    assert (kinds["100"], kinds["TURPAKKE"]) == ("product", "lot")
    lines = shared.get("/lots/TURPAKKE/lines").json()["lot_lines"]
    assert [(each["product_id"], each["quantity"]) for each in lines] == [("100", 1), ("101", 1)]


@pytest.mark.parametrize("path", ["layouts", "employees", "locations", "fields", "payment-terms"])
def test_the_account_comes_with_its_settings(shared: Rackbeat, path: str) -> None:
    assert shared.get(f"/{path}").json()[path.replace("-", "_")]


def test_supplier_invoices_are_listed_and_cannot_be_made(shared: Rackbeat) -> None:
    assert shared.get("/supplier-invoices").json()["supplier_invoices"] == []
    assert shared.post("/supplier-invoices", {"number": 1}).status_code == 405


def test_custom_fields_are_set_shown_and_searched_by(rackbeat: Rackbeat) -> None:
    marked = rackbeat.put("/orders/1001/fields", {"custom_fields": [{"id": 1, "value": "24-77"}]})
    shown = rackbeat.get("/orders/1001", expand="field_values").json()["order"]
    assert marked.json()["field_values"][0]["value"] == "24-77"
    assert shown["field_values"] == marked.json()["field_values"]
    assert rackbeat.get("/orders", **{"field_eq[1]": "24-77"}).json()["total"] == 1
    assert rackbeat.get("/orders", **{"field_eq[1]": "24-78"}).json()["total"] == 0
    unknown = {"custom_fields": [{"id": 9, "value": "x"}]}
    assert rackbeat.put("/orders/1001/fields", unknown).status_code == 422


# Orders and invoices


def test_an_order_goes_from_draft_to_invoice_and_is_locked_step_by_step(
    rackbeat: Rackbeat,
) -> None:
    line = {"item_id": "100", "quantity": 2}
    number = rackbeat.order([line], "/orders/drafts")["number"]
    path = f"/orders/{number}"
    assert rackbeat.post(f"{path}/convert-to-invoice").status_code == 422
    replaced = rackbeat.put(path, {"lines": [line | {"quantity": 3}]}).json()["order"]
    assert [each["quantity"] for each in replaced["lines"]] == [3]
    assert rackbeat.post(f"{path}/book").json()["order"]["is_booked"] is True
    assert rackbeat.post(f"{path}/book").status_code == 422
    assert rackbeat.put(path, {"lines": [line]}).status_code == 422
    assert rackbeat.post(f"{path}/lines", line).status_code == 422
    assert rackbeat.put(path, {"note": "Ring først"}).json()["order"]["note"] == "Ring først"
    assert rackbeat.post(f"{path}/reopen").json()["order"]["is_booked"] is False
    rackbeat.post(f"{path}/book")

    invoice_id = rackbeat.post(f"{path}/convert-to-invoice").json()["invoice_id"]

    invoice = rackbeat.get(f"/customer-invoices/{invoice_id}").json()["customer_invoice"]
    assert (invoice["is_booked"], invoice["orders"]) == (True, [number])
    order = rackbeat.get(path).json()["order"]
    assert (order["is_invoiced"], order["is_partly_invoiced"]) == (True, False)
    assert rackbeat.put(path, {"note": "for sent"}).status_code == 422
    assert rackbeat.post(f"{path}/reopen").status_code == 422
    assert rackbeat.post(f"{path}/convert-to-invoice").status_code == 422
    assert rackbeat.http.delete(f"/api{path}").status_code == 422


def test_a_line_given_another_item_takes_its_price_unless_one_is_sent(rackbeat: Rackbeat) -> None:
    order = rackbeat.order([{"item_id": "100", "quantity": 2, "line_price": 5}], "/orders/drafts")
    path = f"/orders/{order['number']}/lines/{order['lines'][0]['id']}"
    kept = rackbeat.put(path, {"quantity": 4}).json()["order_line"]
    taken = rackbeat.put(path, {"item_id": "101"}).json()["order_line"]
    given = rackbeat.put(path, {"item_id": "200", "line_price": 7}).json()["order_line"]
    assert (kept["line_price"], kept["line_total"]) == (5, 20)
    assert (taken["child_id"], taken["line_price"]) == ("101", 349.2)
    assert (given["child_id"], given["line_price"]) == ("200", 7)
    assert rackbeat.put(f"{path}999", {"quantity": 1}).status_code == 404


def test_lines_are_read_with_their_item(rackbeat: Rackbeat) -> None:
    order = rackbeat.order([{"item_id": "TURPAKKE", "quantity": 1, "location_id": 2}])
    line = rackbeat.get(f"/orders/{order['number']}/lines").json()["order_lines"][0]
    assert (line["child_id"], line["child_type"]) == ("TURPAKKE", "lot")
    assert line["item"]["group"] == {"number": 1, "name": "Varer"}
    assert line["location"] == {"number": 2, "name": "Butikk"}
    assert (line["line_price"], line["vat_percentage"]) == (1590, 25)


def test_totals_are_rounded_half_up_to_the_oere_with_vat_per_rate(rackbeat: Rackbeat) -> None:
    lines = [
        {"item_id": "100", "quantity": "1.5", "line_price": "0.07", "discount_percentage": 0},
        {"item_id": "100", "quantity": 3, "line_price": "33.335", "discount_percentage": 10},
        {"item_id": "200", "quantity": 1, "line_price": 89},
    ]
    order = rackbeat.order(lines, currency="EUR", currency_rate="11.5")
    # 0.105 and 90.0045 without VAT at 25 %, 89 at 15 %.
    assert [line["line_total"] for line in order["lines"]] == [0.11, 90, 89]
    assert order["total_subtotal"] == 179.11
    assert order["total_vat"] == 35.88  # 22.5275 and 13.35
    assert order["total_total"] == 214.99
    made = rackbeat.post(f"/orders/{order['number']}/convert-to-invoice").json()["invoice_id"]
    invoice = rackbeat.get(f"/customer-invoices/{made}").json()["customer_invoice"]
    assert invoice["total_total"] == order["total_total"]
    assert invoice["total_base_currency"] == 2472.39  # 214.99 * 11.5 = 2472.385


def test_an_order_invoiced_in_parts_gets_an_invoice_for_each(rackbeat: Rackbeat) -> None:
    order = rackbeat.order([{"item_id": "100", "quantity": 5}])
    path = f"/orders/{order['number']}"
    part = {"lines": [{"id": order["lines"][0]["id"], "quantity": 2}]}
    rackbeat.control.post(f"{path}/invoice-part", part)
    assert rackbeat.get(path).json()["order"]["is_partly_invoiced"] is True
    rackbeat.post(f"{path}/convert-to-invoice")
    found = rackbeat.get("/customer-invoices", order_number=order["number"]).json()
    quantities = [each["lines"][0]["quantity"] for each in found["customer_invoices"]]
    assert quantities == [2, 3]
    assert rackbeat.get(path).json()["order"]["is_invoiced"] is True


def test_an_invoice_draft_keeps_its_number_and_a_booked_invoice_never_changes(
    rackbeat: Rackbeat,
) -> None:
    order = rackbeat.order([{"item_id": "100", "quantity": 1}])
    convert = f"/orders/{order['number']}/convert-to-invoice"
    number = rackbeat.post(convert, book="false").json()["invoice_id"]
    path = f"/customer-invoices/{number}"
    assert rackbeat.get(path).json()["customer_invoice"]["is_booked"] is False
    assert rackbeat.put(path, {"heading": "Juli"}).status_code == 200
    booked = rackbeat.post(f"{path}/book", {"mail": False}).json()["customer_invoice"]
    assert (booked["number"], booked["heading"]) == (number, "Juli")
    assert rackbeat.put(path, {"heading": "August"}).status_code == 422
    assert rackbeat.http.delete(f"/api{path}").status_code == 422
    assert rackbeat.post(f"{path}/unbook").json()["customer_invoice"]["is_booked"] is False
    assert rackbeat.http.delete(f"/api{path}").status_code == 200
    assert rackbeat.get(f"/orders/{order['number']}").json()["order"]["is_invoiced"] is False
    assert rackbeat.post(convert).status_code == 201


def test_the_reference_an_order_shows_can_be_set_by_a_person_only(rackbeat: Rackbeat) -> None:
    lines = [{"item_id": "100", "quantity": 2}]
    number = rackbeat.order(lines, their_reference="Kari")["number"]
    assert rackbeat.get(f"/orders/{number}").json()["order"]["their_reference"] is None
    rackbeat.control.edit("orders", number, {"their_reference": "Kari"})
    assert rackbeat.get(f"/orders/{number}").json()["order"]["their_reference"] == "Kari"


@pytest.mark.parametrize("flat", [False, True])
def test_addresses_are_written_under_names_of_their_own_and_read_in_records_or_as_written(
    flat: bool,
) -> None:
    written = {"address_street": "Gata 1", "delivery_address_city": "Geilo"}
    with rackbeat_with(populate=True, flat_addresses=flat) as rackbeat:
        number = rackbeat.order([{"item_id": "100", "quantity": 2}], **written)["number"]
        invoice = rackbeat.post(f"/orders/{number}/convert-to-invoice").json()["invoice_id"]
        for shown in (
            rackbeat.get(f"/orders/{number}").json()["order"],
            rackbeat.get(f"/customer-invoices/{invoice}").json()["customer_invoice"],
        ):
            names = {name for name in shown if "address" in name}
            if flat:
                assert {name: shown[name] for name in written} == written
                assert {"billing_address", "delivery_address"}.isdisjoint(names)
            else:
                assert shown["billing_address"]["street"] == "Gata 1"
                assert shown["delivery_address"]["city"] == "Geilo"
                assert names == {"billing_address", "delivery_address"}


@pytest.mark.parametrize(("is_negative", "quantity"), [(False, 2), (True, -2)])
def test_a_credit_note_is_an_invoice_that_carries_the_order(
    is_negative: bool, quantity: int
) -> None:
    with rackbeat_with(populate=True, negative_creditnotes=is_negative) as rackbeat:
        order = rackbeat.order([{"item_id": "100", "quantity": 2}])["number"]
        number = rackbeat.post(f"/orders/{order}/convert-to-invoice").json()["invoice_id"]
        made = rackbeat.post(f"/customer-invoices/{number}/create-creditnote")
        note = made.json()["customer_invoice"]
        assert (note["is_creditnote"], note["orders"]) == (True, [order])
        assert note["lines"][0]["quantity"] == quantity
        assert rackbeat.get("/customer-invoices", order_number=order).json()["total"] == 2


@pytest.mark.parametrize(
    ("terms", "due"), [(1, "2026-07-15"), (4, "2026-07-31"), (5, "2026-08-15")]
)
def test_an_invoice_made_without_an_order_is_due_as_its_terms_say(
    shared: Rackbeat, terms: int, due: str
) -> None:
    body = {
        "customer_id": 1002,
        "payment_terms_id": terms,
        "invoice_date": "2026-07-01",
        "lines": [{"item_id": "100", "quantity": 1}],
    }
    invoice = shared.post("/customer-invoices/drafts", body).json()["customer_invoice"]
    assert (invoice["due_date"], invoice["orders"], invoice["is_booked"]) == (due, [], False)


# Stock


def test_an_adjustment_sets_the_stock_when_booked_and_is_refused_when_it_changes_nothing(
    rackbeat: Rackbeat, receiver: Receiver
) -> None:
    subscribe(rackbeat, receiver, "item.stock_updated")
    body = {"item_id": "100", "adjustment_type": "quantity", "quantity": 7.5, "location": 1}
    made = rackbeat.post("/inventory-adjustments", body).json()["inventory_regulation"]
    assert rackbeat.get("/products/100").json()["product"]["stock_quantity"] == 12
    rackbeat.post(f"/inventory-adjustments/{made['id']}/book")
    assert rackbeat.get("/products/100").json()["product"]["stock_quantity"] == 7.5
    refused = rackbeat.post("/inventory-adjustments", body)
    assert refused.status_code == 422
    assert "no change is made" in refused.json()["message"]
    settled(rackbeat)
    assert receiver.taken[0][1] == {"item": "100", "item_type": "product", "type": "stock"}


def test_the_stock_of_an_item_is_told_for_one_location(rackbeat: Rackbeat) -> None:
    rackbeat.order([{"item_id": "100", "quantity": 5}])
    at = [rackbeat.get(f"/locations/{location}/get-stock/100").json() for location in (1, 2)]
    assert at == [
        {
            "stock_quantity": 12,
            "in_order_quantity": 5,
            "available_quantity": 7,
            "purchased_quantity": 0,
        },
        dict.fromkeys(at[0], 0),
    ]
    assert rackbeat.get("/locations/9/get-stock/100").status_code == 404
    assert rackbeat.get("/locations/1/get-stock/nothing").status_code == 404


def test_only_shipping_lowers_the_stock(rackbeat: Rackbeat) -> None:
    def stock() -> tuple[int, int, int]:
        read = rackbeat.get("/products/100").json()["product"]
        return read["stock_quantity"], read["in_order_quantity"], read["available_quantity"]

    order = rackbeat.order([{"item_id": "100", "quantity": 5}])["number"]
    shipment = rackbeat.post(f"/orders/{order}/create-shipment").json()["order_shipment"]
    assert stock() == (12, 5, 7)
    shipped = rackbeat.post(f"/orders/shipments/{shipment['id']}/mark-shipped", {"pick": True})
    assert shipped.json()["order_shipment"]["is_shipped"] is True
    assert stock() == (7, 0, 7)
    assert rackbeat.get(f"/orders/{order}").json()["order"]["is_shipped"] is True


# Webhooks


def test_a_webhook_brings_the_token_the_event_and_a_key_as_text_and_no_more(
    rackbeat: Rackbeat, receiver: Receiver
) -> None:
    token = subscribe(rackbeat, receiver, "order.created")
    number = rackbeat.order([{"item_id": "100", "quantity": 1}], "/orders/drafts")["number"]
    settled(rackbeat)
    [(headers, body)] = receiver.taken
    assert body == {"key_name": "number", "key": str(number)}
    assert (headers["rackbeat-webhook-token"], len(token)) == (token, 32)
    assert headers["rackbeat-webhook-event"] == "order.created"
    assert headers["rackbeat-account-id"] == "4711"
    assert headers["user-agent"] == "Rackbeat Webhook"
    assert headers["content-type"] == "application/json"


def test_the_token_is_shown_once_and_subscribing_again_doubles_nothing(
    rackbeat: Rackbeat, receiver: Receiver
) -> None:
    subscribe(rackbeat, receiver, "order.created")
    body = {"event": "order.created", "url": receiver.url, "is_active": False}
    again = rackbeat.post("/webhooks", body)
    listed = rackbeat.get("/webhooks").json()
    assert again.json()["webhook"]["is_active"] is False
    assert listed["total"] == 1
    for webhook in (again.json()["webhook"], listed["webhooks"][0]):
        assert "token" not in webhook
    rackbeat.order([{"item_id": "100", "quantity": 1}])
    assert settled(rackbeat) == []


def test_a_webhook_is_changed_and_deleted(rackbeat: Rackbeat, receiver: Receiver) -> None:
    subscribe(rackbeat, receiver, "order.created")
    changed = rackbeat.put("/webhooks/1", {"event": "product.updated"}).json()["webhook"]
    assert (changed["event"], changed["url"]) == ("product.updated", receiver.url)
    assert rackbeat.post("/webhooks", {"event": "x", "url": "nowhere"}).status_code == 422
    assert rackbeat.http.delete("/api/webhooks/1").status_code == 200
    assert rackbeat.get("/webhooks/1").status_code == 404


def test_a_delivery_answered_500_is_repeated_until_it_is_taken(
    rackbeat: Rackbeat, receiver: Receiver
) -> None:
    subscribe(rackbeat, receiver, "product.updated")
    receiver.refuse = 2
    rackbeat.control.edit("products", "100", {"name": "Sekk"})
    attempts = settled(rackbeat)
    assert [each["status"] for each in attempts] == [500, 500, 204]
    assert receiver.events() == [("product.updated", "100")]
    logged = rackbeat.get("/webhooks/1/logs").json()["webhook_logs"]
    assert [each["status"] for each in logged] == [500, 500, 204]
    assert not any("token" in each for each in attempts + logged)
    assert rackbeat.get("/webhooks/1").json()["webhook"]["failures_since_last_success"] == 0


def test_a_receiver_that_is_not_there_is_given_up_in_the_end() -> None:
    # Held, and nobody listens there: a port that is only free may be another test's by then.
    with (
        contextlib.closing(free_address()) as nobody,
        rackbeat_with(webhook_retry=0.01, webhook_give_up=0.05, populate=True) as rackbeat,
    ):
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/hook"
        rackbeat.post("/webhooks", {"event": "product.updated", "url": url})
        rackbeat.control.edit("products", "100", {"name": "Sekk"})
        attempts = settled(rackbeat)
        # Pauses of 1, 2 and 4 hundredths of a second reach the limit of 5.
        assert [(each["status"], each["error"]) for each in attempts] == [
            (None, "ConnectError")
        ] * 4


def test_what_an_integration_writes_itself_comes_back_as_an_echo_unless_suppressed(
    rackbeat: Rackbeat, receiver: Receiver
) -> None:
    subscribe(rackbeat, receiver, "product.created", "product.updated")
    rackbeat.post("/products", product("E1"))
    rackbeat.post("/products", product("E2"), suppress_webhooks="true")
    rackbeat.put("/products/E1", {"name": "stille", "suppress_webhooks": True})
    settled(rackbeat)
    assert receiver.events() == [("product.created", "E1")]
    assert rackbeat.control.calls()["unknown_fields"] == []


def test_a_csv_import_is_silent(rackbeat: Rackbeat, receiver: Receiver) -> None:
    subscribe(rackbeat, receiver, "product.created", "product.updated", "product.deleted")
    rackbeat.control.add("products", product("C1"), webhooks=False)
    rackbeat.control.edit("products", "C1", {"name": "importert"}, webhooks=False)
    rackbeat.control.remove("products", "200", webhooks=False)
    assert settled(rackbeat) == []
    products = rackbeat.control.state()["products"]
    assert {each["number"]: each["name"] for each in products}["C1"] == "importert"
    assert "200" not in {each["number"] for each in products}


def test_booking_and_invoicing_are_announced(rackbeat: Rackbeat, receiver: Receiver) -> None:
    events = (
        "order.created",
        "order.booked",
        "customer_invoice.created",
        "customer_invoice.booked",
    )
    subscribe(rackbeat, receiver, *events)
    number = str(rackbeat.order([{"item_id": "100", "quantity": 1}])["number"])
    made = rackbeat.post(f"/orders/{number}/convert-to-invoice").json()["invoice_id"]
    settled(rackbeat)
    assert sorted(receiver.events()) == [
        ("customer_invoice.booked", str(made)),
        ("customer_invoice.created", str(made)),
        ("order.booked", number),
        ("order.created", number),
    ]


def test_converting_a_product_keeps_its_number_and_announces_a_deletion(
    rackbeat: Rackbeat, receiver: Receiver
) -> None:
    subscribe(rackbeat, receiver, "product.deleted", "lot.created")
    converted = rackbeat.post("/products/200/convert")
    assert (converted.status_code, converted.json()["lot"]["number"]) == (200, "200")
    assert rackbeat.get("/products/200").status_code == 404
    assert rackbeat.get("/lots/200").json()["lot"]["stock_quantity"] == 64
    assert rackbeat.post("/products/100/convert").status_code == 422
    settled(rackbeat)
    assert sorted(receiver.events()) == [("lot.created", "200"), ("product.deleted", "200")]


def test_held_deliveries_arrive_latest_first(rackbeat: Rackbeat, receiver: Receiver) -> None:
    subscribe(rackbeat, receiver, "product.updated")
    rackbeat.control.post("/webhooks/hold")
    for number in ("100", "101", "200"):
        rackbeat.control.edit("products", number, {"name": "ny"})
    assert rackbeat.control.get("/deliveries")["held"] == 3
    rackbeat.control.post("/webhooks/release")
    settled(rackbeat)
    assert [key for _, key in receiver.events()] == ["200", "101", "100"]


def test_a_delivery_is_repeated_on_demand(rackbeat: Rackbeat, receiver: Receiver) -> None:
    subscribe(rackbeat, receiver, "order.created")
    wanted = {"event": "order.created", "key": 1001, "times": 3}
    rackbeat.control.post("/deliveries/repeat", wanted)
    assert len(settled(rackbeat)) == 3
    assert receiver.events() == [("order.created", "1001")] * 3


# The hand behind the sandbox


def test_a_person_can_renumber_a_product_and_its_lines_follow(rackbeat: Rackbeat) -> None:
    rackbeat.control.edit("products", "TAU/8+10", {"number": "TAU 9/11", "stock_quantity": 3})
    order = rackbeat.get("/orders/1001").json()["order"]
    assert order["lines"][1]["child_id"] == "TAU 9/11"
    path = f"/products/{quote(quote('TAU 9/11', safe=''), safe='')}"
    assert rackbeat.get(path).json()["product"]["stock_quantity"] == 3


def test_a_person_can_set_what_the_api_cannot_and_nothing_that_does_not_exist(
    rackbeat: Rackbeat,
) -> None:
    edited = rackbeat.control.edit("orders", 1001, {"is_cancelled": True})
    assert edited["is_cancelled"] is True
    with pytest.raises(httpx.HTTPStatusError, match="colour"):
        rackbeat.control.edit("products", "100", {"colour": "red"})


def test_a_lost_answer_hides_a_write_that_was_carried_out(rackbeat: Rackbeat) -> None:
    rackbeat.control.fault(Fault("POST /products", Effect.DROP_AFTER))
    with pytest.raises(BROKEN_OFF):
        rackbeat.post("/products", product("F1"))
    assert rackbeat.get("/products/F1").status_code == 200


def test_a_connection_broken_before_carries_nothing_out(rackbeat: Rackbeat) -> None:
    rackbeat.control.fault(operation="POST /products", effect="drop_before")
    with pytest.raises(BROKEN_OFF):
        rackbeat.post("/products", product("F2"))
    assert rackbeat.get("/products/F2").status_code == 404


def test_faults_answer_in_the_vendors_place_until_they_are_cleared(rackbeat: Rackbeat) -> None:
    rackbeat.control.fault(
        Fault("GET /products/{number}", Effect.ANSWER, times=None, status=503, body="down")
    )
    answers = [rackbeat.get("/products/100") for _ in range(2)]
    assert [(each.status_code, each.text) for each in answers] == [(503, "down")] * 2
    assert rackbeat.get("/products").status_code == 200
    rackbeat.control.clear_faults()
    assert rackbeat.get("/products/100").status_code == 200


def test_an_answer_cut_short_breaks_off(rackbeat: Rackbeat) -> None:
    rackbeat.control.fault(Fault("GET /products", Effect.TRUNCATE))
    with pytest.raises(BROKEN_OFF):
        rackbeat.get("/products")
