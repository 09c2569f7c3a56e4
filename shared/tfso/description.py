"""The vendor's own descriptions of its services (WSDL): read once, used to write and read SOAP."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import zeep
from lxml import etree
from zeep.exceptions import Fault, XMLParseError
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import Soap11Binding

from shared.tfso.values import NOT_IN_XML

# Strict, because zeep otherwise mends broken XML, and drops without a word what follows an element
# it does not know: half an answer would pass for a whole one.
_SETTINGS = {
    "strict": True,
    "forbid_dtd": True,
    "forbid_entities": True,
    "forbid_external": True,
    "xml_huge_tree": False,
}


# Every reference to a character: XML 1.0 cannot carry them all, but .NET writes those as well.
_REFERENCE = re.compile(rb"&#(?:x([0-9A-Fa-f]{1,8})|([0-9]{1,10}));")
_REPLACEMENT = b"&#xFFFD;"


class Unusable(Exception):
    """What the vendor gave for a description cannot be used, or must not be."""


class Unreadable(Exception):
    """An answer that is not what the description says."""


class SoapFault(Exception):
    """The service answered with a fault.

    Attributes:
        sender: by the fault's code, the request is wrong and not the server.
    """

    def __init__(self, text: str, *, sender: bool) -> None:
        super().__init__(text)
        self.text = text
        self.sender = sender


@dataclass(frozen=True)
class _Reply:
    """An answer as zeep takes it: as plain XML, whatever its headers say it is."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]


class _OnlyDocument:
    """zeep's way to the network: gives the one document that was fetched, and nothing else."""

    def __init__(self, url: str, content: bytes) -> None:
        self._url = url
        self._content = content

    def load(self, url: str) -> bytes:
        if url != self._url:
            raise Unusable("it refers to another document")
        return self._content


class Description:
    """One service, as the vendor describes it; where it is, we decide."""

    def __init__(self, url: str, content: bytes) -> None:
        """Read a description.

        Raises:
            Unusable: it is no WSDL with a SOAP 1.1 binding; it declares a document type or
                entities; or it refers to other documents.
        """
        self._url = url
        transport: Any = _OnlyDocument(url, content)
        settings = zeep.Settings(**_SETTINGS)
        try:
            document = Document(url, transport, settings=settings)
            bindings = [b for b in document.bindings.values() if isinstance(b, Soap11Binding)]
            self._binding: Any = bindings[0]
        except Exception as error:  # zeep raises anything, from KeyError to its own
            raise Unusable(f"{type(error).__name__} while reading it") from error
        make_client: Any = zeep.Client
        self._client = make_client(document, transport=transport, settings=settings)

    def encode(self, operation: str, arguments: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """A call's headers and body, the elements in the schema's order."""
        message = self._binding.get(operation).create(**arguments)
        headers = {**message.headers, "Content-Type": "text/xml; charset=utf-8"}
        return headers, etree.tostring(message.content, encoding="utf-8", xml_declaration=True)

    def decode(self, operation: str, status: int, content: bytes) -> Any:
        """The value an operation returned, as zeep's objects.

        Raises:
            SoapFault: it returned a fault.
            Unreadable: it returned neither.
        """
        reply = _Reply(status, _readable(content), {"Content-Type": "text/xml"})
        try:
            return self._binding.process_reply(self._client, self._binding.get(operation), reply)
        except Fault as fault:
            if not fault.code:
                raise Unreadable("neither a result nor a fault") from None
            sender = fault.code.rpartition(":")[2] in {"Client", "Sender"}
            raise SoapFault(fault.message or "", sender=sender) from None
        except XMLParseError as error:
            # The schema has changed since it was read: the next call reads it anew.
            _forget(self._url)
            raise Unreadable("not as the service describes it") from error
        except Exception as error:  # zeep trips over broken answers in any way
            raise Unreadable(type(error).__name__) from error


def _readable(content: bytes) -> bytes:
    """The answer with a replacement for each character that no XML may hold.

    A control character that somebody once pasted into a name must not keep all other records from
    being read.
    """
    return _REFERENCE.sub(_replaced, content)


def _replaced(reference: re.Match[bytes]) -> bytes:
    number = int(reference[1], 16) if reference[1] else int(reference[2])
    allowed = number <= sys.maxunicode and not NOT_IN_XML.search(chr(number))
    return reference[0] if allowed else _REPLACEMENT


class _Strict(logging.Filter):
    """zeep takes a value it cannot read for an absent one, and only logs that: it would empty a
    field on the other side. Here its complaint becomes the failure."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        raise XMLParseError(f"a value cannot be read: {error}")  # type: ignore[no-untyped-call]


_complaints = logging.getLogger("zeep.xsd.types.simple")
_complaints.setLevel(logging.ERROR)
_complaints.addFilter(_Strict())

_known: dict[str, Description] = {}
_lock = Lock()


def description(url: str, fetch: Callable[[str], bytes]) -> Description:
    """The description at a URL, fetched once per process.

    Raises:
        Unusable: see Description. What `fetch` raises passes through.
    """
    with _lock:
        if url not in _known:
            _known[url] = Description(url, fetch(url))
        return _known[url]


def _forget(url: str) -> None:
    with _lock:
        _known.pop(url, None)
