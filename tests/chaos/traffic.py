"""People at both systems, who edit and order while everything breaks."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import cycle

from sandbox.control import Json
from sandbox.tfso.config import FJELLHEIM
from shared.background import repeating
from shared.clock import utc_now
from tests.chaos.plant import Plant

EVERY_SECONDS = 0.6
BURST = 12
# Products of the seed, by position, and quantities that come to whole øre.
ORDERED = ((8, 3), (74, 2), (0, 1))


def product(number: str, group: int, price: int) -> Json:
    """A product as a person makes it in Rackbeat."""
    return {
        "number": number,
        "name": f"Vare {number}",
        "description": "Laget mens alt gikk i stykker",
        "group": group,
        "sales_price": price,
        "recommended_cost_price": 50,
    }


@dataclass
class Traffic:
    """Makes records and edits them, in turn, at both vendors; they are told of it as ever."""

    plant: Plant
    group: int
    made: int = 0
    _products: list[str] = field(default_factory=list)

    def flowing(self) -> AbstractContextManager[None]:
        """Traffic for as long as the block takes."""
        acts = cycle(
            (
                self._new_product, self._edit_product, self._edit_product, self._new_order,
                self._edit_product, self._edit_customer,
            )
        )  # fmt: skip

        def act() -> None:
            next(acts)()
            self.made += 1

        return repeating(act, every_seconds=EVERY_SECONDS)

    def burst(self) -> None:
        """So much at once that it takes a while until all of it has arrived."""
        for _ in range(BURST):
            self._new_product()
            self._edit_product()
            self._new_order()
            self._edit_customer()
            self.made += 1

    def _new_product(self) -> None:
        number = f"KAOS-{len(self._products)}"
        self.plant.rackbeat.add("products", product(number, self.group, price=100))
        self._products.append(number)

    def _edit_product(self) -> None:
        """Not long after it was made, now and then even before it has arrived."""
        number = self._products[-1 - self.made % min(BURST, len(self._products))]
        self.plant.rackbeat.edit("products", number, {"sales_price": 200 + self.made})

    def _new_order(self) -> None:
        client = self.plant.tfso.state()[str(FJELLHEIM.client_id)]
        place, quantity = ORDERED[self.made % len(ORDERED)]
        row = {"ProductId": client["products"][place]["Id"], "Quantity": quantity}
        order = {
            "DateOrdered": utc_now().strftime("%Y-%m-%dT12:00:00Z"),
            "IncludeVAT": False,
            "CustomerId": client["companies"][0]["Id"],
            "InvoiceRows": [{**row, "DiscountRate": 0}],
        }
        self.plant.tfso.add("orders", order)

    def _edit_customer(self) -> None:
        client = self.plant.tfso.state()[str(FJELLHEIM.client_id)]
        changes = {"OrganizationNumber": f"9{self.made:08}"}
        self.plant.tfso.edit("companies", client["companies"][self.made % BURST]["Id"], changes)
