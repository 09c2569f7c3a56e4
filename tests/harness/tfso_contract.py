"""What the published descriptions of 24SevenOffice allow a request to say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from lxml import etree

from tests.harness.recording import Sent

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
XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP_11 = "{http://schemas.xmlsoap.org/wsdl/soap/}"
ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
TARGET = "{http://24sevenOffice.com/webservices}"

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


@cache
def published() -> dict[str, Service]:
    """Every description, by the path of its service."""
    with TemporaryDirectory() as folder:
        return dict(read(PUBLISHED / name, Path(folder)) for name in FILES)


def payload_of(sent: Sent) -> etree._Element:
    """The element in the body of a call's envelope."""
    root = etree.fromstring(sent.body)
    assert root.tag == f"{ENVELOPE}Envelope"
    (payload,) = root.find(f"{ENVELOPE}Body")
    return payload


def complaints(sent: Sent) -> Iterator[str]:
    """What a call says that it may not."""
    if not sent.headers.get("content-type", "").startswith("text/xml"):
        return  # some tests are other programs for a moment; the product's calls all say so
    payload = payload_of(sent)
    operation = etree.QName(payload).localname
    schema = published()[sent.path].schema
    alone = etree.fromstring(etree.tostring(payload))
    if not schema.validate(alone):
        yield f"{operation}: {schema.error_log.last_error}"
    if operation.startswith("Save"):
        for node in payload.iter():
            if len(node) == 0 and (node.text or "") in UNSET:
                yield f"{operation}: {etree.QName(node).localname} is '{node.text or ''}'"
