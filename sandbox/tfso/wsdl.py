"""The description a service answers to `?WSDL`, made from its tables."""

from __future__ import annotations

from functools import lru_cache

from lxml import etree

from sandbox.tfso.schema import GUIDS, SIMPLE, TARGET, Field, Operation, Service

WSDL = "http://schemas.xmlsoap.org/wsdl/"
XSD = "http://www.w3.org/2001/XMLSchema"
SOAP_BINDINGS = {
    "Soap": ("soap", "http://schemas.xmlsoap.org/wsdl/soap/"),
    "Soap12": ("soap12", "http://schemas.xmlsoap.org/wsdl/soap12/"),
}
HTTP_TRANSPORT = "http://schemas.xmlsoap.org/soap/http"

_NAMESPACES = {
    "wsdl": WSDL,
    "xsd": XSD,
    "tns": TARGET,
    "guids": GUIDS,
    **dict(SOAP_BINDINGS.values()),
}


@lru_cache(maxsize=32)
def describe(service: Service, base_url: str) -> bytes:
    """The WSDL of one service, whose address is that of this sandbox."""
    root = etree.Element(
        f"{{{WSDL}}}definitions", {"targetNamespace": TARGET}, nsmap=dict(_NAMESPACES)
    )
    types = _wsdl(root, "types")
    _schema(types, service)
    if service.uses_guids:
        _guid_schema(types)
    for operation in service.operations.values():
        for suffix, element in (("SoapIn", ""), ("SoapOut", "Response")):
            message = _wsdl(root, "message", name=operation.name + suffix)
            _wsdl(message, "part", name="parameters", element=f"tns:{operation.name}{element}")
    _port_type(root, service)
    for suffix in SOAP_BINDINGS:
        _binding(root, service, suffix)
    _ports(root, service, base_url)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _wsdl(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{WSDL}}}{tag}", attributes)


def _xsd(parent: etree._Element, tag: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{XSD}}}{tag}", attributes)


def _schema(types: etree._Element, service: Service) -> None:
    schema = _xsd(types, "schema", elementFormDefault="qualified", targetNamespace=TARGET)
    if service.uses_guids:
        _xsd(schema, "import", namespace=GUIDS)
    for operation in service.operations.values():
        _message(schema, operation.name, operation.arguments)
        _message(schema, f"{operation.name}Response", (operation.result,))
    for name, fields in service.types.items():
        _sequence(_xsd(schema, "complexType", name=name), fields)
    for name, words in service.enums.items():
        restriction = _xsd(_xsd(schema, "simpleType", name=name), "restriction", base="xsd:string")
        for word in words:
            _xsd(restriction, "enumeration", value=word)


def _message(schema: etree._Element, name: str, fields: tuple[Field, ...]) -> None:
    structure = _xsd(_xsd(schema, "element", name=name), "complexType")
    if fields:
        _sequence(structure, fields)


def _sequence(structure: etree._Element, fields: tuple[Field, ...]) -> None:
    sequence = _xsd(structure, "sequence")
    for field in fields:
        attributes = {
            "minOccurs": "1" if field.required else "0",
            "maxOccurs": "unbounded" if field.many else "1",
            "name": field.name,
        }
        if field.default is not None:
            attributes["default"] = field.default
        if field.nillable:
            attributes["nillable"] = "true"
        if field.type != "any":
            attributes["type"] = f"{_prefix(field.type)}:{field.type}"
        _xsd(sequence, "element", **attributes)


def _prefix(type_name: str) -> str:
    if type_name == "guid":
        return "guids"
    return "xsd" if type_name in SIMPLE else "tns"


def _guid_schema(types: etree._Element) -> None:
    schema = _xsd(types, "schema", elementFormDefault="qualified", targetNamespace=GUIDS)
    restriction = _xsd(_xsd(schema, "simpleType", name="guid"), "restriction", base="xsd:string")
    groups = "-".join(f"[0-9a-fA-F]{{{length}}}" for length in (8, 4, 4, 4, 12))
    _xsd(restriction, "pattern", value=groups)


def _port_type(root: etree._Element, service: Service) -> None:
    port_type = _wsdl(root, "portType", name=f"{service.name}Soap")
    for operation in service.operations.values():
        node = _wsdl(port_type, "operation", name=operation.name)
        _wsdl(node, "input", message=f"tns:{operation.name}SoapIn")
        _wsdl(node, "output", message=f"tns:{operation.name}SoapOut")


def _binding(root: etree._Element, service: Service, suffix: str) -> None:
    _, namespace = SOAP_BINDINGS[suffix]
    binding = _wsdl(root, "binding", name=service.name + suffix, type=f"tns:{service.name}Soap")
    etree.SubElement(binding, f"{{{namespace}}}binding", transport=HTTP_TRANSPORT)
    for operation in service.operations.values():
        _bound(binding, operation, namespace)


def _bound(binding: etree._Element, operation: Operation, namespace: str) -> None:
    node = _wsdl(binding, "operation", name=operation.name)
    etree.SubElement(
        node, f"{{{namespace}}}operation", soapAction=operation.action, style="document"
    )
    for side in ("input", "output"):
        etree.SubElement(_wsdl(node, side), f"{{{namespace}}}body", use="literal")


def _ports(root: etree._Element, service: Service, base_url: str) -> None:
    node = _wsdl(root, "service", name=service.name)
    for suffix, (_, namespace) in SOAP_BINDINGS.items():
        name = service.name + suffix
        port = _wsdl(node, "port", name=name, binding=f"tns:{name}")
        etree.SubElement(
            port, f"{{{namespace}}}address", location=base_url.rstrip("/") + service.path
        )
