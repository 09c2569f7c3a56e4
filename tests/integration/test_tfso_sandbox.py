"""The 24SevenOffice sandbox over real HTTP, called the way any SOAP client calls it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
import requests
import uvicorn
import zeep
from starlette.types import ASGIApp, Receive, Scope, Send
from zeep.exceptions import Fault, TransportError

from sandbox.tfso import SandboxConfig, create_app
from sandbox.tfso.config import ANNEN_BEDRIFT, FJELLHEIM
from sandbox.tfso.schema import TARGET
from sandbox.tfso.seed import SHARED_NUMBER, TOO_LONG_NUMBER, ean, organisation_number
from sandbox.tfso.tables import SERVICES

PATHS = {service.name: service.path for service in SERVICES}
START = datetime(2026, 3, 2, 9, 15, 20, tzinfo=UTC)
NEVER = "0001-01-01T00:00:00"


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **span: float) -> None:
        self.time += timedelta(**span)


class Server:
    """One address for all tests, with a new sandbox behind it for each."""

    def __init__(self) -> None:
        self.app: ASGIApp = create_app()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(self._answer, interface="asgi3", log_level="critical", lifespan="off")
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        self.http = requests.Session()
        transport = zeep.Transport(session=self.http)
        self.services = {
            name: zeep.Client(f"{self.url}{path}?wsdl", transport=transport).service
            for name, path in PATHS.items()
        }

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def end(self) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()


class Caller:
    """A program that talks to a running sandbox."""

    def __init__(self, server: Server, config: SandboxConfig, clock: Clock) -> None:
        self.url = server.url
        self.config = config
        self.clock = clock
        self.http = server.http
        self.control = httpx.Client(base_url=f"{server.url}/_control")
        self._services = server.services

    def __getattr__(self, name: str) -> Any:
        return self._services[name]

    def login(self, identity: str | None = FJELLHEIM.id, **credential: str) -> str:
        credential = {
            "ApplicationId": self.config.application_id,
            "Username": self.config.username,
            "Password": self.config.password,
            **({"IdentityId": identity} if identity else {}),
            **credential,
        }
        return self.Authenticate.Login(credential) or ""

    def post(self, service: str, operation: str, body: str, **headers: str) -> httpx.Response:
        """Send XML as it stands, which no well-behaved client would."""
        envelope = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            f'xmlns="{TARGET}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
            f"<s:Body><{operation}>{body}</{operation}></s:Body></s:Envelope>"
        )
        return self.post_text(service, operation, envelope, **headers)

    def post_text(self, service: str, operation: str, text: str, **headers: str) -> httpx.Response:
        return httpx.post(
            self.url + PATHS[service],
            content=text.encode(),
            headers={
                "Content-Type": "text/xml",
                "SOAPAction": f'"{TARGET}/{operation}"',
                **headers,
            },
            cookies=self.http.cookies.get_dict(),
        )

    def companies(self, *properties: str, **search: Any) -> list[Any]:
        return self.CompanyService.GetCompanies(search, {"string": list(properties)}) or []

    def products(self, *properties: str, **search: Any) -> list[Any]:
        return self.ProductService.GetProducts(search, {"string": list(properties)}) or []

    def save_product(self, **product: Any) -> Any:
        (saved,) = self.ProductService.SaveProducts({"Product": [product]})
        return saved

    def save_company(self, **company: Any) -> Any:
        (saved,) = self.CompanyService.SaveCompanies({"Company": [company]})
        return saved

    def save_order(self, **order: Any) -> Any:
        rows = order.pop("rows", None)
        if rows is not None:
            order["InvoiceRows"] = {"InvoiceRow": rows}
        order.setdefault("IncludeVAT", False)
        (saved,) = self.InvoiceService.SaveInvoices({"InvoiceOrder": [order]})
        return saved

    def stored(self, client: int = FJELLHEIM.client_id) -> dict[str, Any]:
        return self.control.get("/state").json()[str(client)]


Start = Callable[..., Caller]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.end()


@pytest.fixture
def start(server: Server) -> Iterator[Start]:
    """Puts a new sandbox behind the address, instead of the one before."""
    callers: list[Caller] = []

    def started(**settings: Any) -> Caller:
        clock = Clock()
        # A clock that stands still would make any test a burst.
        config = SandboxConfig(**{"now": clock, "requests_per_second": 10_000, **settings})
        server.app = create_app(config)
        server.http.cookies.clear()
        callers.append(Caller(server, config, clock))
        return callers[-1]

    yield started
    for caller in callers:
        caller.control.close()


@pytest.fixture
def tfso(start: Start) -> Caller:
    """A sandbox, and a login in the company that has the data."""
    caller = start()
    assert caller.login()
    return caller


# Logging in


def test_a_login_without_an_identity_ends_up_in_the_default_company_which_is_empty(
    start: Start,
) -> None:
    tfso = start()
    assert tfso.login(identity=None)
    assert tfso.ClientService.GetClientInformation().Name == "Annen Bedrift AS"
    assert tfso.companies("Id") == []


def test_a_record_written_into_the_wrong_company_is_seen_there_and_nowhere_else(
    start: Start,
) -> None:
    tfso = start()
    tfso.login(identity=None)
    tfso.save_company(Name="Feilplassert AS", Type="Business")
    assert [c["Name"] for c in tfso.stored(ANNEN_BEDRIFT.client_id)["companies"]] == [
        "Feilplassert AS"
    ]
    assert "Feilplassert AS" not in {c["Name"] for c in tfso.stored()["companies"]}


@pytest.mark.parametrize("field", ["ApplicationId", "Username", "Password"])
def test_a_wrong_credential_gets_an_empty_session_id(start: Start, field: str) -> None:
    tfso = start()
    wrong = "00000000-0000-4000-8000-000000000000" if field == "ApplicationId" else "wrong"
    assert tfso.login(**{field: wrong}) == ""
    assert tfso.Authenticate.HasSession() is False


def test_a_failed_login_can_be_a_fault_instead(start: Start) -> None:
    tfso = start(failed_login_is_fault=True)
    with pytest.raises(Fault, match="Authentication failed") as caught:
        tfso.login(Password="wrong-secret")
    assert "wrong-secret" not in str(caught.value)


def test_a_blocked_identity_cannot_be_logged_in_to_but_is_listed_as_disabled(start: Start) -> None:
    tfso = start(identities=(replace(FJELLHEIM, blocked=True), ANNEN_BEDRIFT))
    with pytest.raises(Fault, match=r"^Provided IdentityId is blocked"):
        tfso.login()
    credential = {
        "ApplicationId": tfso.config.application_id,
        "Username": tfso.config.username,
        "Password": tfso.config.password,
    }
    listed = tfso.Authenticate.GetIdentitiesWithCredential(credential)
    assert {i.Client.Name: i.IsDisabled for i in listed}["Fjellheim Handel AS"] is True


def test_the_identity_can_be_changed_within_a_session(tfso: Caller) -> None:
    assert tfso.Authenticate.SetIdentityById(ANNEN_BEDRIFT.id) is True
    assert tfso.Authenticate.GetIdentity().Client.Id == ANNEN_BEDRIFT.client_id
    current = [i.Id for i in tfso.Authenticate.GetIdentities() if i.IsCurrent]
    assert current == [ANNEN_BEDRIFT.id]
    assert tfso.Authenticate.SetIdentityById("00000000-0000-4000-8000-000000000000") is False


def test_a_session_ends_after_its_lifetime_and_when_it_is_made_to(tfso: Caller) -> None:
    tfso.clock.forward(minutes=59)
    assert tfso.Authenticate.HasSession() is True
    tfso.clock.forward(minutes=61)
    with pytest.raises(Fault, match="Client is not authenticated on this identity"):
        tfso.companies("Id")
    tfso.login()
    assert tfso.companies("Id")
    assert tfso.control.post("/sessions/expire").json() == {"expired": 2}
    answer = tfso.post("CompanyService", "GetCompanies", "")
    assert answer.status_code == 500
    assert "Client is not authenticated on this identity" in answer.text


def test_repeated_logins_are_throttled_for_a_minute(start: Start) -> None:
    tfso = start(logins_per_minute=3)
    assert all(tfso.login() for _ in range(3))
    with pytest.raises(Fault, match="Too many logins"):
        tfso.login()
    tfso.clock.forward(seconds=61)
    assert tfso.login()


# Reading


def test_the_seed_data_is_complete_and_consistent(tfso: Caller) -> None:
    stored = tfso.stored()
    types = [company["Type"] for company in stored["companies"]]
    assert (len(types), types.count("Supplier")) == (80, 20)
    assert (len(stored["products"]), len(stored["categories"]), stored["orders"]) == (200, 8, [])
    numbers = [product["No"] for product in stored["products"]]
    assert [number for number in numbers if len(number) > 25] == [TOO_LONG_NUMBER]
    assert {number for number in numbers if numbers.count(number) > 1} == {SHARED_NUMBER}
    assert numbers.count(SHARED_NUMBER) == 2
    organisations = [
        c["OrganizationNumber"] for c in stored["companies"] if c.get("OrganizationNumber")
    ]
    assert len(organisations) == len(set(organisations)) > 60
    assert all(organisation_number(number[:8]) == number for number in organisations)
    assert all(ean(product["EAN1"][:12]) == product["EAN1"] for product in stored["products"])


def test_the_seed_data_has_the_oddities_of_a_real_company(tfso: Caller) -> None:
    stored = tfso.stored()
    in_numbers = set("".join(product["No"] for product in stored["products"]))
    assert set("/+?%&# ÆØÅ") <= in_numbers
    companies = stored["companies"]
    countries = {company["Addresses"]["Post"]["Country"] for company in companies}
    assert {"NO", "Norge", "Norway"} < countries
    emails = {company["EmailAddresses"]["Primary"]["Value"] for company in companies}
    assert any(";" in each or "," in each for each in emails)
    assert any("@" not in each for each in emails)


def test_check_digits_are_those_of_published_examples() -> None:
    assert organisation_number("97476067") == "974760673"  # the register of companies' own
    assert ean("400638133393") == "4006381333931"


def test_the_same_seed_gives_the_same_data_and_another_seed_another(start: Start) -> None:
    assert start(seed=3).stored() == start(seed=3).stored()
    assert start(seed=3).stored() != start(seed=4).stored()


def test_what_is_not_asked_for_is_absent_and_misspelt_names_are_passed_over(tfso: Caller) -> None:
    answer = tfso.post(
        "CompanyService",
        "GetCompanies",
        "<searchParams><CompanyId>10001</CompanyId></searchParams>"
        "<returnProperties><string>Name</string><string>Nmae</string></returnProperties>",
    )
    assert "<tns:Company><tns:Name>Nordlys Bygg AS</tns:Name></tns:Company>" in answer.text
    bare = tfso.post("CompanyService", "GetCompanies", "")
    assert bare.text.count("<tns:Company/>") == 80


def test_a_value_that_is_the_default_is_absent_even_when_asked_for(tfso: Caller) -> None:
    ask = "<returnProperties><string>CurrencyId</string><string>Type</string></returnProperties>"
    answer = tfso.post("CompanyService", "GetCompanies", ask)
    assert answer.text.count("CurrencyId>EUR<") == 1
    assert "LOCAL" not in answer.text


def test_amounts_come_back_with_trailing_zeros(tfso: Caller) -> None:
    tfso.save_product(Id=501, Price=Decimal("59.5"))
    answer = tfso.post(
        "ProductService",
        "GetProducts",
        "<searchParams><Id>501</Id></searchParams>"
        "<returnProperties><string>Price</string></returnProperties>",
    )
    assert "<tns:Price>59.5000</tns:Price>" in answer.text


def test_the_sync_list_has_a_thousand_companies_a_page_and_shows_deleted_ones(
    tfso: Caller,
) -> None:
    new = "".join(f"<Company><Name>Kunde {n}</Name></Company>" for n in range(1000))
    assert tfso.post("CompanyService", "SaveCompanies", f"<companies>{new}</companies>").is_success
    assert not tfso.CompanyService.DeleteCompanies({"Company": [{"Id": 10001}]})
    pages = [
        tfso.CompanyService.GetCompanySyncList({"Page": page, "Active": None}) for page in (1, 2, 3)
    ]
    assert [len(page.Items.SyncCompany) if page.Items else 0 for page in pages] == [1000, 80, 0]
    assert (pages[0].TotalPages, pages[0].TotalItems, pages[0].ItemsPerPage) == (2, 1080, 1000)
    gone = tfso.CompanyService.GetCompanySyncList({"Active": False}).Items.SyncCompany
    assert [company.CompanyId for company in gone] == [10001]
    assert tfso.companies("Id", CompanyId=10001) == []


def test_times_of_change_are_rounded_to_the_minute_and_may_lie_ahead(tfso: Caller) -> None:
    tfso.clock.time = START.replace(second=31)
    saved = tfso.save_company(Name="Rundet Opp AS")
    rounded = START.replace(tzinfo=None, minute=16, second=0)
    assert saved.DateChanged == rounded
    assert [c.Id for c in tfso.companies("Id", ChangedAfter=rounded)] == []
    before = rounded - timedelta(seconds=1)
    assert [c.Id for c in tfso.companies("Id", ChangedAfter=before)] == [saved.Id]


@pytest.mark.parametrize(
    ("service", "operation", "body"),
    [
        ("CompanyService", "GetCompanySyncList", "<syncSearchParameters/>"),
        ("InvoiceService", "GetOrderSyncList", "<syncParams/>"),
        (
            "InvoiceService",
            "SaveInvoices",
            "<invoices><InvoiceOrder><CustomerId>10001</CustomerId></InvoiceOrder></invoices>",
        ),
    ],
)
def test_a_missing_element_that_the_schema_requires_is_a_fault(
    tfso: Caller, service: str, operation: str, body: str
) -> None:
    answer = tfso.post(service, operation, body)
    assert answer.status_code == 500
    assert "soap:Client" in answer.text
    assert "is missing" in answer.text
    assert tfso.stored()["orders"] == []


# Saving


def test_an_item_that_is_refused_does_not_keep_the_others_from_being_saved(tfso: Caller) -> None:
    good, bad, also_good = tfso.CompanyService.SaveCompanies(
        {"Company": [{"Name": "En AS"}, {"Name": "N" * 201}, {"Name": "To AS"}]}
    )
    assert (good.APIException, also_good.APIException) == (None, None)
    assert "Name is longer than 200" in bad.APIException.Message
    assert bad.APIException.Type
    names = {company["Name"] for company in tfso.stored()["companies"]}
    assert {"En AS", "To AS"} <= names


@pytest.mark.parametrize(
    ("company", "reason"),
    [
        ({"Type": "Business"}, "Name is required"),
        ({"Name": "A", "NickName": "N" * 201}, "NickName"),
        ({"Name": "A", "Type": "Consumer", "FirstName": "F" * 51}, "FirstName"),
        ({"Name": "A", "Type": "Business", "FirstName": "Kari"}, "only be set for"),
        ({"Name": "A", "OrganizationNumber": "9" * 21}, "OrganizationNumber"),
        ({"Name": "A", "Url": "u" * 256}, "Url"),
        ({"Name": "A", "Country": "Norge"}, "two letters"),
        ({"Id": 99, "Name": "A"}, "no company with Id 99"),
        ({"Id": 10001, "Name": "A", "ExplicitlySpecifyNewCompanyId": True}, "already"),
    ],
)
def test_a_company_that_breaks_a_rule_is_refused(
    tfso: Caller, company: dict[str, Any], reason: str
) -> None:
    before = tfso.stored()["companies"]
    assert reason in tfso.save_company(**company).APIException.Message
    assert tfso.stored()["companies"] == before


@pytest.mark.parametrize(
    ("product", "reason"),
    [
        ({"Name": "A"}, "CategoryId"),
        ({"Name": "A", "CategoryId": 999}, "CategoryId"),
        ({"CategoryId": 11}, "Name is required"),
        ({"CategoryId": 11, "Name": "N" * 126}, "Name"),
        ({"CategoryId": 11, "Name": "A", "No": "N" * 101}, "No is longer"),
        ({"CategoryId": 11, "Name": "A", "EAN1": "1" * 51}, "EAN1"),
        ({"CategoryId": 11, "Name": "A", "Description": "D" * 501}, "Description"),
        ({"Id": 99, "Name": "A"}, "no product with Id 99"),
    ],
)
def test_a_product_that_breaks_a_rule_is_refused(
    tfso: Caller, product: dict[str, Any], reason: str
) -> None:
    before = tfso.stored()["products"]
    assert reason in tfso.save_product(**product).APIException.Message
    assert tfso.stored()["products"] == before


def test_a_company_can_be_created_under_a_number_of_ones_own_choice(tfso: Caller) -> None:
    saved = tfso.save_company(Id=55, Name="Valgt AS", ExplicitlySpecifyNewCompanyId=True)
    assert saved.Id == 55
    assert [c.Name for c in tfso.companies("Name", CompanyId=55)] == ["Valgt AS"]


def test_properties_left_out_or_sent_as_unset_keep_their_value(tfso: Caller) -> None:
    before = next(product for product in tfso.stored()["products"] if product["Id"] == 501)
    answer = tfso.post(
        "ProductService",
        "SaveProducts",
        "<products><Product><SupplierId>-2147483648</SupplierId><Id>501</Id><Name>Nytt</Name>"
        "<InPrice>-79228162514264337593543950335</InPrice><EAN1></EAN1></Product></products>",
    )
    assert answer.is_success
    after = next(product for product in tfso.stored()["products"] if product["Id"] == 501)
    assert after == {**before, "Name": "Nytt", "DateChanged": "2026-03-02T09:15:00Z"}


def test_an_element_out_of_order_is_dropped_without_a_word(tfso: Caller) -> None:
    answer = tfso.post(
        "ProductService",
        "SaveProducts",
        "<products><Product><No>A-1</No><Name>For sent</Name><Id>501</Id></Product></products>",
    )
    # Name and Id stand before No in the schema: nothing but No was understood.
    assert answer.is_success
    assert "Name is required" in answer.text
    unknown = tfso.post(
        "ProductService",
        "SaveProducts",
        "<products><Product><Id>501</Id><Colour>red</Colour><Name>Kjent</Name></Product></products>",
    )
    assert "APIException" not in unknown.text
    assert [p.Name for p in tfso.products("Name", Id=501)] == ["Kjent"]


@pytest.mark.parametrize("price", ["1E-05", "1e2", "12,50", "NaN"])
def test_a_price_that_is_not_a_plain_decimal_fails_the_whole_call(tfso: Caller, price: str) -> None:
    answer = tfso.post(
        "ProductService",
        "SaveProducts",
        "<products><Product><Id>501</Id><Name>Endret</Name></Product>"
        f"<Product><Id>502</Id><Price>{price}</Price></Product></products>",
    )
    assert answer.status_code == 500
    assert "not a decimal number" in answer.text
    assert [p.Name for p in tfso.products("Name", Id=501)] != ["Endret"]


def test_two_products_may_share_a_number(tfso: Caller) -> None:
    assert len(tfso.products("Id", No=SHARED_NUMBER)) == 2


def test_stock_is_set_by_its_own_operation_only(tfso: Caller) -> None:
    tfso.save_product(Id=502, Stock=Decimal(1234))
    assert [p.Stock for p in tfso.products("Stock", Id=502)] != [1234]
    assert tfso.ProductService.SetStockQuantity(502, Decimal("77.5")) is True
    assert [p.Stock for p in tfso.products("Stock", Id=502)] == [Decimal("77.5")]
    assert tfso.ProductService.SetStockQuantity(99, 1) is False


def test_a_deleted_product_is_not_found_any_more(tfso: Caller) -> None:
    (deleted, unknown) = tfso.ProductService.DeleteProducts({"Product": [{"Id": 501}, {"Id": 9}]})
    assert deleted.APIException is None
    assert "no product" in unknown.APIException.Message
    assert tfso.products("Id", ProductIds={"int": [501]}) == []


def test_categories_are_created_and_a_parent_has_to_exist(tfso: Caller) -> None:
    new, orphan = tfso.ProductService.SaveCategories(
        {"Category": [{"Name": "Hage", "No": "90"}, {"Name": "Ute", "ParentId": 999}]}
    )
    assert "parent" in orphan.APIException.Message
    listed = tfso.ProductService.GetCategories({"string": ["Id", "Name", "No"]})
    assert (new.Id, "Hage", "90") in {(c.Id, c.Name, c.No) for c in listed}


# Orders


def rows_of(tfso: Caller, order_id: int, *properties: str) -> list[Any]:
    (order,) = tfso.InvoiceService.GetInvoices(
        {"OrderIds": {"int": [order_id]}},
        {"string": ["InvoiceRows"]},
        {"string": ["RowId", *properties]},
    )
    return order.InvoiceRows.InvoiceRow if order.InvoiceRows else []


@pytest.mark.parametrize(
    ("include_vat", "total", "vat"),
    [(False, "112.51", "22.50"), (True, "90.01", "18.00")],
)
def test_totals_are_computed_from_the_rows_and_rounded_half_up(
    tfso: Caller, include_vat: bool, total: str, vat: str
) -> None:
    saved = tfso.save_order(
        CustomerId=10001,
        IncludeVAT=include_vat,
        rows=[
            {"VatRate": 25, "Price": 50, "DiscountRate": 10, "Quantity": 2},
            {"VatRate": 25, "Price": Decimal("0.005"), "Quantity": 1},
            {"Name": "Takk for handelen", "Type": "Text"},
        ],
    )
    assert (saved.OrderTotalIncVat, saved.OrderTotalVat) == (Decimal(total), Decimal(vat))
    assert [row.SequenceNumber for row in saved.InvoiceRows.InvoiceRow] == [1, 2, 3]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({}, "CustomerId"),
        ({"CustomerId": 99}, "CustomerId"),
        ({"CustomerId": 10001, "rows": [{"ProductId": 99}]}, "no product with Id 99"),
        ({"OrderId": 99, "CustomerId": 10001}, "no order with OrderId 99"),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused(
    tfso: Caller, order: dict[str, Any], reason: str
) -> None:
    assert reason in tfso.save_order(**order).APIException.Message
    assert tfso.stored()["orders"] == []


def test_rows_of_an_existing_order_change_by_their_change_state(tfso: Caller) -> None:
    order = tfso.save_order(
        CustomerId=10001,
        rows=[{"Name": name, "Price": 1, "Quantity": 1} for name in ("a", "b", "c")],
    )
    a, b, c = (row.RowId for row in order.InvoiceRows.InvoiceRow)
    saved = tfso.save_order(
        OrderId=order.OrderId,
        rows=[
            {"RowId": a, "Price": 5, "ChangeState": "Edit"},
            {"RowId": b, "ChangeState": "Delete"},
            {"RowId": c, "Price": 9},
            {"Name": "d", "Price": 2, "ChangeState": "Add"},
        ],
    )
    assert saved.APIException is None
    rows = rows_of(tfso, order.OrderId, "Name", "Price")
    assert [(r.Name, r.Price) for r in rows] == [("a", 5), ("c", 1), ("d", 2)]
    refused = tfso.save_order(
        OrderId=order.OrderId, rows=[{"RowId": b, "Price": 5, "ChangeState": "Edit"}]
    )
    assert f"no row with RowId {b}" in refused.APIException.Message


def test_an_invoiced_order_gets_a_number_takes_from_stock_and_cannot_be_changed(
    tfso: Caller,
) -> None:
    tfso.ProductService.SetStockQuantity(502, 10)
    invoice = tfso.save_order(
        CustomerId=10001, OrderStatus="Invoiced", rows=[{"ProductId": 502, "Quantity": 4}]
    )
    assert invoice.InvoiceId > 0
    assert invoice.DateInvoiced == START.replace(tzinfo=None)
    assert [p.Stock for p in tfso.products("Stock", Id=502)] == [6]
    refused = tfso.save_order(OrderId=invoice.OrderId, YourReference="Kari")
    assert "is invoiced and cannot be changed" in refused.APIException.Message
    (updated,) = tfso.InvoiceService.UpdateInvoices(
        {
            "InvoiceOrder": [
                {
                    "OrderId": invoice.OrderId,
                    "IncludeVAT": None,
                    "YourReference": "Kari",
                    "InvoiceTitle": "Faktura",
                    "ReferenceNumber": "R-1",
                }
            ]
        }
    )
    assert updated.APIException is None
    (stored,) = tfso.stored()["orders"]
    assert (stored["InvoiceTitle"], stored["ReferenceNumber"]) == ("Faktura", "R-1")
    assert "YourReference" not in stored


def test_orders_are_listed_by_change_and_fetched_by_number_at_most_a_thousand(
    tfso: Caller,
) -> None:
    first = tfso.save_order(CustomerId=10001, ExternalStatus=7)
    tfso.clock.forward(minutes=10)
    second = tfso.save_order(CustomerId=10002)
    since = (START + timedelta(minutes=5)).replace(tzinfo=None)
    listed = tfso.InvoiceService.GetOrderSyncList
    assert listed({"RegisteredAfter": NEVER}) == [first.OrderId, second.OrderId]
    assert listed({"ChangedAfter": since, "RegisteredAfter": NEVER}) == [second.OrderId]
    (marked,) = tfso.InvoiceService.GetInvoices(
        {"ExternalStatus": {"int": [7]}}, {"string": ["OrderId"]}, {}
    )
    assert marked.OrderId == first.OrderId
    with pytest.raises(Fault, match="At most 1000"):
        tfso.InvoiceService.GetInvoices({"OrderIds": {"int": list(range(1001))}}, {}, {})


def test_the_lists_a_person_chooses_settings_from_are_offered(tfso: Caller) -> None:
    client = tfso.ClientService
    assert {"NOK", "EUR"} <= {currency.Symbol for currency in client.GetCurrencyList()}
    assert {25, 15, 0} <= {vat.Rate for vat in client.GetVatTypeList()}
    sale, everything = client.GetTypeGroupList("Sale"), client.GetTypeGroupList("All")
    assert 0 < len(sale) < len(everything)
    assert client.GetDepartmentList()
    assert client.GetUsers()
    assert tfso.InvoiceService.GetDeliveryMethods()
    assert tfso.InvoiceService.GetPaymentMethods()


# The protocol


def test_every_service_describes_itself_with_the_sandboxs_own_address(tfso: Caller) -> None:
    for path in PATHS.values():
        text = httpx.get(f"{tfso.url}{path.lower()}?WsDl").text
        assert text.count(f'location="{tfso.url}{path}"') == 2


def test_soap_1_2_works_and_faults_in_its_own_way(tfso: Caller) -> None:
    envelope = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        f'<GetUsers xmlns="{TARGET}"/></s:Body></s:Envelope>'
    )
    url = tfso.url + PATHS["ClientService"]
    typed = {"Content-Type": f'application/soap+xml; action="{TARGET}/GetUsers"'}
    cookies = tfso.http.cookies.get_dict()
    good = httpx.post(url, content=envelope, headers=typed, cookies=cookies)
    assert (good.status_code, "Kari Selger" in good.text) == (200, True)
    bad = httpx.post(url, content=envelope, headers=typed)
    assert bad.status_code == 500
    assert "soap:Receiver" in bad.text
    assert bad.headers["content-type"].startswith("application/soap+xml")


def test_a_document_type_is_refused_before_any_entity_is_looked_at(tfso: Caller) -> None:
    answer = tfso.post_text(
        "CompanyService",
        "GetCompanies",
        '<!DOCTYPE x [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f'<GetCompanies xmlns="{TARGET}">&secret;</GetCompanies></s:Body></s:Envelope>',
    )
    assert answer.status_code == 500
    assert "DTD is not allowed" in answer.text


def test_an_action_the_service_does_not_know_is_a_fault(tfso: Caller) -> None:
    answer = tfso.post("CompanyService", "GetProducts", "")
    assert answer.status_code == 500
    assert "did not recognize" in answer.text


# Limits and faults


def test_past_the_hours_quota_every_request_fails_until_the_next_hour(start: Start) -> None:
    tfso = start(requests_per_hour=3)
    tfso.login()
    tfso.companies("Id")
    last = tfso.post("CompanyService", "GetCompanies", "")
    assert last.is_success
    assert last.headers["APILimitRemaining"] == "0"
    assert last.headers["APILimitReset"] == "2026-03-02T10:00:00Z"
    text = r"Limit exceeded by 1\. Request is blocked\. Quarantine ends at 2026-03-02T10:00:00Z"
    with pytest.raises(Fault, match=text):
        tfso.companies("Id")
    calls = tfso.control.get("/calls").json()
    assert (calls["total"], calls["refused"]) == (4, 1)
    assert calls["by_operation"] == {"Login": 1, "GetCompanies": 3}
    tfso.clock.forward(minutes=45)
    assert tfso.companies("Id")
    tfso.control.delete("/calls")
    assert tfso.control.get("/calls").json()["total"] == 0


def test_a_burst_is_answered_with_429_until_a_second_has_passed(start: Start) -> None:
    tfso = start(requests_per_second=3, burst=1)
    tfso.login()
    assert all(tfso.companies("Id") for _ in range(3))
    with pytest.raises(TransportError) as caught:
        tfso.companies("Id")
    assert caught.value.status_code == 429
    tfso.clock.forward(seconds=1)
    assert tfso.companies("Id")


def test_a_reply_lost_after_the_save_leaves_the_record_behind(tfso: Caller) -> None:
    tfso.control.post("/faults", json={"operation": "SaveCompanies", "effect": "drop_after"})
    with pytest.raises(requests.RequestException):
        tfso.save_company(Name="Spøkelse AS")
    assert [c.Name for c in tfso.companies("Name", CompanyName="Spøkelse")] == ["Spøkelse AS"]


def test_a_fault_can_be_an_answer_of_the_testers_own_and_can_be_cleared(tfso: Caller) -> None:
    fault = {"operation": "GetCompanies", "effect": "answer", "status": 503, "times": None}
    assert tfso.control.post("/faults", json=fault).status_code == 201
    assert tfso.post("CompanyService", "GetCompanies", "").status_code == 503
    tfso.control.delete("/faults")
    assert tfso.post("CompanyService", "GetCompanies", "").status_code == 200


# The control interface


def test_an_edit_by_a_person_moves_the_time_of_change(tfso: Caller) -> None:
    tfso.clock.forward(minutes=30)
    edited = tfso.control.patch("/records/products/501", json={"Price": 12.5, "EAN1": None}).json()
    assert (edited["Price"], edited["DateChanged"]) == ("12.5", "2026-03-02T09:45:00Z")
    assert "EAN1" not in edited
    since = START.replace(tzinfo=None)
    assert [p.Id for p in tfso.products("Id", DateChanged=since)] == [501]


def test_an_order_a_person_places_is_found_by_the_api_and_one_deleted_is_not(tfso: Caller) -> None:
    order = {"CustomerId": 10001, "InvoiceRows": [{"ProductId": 502, "Quantity": 2}]}
    placed = tfso.control.post("/records/orders", json=order)
    assert placed.status_code == 201
    number = placed.json()["OrderId"]
    (row,) = rows_of(tfso, number, "ProductNo", "Quantity", "VatRate", "Name")
    assert (row.ProductNo, row.Quantity, row.VatRate) == ("20-1002", 2, 25)
    assert tfso.control.delete(f"/records/orders/{number}").is_success
    assert tfso.InvoiceService.GetOrderSyncList({"RegisteredAfter": NEVER}) in (None, [])


def test_a_record_can_be_made_in_another_client_than_the_seeded_one(tfso: Caller) -> None:
    made = tfso.control.post(
        "/records/companies", json={"Name": "Der AS"}, params={"client": ANNEN_BEDRIFT.client_id}
    )
    assert made.status_code == 201
    assert [c["Name"] for c in tfso.stored(ANNEN_BEDRIFT.client_id)["companies"]] == ["Der AS"]


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/records/companies", {"Nmae": "A"}, 400, "no element Nmae"),
        ("/records/companies", {"Name": "A", "Type": "Friend"}, 400, "not a valid value"),
        ("/records/companies", {"Name": ["A"]}, 400, "single value"),
        ("/records/companies", ["A"], 400, "JSON object"),
        ("/records/orders", {"CustomerId": 10001, "InvoiceRows": {}}, 400, "takes a list"),
        ("/records/orders", {"CustomerId": 9}, 400, "CustomerId"),
        ("/records/pets", {}, 404, "no kind pets"),
        ("/records/companies?client=1", {"Name": "A"}, 404, "no client 1"),
        ("/faults", {"operation": "*", "effect": "explode"}, 400, "effect"),
        ("/faults", {"operation": "*", "effect": "slow", "often": 1}, 400, "often"),
    ],
)
def test_wrong_input_to_the_control_interface_is_refused_with_the_reason(
    tfso: Caller, path: str, body: Any, status: int, reason: str
) -> None:
    answer = tfso.control.post(path, json=body)
    assert answer.status_code == status
    assert reason in answer.json()["error"]
