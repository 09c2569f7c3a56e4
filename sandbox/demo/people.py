"""What the demo's people do at the screens of both systems; each deed tells the record's key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from sandbox.control import SandboxControl
from sandbox.rackbeat import API_KEY
from sandbox.tfso.config import FJELLHEIM
from sandbox.tls import tls

Json = dict[str, Any]
UNWANTED_EVENT = "supplier_invoice.created"
"""Told of what is never transferred."""


@dataclass
class People:
    """Whoever works in both systems.

    Attributes:
        made: keys at the source of what was made so far, by the title of its row.
    """

    rackbeat: SandboxControl
    tfso: SandboxControl
    rackbeat_url: str
    made: dict[str, str] = field(default_factory=dict)

    def client(self) -> Json:
        """24SevenOffice's records by kind."""
        found: Json = self.tfso.state()[str(FJELLHEIM.client_id)]
        return found

    def in_tfso(self, kind: str) -> list[Json]:
        found: list[Json] = self.client()[kind]
        return found

    def press(self, path: str) -> Json:
        """Use a button in Rackbeat that is a call of its interface, too."""
        answer = httpx.post(
            f"{self.rackbeat_url}/api{path}",
            headers={"Authorization": f"Bearer {API_KEY}"},
            trust_env=False,
            verify=tls(),
        )
        answer.raise_for_status()
        found: Json = answer.json()
        return found

    # -- in Rackbeat ----------------------------------------------------------------------------

    def count(self, position: int, quantity: int) -> str:
        """Count how many there are of a seeded product."""
        number: str = self.in_tfso("products")[position]["No"]
        self.rackbeat.edit("products", number, {"stock_quantity": quantity})
        return number

    def book(self, order: Json) -> str:
        """Write a draft order, then book it."""
        number = self.rackbeat.add("orders", order)["number"]
        self.press(f"/orders/{number}/book")
        return str(number)

    def invoice(self, position: int) -> str:
        """Book and invoice the draft that came from one of the first orders in 24SevenOffice."""
        mark = f"24SO {self.in_tfso('orders')[position]['OrderId']}"
        drafts = self.rackbeat.state()["orders"]
        number = next(each["number"] for each in drafts if each["other_reference"] == mark)
        self.press(f"/orders/{number}/book")
        return str(self.press(f"/orders/{number}/convert-to-invoice?book=true")["invoice_id"])

    def receive_invoice(self, number: int) -> str:
        """Enter a supplier's invoice; Rackbeat tells everybody who asked to be told."""
        self.rackbeat.add("supplier_invoices", {"number": number})
        told = {"event": UNWANTED_EVENT, "key": str(number)}
        self.rackbeat.post("/deliveries/repeat", told)
        return str(number)

    # -- in 24SevenOffice -----------------------------------------------------------------------

    def add(self, kind: str, record: Json) -> str:
        """Make a record in 24SevenOffice."""
        made = self.tfso.add(kind, record)
        return str(made["OrderId" if kind == "orders" else "Id"])

    def convert(self, position: int, name: str, parts: list[Json]) -> str:
        """Make a structure item of a seeded product in Rackbeat, then rename it where it began."""
        product = self.in_tfso("products")[position]
        number = quote(quote(product["No"], safe=""), safe="")
        self.press(f"/products/{number}/convert")
        self.rackbeat.edit("lots", product["No"], {"lines": parts})
        self.tfso.edit("products", product["Id"], {"Name": name})
        return str(product["Id"])

    def invoice_there(self, order: str) -> str:
        """Invoice an order in 24SevenOffice."""
        self.tfso.edit("orders", order, {"OrderStatus": "Invoiced"})
        return order
