"""Every request sent to 24SevenOffice is one the published descriptions allow."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree

from sandbox.servers import Postgres, Valkey
from tests.harness.journeys import Recording, Sent, recorded

PUBLISHED = Path(
    os.environ.get("VAREBRO_WSDL_DIR", Path(__file__).parents[2] / "../shared/reference/wsdl")
).resolve()
FILES = (
    "authService.wsdl",
    "companyService.wsdl",
    "productService.wsdl",
    "invoiceService.wsdl",
    "clientService.wsdl",
)
pytestmark = pytest.mark.skipif(
    not PUBLISHED.is_dir(),
    reason="the published WSDLs are not here: name their folder in VAREBRO_WSDL_DIR",
)

XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP_11 = "{http://schemas.xmlsoap.org/wsdl/soap/}"
ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
TARGET = "{http://24sevenOffice.com/webservices}"

# All that the product can ask for; what a journey does not reach is not tested, so it must.
OPERATIONS = {
    "Login", "GetIdentitiesWithCredential", "GetIdentity",
    "GetCompanies", "GetCompanySyncList", "SaveCompanies",
    "GetProducts", "GetCategories", "SaveProducts", "SaveCategories", "SetStockQuantity",
    "GetOrderSyncList", "GetInvoices", "SaveInvoices",
}  # fmt: skip
# The type whose elements a list of wanted properties names, by operation and list.
PROPERTIES_OF = {
    ("GetCompanies", "returnProperties"): "Company",
    ("GetProducts", "returnProperties"): "Product",
    ("GetCategories", "returnProperties"): "Category",
    ("GetInvoices", "invoiceReturnProperties"): "InvoiceOrder",
    ("GetInvoices", "rowReturnProperties"): "InvoiceRow",
}
# .NET's minimum values: they mean "not set", and have no place in what is saved.
UNSET = {
    "-2147483648", "-32768", "-79228162514264337593543950335", "0001-01-01T00:00:00", "",
}  # fmt: skip


@dataclass(frozen=True)
class Service:
    """One published description.

    Attributes:
        actions: the SOAPAction of every operation.
        types: the names of the elements of every type.
    """

    schema: etree.XMLSchema
    actions: dict[str, str]
    types: dict[str, set[str]]


def read(file: Path, folder: Path) -> tuple[str, Service]:
    """The path a description says its service has, and the service."""
    root = etree.parse(file).getroot()
    names: dict[str, Path] = {}
    for position, schema in enumerate(root.iter(f"{XSD}schema")):
        names[schema.get("targetNamespace", "")] = folder / f"{file.stem}{position}.xsd"
    for schema in root.iter(f"{XSD}schema"):
        for imported in schema.iter(f"{XSD}import"):
            imported.set("schemaLocation", names[imported.get("namespace", "")].as_uri())
        names[schema.get("targetNamespace", "")].write_bytes(etree.tostring(schema))
    (address,) = root.iter(f"{SOAP_11}address")
    actions = {
        operation.get("name"): operation.find(f"{SOAP_11}operation").get("soapAction")
        for binding in root.iter(f"{WSDL}binding")
        for operation in binding.iter(f"{WSDL}operation")
        if operation.find(f"{SOAP_11}operation") is not None
    }
    types = {
        node.get("name"): {element.get("name") for element in node.iter(f"{XSD}element")}
        for node in root.iter(f"{XSD}complexType")
        if node.get("name")
    }
    schema = etree.XMLSchema(etree.parse(names[TARGET.strip("{}")]))
    return urlsplit(address.get("location")).path, Service(schema, actions, types)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Service]:
    folder = tmp_path_factory.mktemp("schemas")
    return dict(read(PUBLISHED / name, folder) for name in FILES)


@pytest.fixture(scope="module")
def recording(postgres: Postgres, broker: Valkey) -> Recording:
    return recorded(postgres, broker)


@pytest.fixture(scope="module")
def calls(recording: Recording) -> list[tuple[Sent, etree._Element]]:
    """Every call with the element in its envelope's body."""
    found = []
    for sent in recording.to_tfso:
        if sent.method == "POST":
            root = etree.fromstring(sent.body)
            assert root.tag == f"{ENVELOPE}Envelope"
            (payload,) = root.find(f"{ENVELOPE}Body")
            found.append((sent, payload))
    return found


Calls = list[tuple[Sent, etree._Element]]
Services = dict[str, Service]


def test_the_journeys_ask_for_everything_the_product_can_ask_for(calls: Calls) -> None:
    assert {etree.QName(payload).localname for _, payload in calls} == OPERATIONS


# What only some of the records that are saved have.
RARE = {
    "SaveCategories": {"ParentId"},
    "SaveCompanies": {"ExternalId", "ExplicitlySpecifyNewCompanyId"},
    "SaveInvoices": {"Type", "RowId", "ChangeState", "ReferenceOrderId", "SkipStock", "Currency"},
}


def test_the_journeys_save_what_only_some_records_have(calls: Calls) -> None:
    saved: dict[str, set[str]] = {operation: set() for operation in RARE}
    for _, payload in calls:
        names = {etree.QName(node).localname for node in payload.iter()}
        saved.get(etree.QName(payload).localname, set()).update(names)
    assert {name: RARE[name] - saved[name] for name in RARE} == {name: set() for name in RARE}


def test_every_body_is_valid_by_the_published_schema(calls: Calls, services: Services) -> None:
    for sent, payload in calls:
        schema = services[sent.path].schema
        alone = etree.fromstring(etree.tostring(payload))
        assert schema.validate(alone), (schema.error_log, etree.tostring(alone).decode())


def test_every_call_carries_its_operations_action_to_its_services_address(
    calls: Calls, services: Services
) -> None:
    for sent, payload in calls:
        operation = etree.QName(payload).localname
        assert sent.headers["soapaction"].strip('"') == services[sent.path].actions[operation]
        assert sent.headers["content-type"].startswith("text/xml")


def test_only_properties_that_exist_are_asked_for(calls: Calls, services: Services) -> None:
    asked = set()
    for sent, payload in calls:
        operation = etree.QName(payload).localname
        for (known, name), type_ in PROPERTIES_OF.items():
            wanted = payload.find(f"{TARGET}{name}")
            if operation == known and wanted is not None:
                asked.add((operation, name))
                properties = {node.text for node in wanted}
                assert properties <= services[sent.path].types[type_], operation
    assert asked == set(PROPERTIES_OF)


def test_nothing_that_means_unset_is_saved(calls: Calls) -> None:
    for _, payload in calls:
        operation = etree.QName(payload).localname
        if operation.startswith("Save"):
            values = {node.text or "" for node in payload.iter() if len(node) == 0}
            assert not values & UNSET, (operation, values & UNSET)


def test_only_authentication_is_called_without_a_session(calls: Calls) -> None:
    for sent, payload in calls:
        if "/authenticate/" not in sent.path:
            assert "ASP.NET_SessionId=" in sent.headers["cookie"], etree.QName(payload).localname
