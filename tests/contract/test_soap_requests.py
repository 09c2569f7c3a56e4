"""Every request sent to 24SevenOffice is one the published descriptions allow."""

from __future__ import annotations

import pytest
from lxml import etree

from sandbox.servers import Postgres, Valkey
from tests.harness.journeys import Recording, recorded
from tests.harness.recording import Sent
from tests.harness.tfso_contract import (
    PUBLISHED,
    TARGET,
    Service,
    complaints,
    payload_of,
    published,
)

pytestmark = pytest.mark.skipif(
    not PUBLISHED.is_dir(),
    reason="the published WSDLs are not here: name their folder in VAREBRO_WSDL_DIR",
)

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


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return published()


@pytest.fixture(scope="module")
def recording(postgres: Postgres, broker: Valkey) -> Recording:
    return recorded(postgres, broker)


@pytest.fixture(scope="module")
def calls(recording: Recording) -> list[tuple[Sent, etree._Element]]:
    """Every call with the element in its envelope's body."""
    return [(sent, payload_of(sent)) for sent in recording.to_tfso if sent.method == "POST"]


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


def test_every_body_is_valid_and_saves_nothing_that_means_unset(calls: Calls) -> None:
    assert [each for sent, _ in calls for each in complaints(sent)] == []


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


def test_only_authentication_is_called_without_a_session(calls: Calls) -> None:
    for sent, payload in calls:
        if "/authenticate/" not in sent.path:
            assert "ASP.NET_SessionId=" in sent.headers["cookie"], etree.QName(payload).localname
