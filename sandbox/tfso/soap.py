"""SOAP envelopes, read and written by the tables of schema.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from sandbox.tfso.failures import SoapFault, Unreadable
from sandbox.tfso.schema import TARGET, Field, Operation, Service
from sandbox.tfso.values import Record, default_of, read_value, write_value

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = f"{{{_XSI}}}nil"
_CONTENT_TYPES = {
    SOAP_11: "text/xml; charset=utf-8",
    SOAP_12: "application/soap+xml; charset=utf-8",
}


def version_of(content_type: str) -> str:
    """The SOAP version a request's content type stands for."""
    return SOAP_12 if content_type.startswith("application/soap+xml") else SOAP_11


def content_type(version: str) -> str:
    return _CONTENT_TYPES[version]


def read_envelope(body: bytes, version: str) -> etree._Element:
    """The one element in the envelope's body: the operation with its arguments.

    Raises:
        Unreadable: not XML, not an envelope of that version, or XML with a document type.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("It is not well-formed XML.") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Unreadable("For security reasons a DTD is not allowed in it.")
    if root.tag != f"{{{version}}}Envelope":
        raise Unreadable("It is not a SOAP envelope of the version its content type says.")
    payload = root.find(f"{{{version}}}Body/{{{TARGET}}}*")
    if payload is None:
        raise Unreadable("The body of the envelope holds no operation.")
    return payload


def read_arguments(service: Service, operation: Operation, payload: etree._Element) -> Record:
    return _read_structure(service, operation.arguments, payload)


def _read_structure(service: Service, fields: Sequence[Field], node: etree._Element) -> Record:
    """Take the elements in the schema's order; what is unknown or out of order is passed over.

    Nothing tells an element that equals its default from an absent one: both are unset. (The
    vendor's rule for its unset values; for defaults that are real values it is assumed.)
    """
    values: Record = {}
    present = set()
    names = [field.name for field in fields]
    position = 0
    for child in node:
        tag = etree.QName(child)
        if tag.namespace != TARGET or tag.localname not in names[position:]:
            continue
        position = names.index(tag.localname, position)
        field = fields[position]
        present.add(field.name)
        position += 1
        value = None if _is_nil(child) else _read_content(service, field, child)
        if value is not None and value != default_of(service, field):
            values[field.name] = value
    for field in fields:
        if field.required and field.name not in present:
            place = etree.QName(node).localname
            raise Unreadable(f"The element '{field.name}' is missing in '{place}'.")
    return values


def _is_nil(node: etree._Element) -> bool:
    return node.get(_NIL) in ("true", "1")


def _read_content(service: Service, field: Field, node: etree._Element) -> Any:
    item = service.item(field.type)
    if item is not None:
        tag = f"{{{TARGET}}}{item.name}"
        return [
            _read_content(service, item, child)
            for child in node.iterchildren(tag)
            if not _is_nil(child)
        ]
    if field.type in service.types:
        return _read_structure(service, service.types[field.type], node)
    try:
        return read_value(service, field.type, node.text or "")
    except ValueError as error:
        raise Unreadable(f"{field.name}: {error}.") from error


def write_answer(version: str, service: Service, operation: Operation, result: Any) -> bytes:
    """The reply to an operation: `result` becomes its one element, absent when None."""
    body = _envelope(version)
    response = etree.SubElement(body, f"{{{TARGET}}}{operation.name}Response")
    _write_structure(response, service, (operation.result,), {operation.result.name: result})
    return _text(body)


def _write_structure(
    node: etree._Element, service: Service, fields: Sequence[Field], values: Mapping[str, Any]
) -> None:
    for field in fields:
        value = values.get(field.name)
        if value is not None and value != default_of(service, field):
            _write_content(
                etree.SubElement(node, f"{{{TARGET}}}{field.name}"), service, field, value
            )
        elif field.required:
            if not field.nillable:
                raise ValueError(f"{field.name} has to be answered")
            etree.SubElement(node, f"{{{TARGET}}}{field.name}", {_NIL: "true"})


def _write_content(node: etree._Element, service: Service, field: Field, value: Any) -> None:
    item = service.item(field.type)
    if item is not None:
        for entry in value:
            _write_content(etree.SubElement(node, f"{{{TARGET}}}{item.name}"), service, item, entry)
    elif field.type in service.types:
        _write_structure(node, service, service.types[field.type], value)
    else:
        node.text = write_value(value)


def write_fault(version: str, fault: SoapFault) -> bytes:
    body = _envelope(version)
    node = etree.SubElement(body, f"{{{version}}}Fault")
    if version == SOAP_11:
        etree.SubElement(node, "faultcode").text = "soap:Client" if fault.sender else "soap:Server"
        etree.SubElement(node, "faultstring").text = fault.text
        etree.SubElement(node, "detail")
    else:
        code = etree.SubElement(node, f"{{{version}}}Code")
        etree.SubElement(code, f"{{{version}}}Value").text = (
            "soap:Sender" if fault.sender else "soap:Receiver"
        )
        reason = etree.SubElement(node, f"{{{version}}}Reason")
        text = etree.SubElement(reason, f"{{{version}}}Text")
        text.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
        text.text = fault.text
    return _text(body)


def _envelope(version: str) -> etree._Element:
    root = etree.Element(
        f"{{{version}}}Envelope", nsmap={"soap": version, "xsi": _XSI, "tns": TARGET}
    )
    return etree.SubElement(root, f"{{{version}}}Body")


def _text(body: etree._Element) -> bytes:
    return etree.tostring(body.getroottree(), xml_declaration=True, encoding="utf-8")
