"""The sandbox's description of itself is the vendor's, for all that the sandbox offers."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree

from sandbox.tfso.schema import GUIDS, TARGET, Service
from sandbox.tfso.tables import SERVICES
from sandbox.tfso.wsdl import describe

PUBLISHED = Path(
    os.environ.get("VAREBRO_WSDL_DIR", Path(__file__).parents[2] / "../shared/reference/wsdl")
).resolve()
FILES = {
    "Authenticate": "authService.wsdl",
    "CompanyService": "companyService.wsdl",
    "ProductService": "productService.wsdl",
    "InvoiceService": "invoiceService.wsdl",
    "ClientService": "clientService.wsdl",
}
XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP_11 = "{http://schemas.xmlsoap.org/wsdl/soap/}"
SOAP_12 = "{http://schemas.xmlsoap.org/wsdl/soap12/}"

needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(),
    reason="the published WSDLs are not here: name their folder in VAREBRO_WSDL_DIR",
)
every_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
every_operation = pytest.mark.parametrize(
    ("service", "operation"),
    [(service, operation) for service in SERVICES for operation in service.operations],
    ids=lambda value: value if isinstance(value, str) else value.name,
)

QName = tuple[str, str]


class Description:
    """A WSDL, read independently of the code that makes ours."""

    def __init__(self, text: bytes) -> None:
        self.root = etree.fromstring(text)
        self.elements: dict[QName, etree._Element] = {}
        self.types: dict[QName, etree._Element] = {}
        for schema in self.root.iter(f"{XSD}schema"):
            assert schema.get("elementFormDefault") == "qualified"
            for node in schema.iterchildren(
                f"{XSD}element", f"{XSD}complexType", f"{XSD}simpleType"
            ):
                target = self.elements if node.tag == f"{XSD}element" else self.types
                target[(schema.get("targetNamespace", ""), node.get("name", ""))] = node

    def qname(self, node: etree._Element, value: str) -> QName:
        prefix, _, name = value.rpartition(":")
        return (node.nsmap[prefix or None], name)

    def messages(self, operation: str) -> list[QName]:
        """The elements that an operation's request and reply are made of."""
        found = []
        for node in self.root.findall(f"{WSDL}portType/{WSDL}operation[@name='{operation}']"):
            for side in ("input", "output"):
                _, name = self.qname(node, node.find(WSDL + side).get("message"))
                (part,) = self.root.findall(f"{WSDL}message[@name='{name}']/{WSDL}part")
                found.append(self.qname(part, part.get("element")))
        return found

    def reachable(self, operation: str) -> dict[QName, object]:
        """Everything the two messages consist of, recursively, in a form that compares."""
        found: dict[QName, object] = {}
        waiting = []
        for message in self.messages(operation):
            shape = self._shape(self.elements[message], waiting)
            found[("message", message[1])] = (message, shape)
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.types:
                found[name] = self._shape(self.types[name], waiting)
        return found

    def _shape(self, node: etree._Element, waiting: list[QName]) -> object:
        restriction = node.find(f"{XSD}restriction")
        if restriction is not None:
            return (
                self.qname(restriction, restriction.get("base")),
                [(facet.tag, facet.get("value")) for facet in restriction],
            )
        return [self._element(e, waiting) for e in node.iter(f"{XSD}element") if e is not node]

    def _element(self, node: etree._Element, waiting: list[QName]) -> dict[str, object]:
        shape: dict[str, object] = dict(node.attrib)
        if "type" in shape:
            shape["type"] = self.qname(node, node.get("type"))
            waiting.append(shape["type"])
        return shape

    def actions(self, operation: str) -> dict[str, tuple[str, str, set[str]]]:
        """By SOAP version: the action, the style, and the use of the bodies."""
        found = {}
        for soap in (SOAP_11, SOAP_12):
            for binding in self.root.findall(f"{WSDL}binding"):
                node = binding.find(f"{WSDL}operation[@name='{operation}']/{soap}operation")
                if node is not None:
                    uses = {body.get("use") for body in node.getparent().iter(f"{soap}body")}
                    found[soap] = (node.get("soapAction"), node.get("style"), uses)
        return found

    def ports(self) -> set[tuple[str, str, str, str]]:
        """Each port: its service, its name, its SOAP version, and the path of its address."""
        return {
            (
                port.getparent().get("name"),
                port.get("name"),
                etree.QName(address).namespace,
                urlsplit(address.get("location")).path,
            )
            for port in self.root.iter(f"{WSDL}port")
            for address in port
        }


def ours(service: Service) -> Description:
    return Description(describe(service, "http://127.0.0.1:8000"))


def published(service: Service) -> Description:
    return Description((PUBLISHED / FILES[service.name]).read_bytes())


@needs_published
@every_operation
def test_an_operation_and_all_types_it_uses_are_the_published_ones(
    service: Service, operation: str
) -> None:
    assert ours(service).reachable(operation) == published(service).reachable(operation)


@needs_published
@every_operation
def test_an_operation_has_the_published_actions_in_both_soap_versions(
    service: Service, operation: str
) -> None:
    mine = ours(service).actions(operation)
    assert set(mine) == {SOAP_11, SOAP_12}
    assert mine == published(service).actions(operation)


@needs_published
@every_service
def test_a_service_has_the_published_namespace_ports_and_paths(service: Service) -> None:
    mine, theirs = ours(service), published(service)
    assert mine.root.get("targetNamespace") == theirs.root.get("targetNamespace")
    assert mine.ports() == theirs.ports()


@every_service
def test_a_description_describes_no_type_that_no_operation_uses(service: Service) -> None:
    described = ours(service)
    used = {name for operation in service.operations for name in described.reachable(operation)}
    assert set(described.types) == {name for name in used if name[0] in (TARGET, GUIDS)}
