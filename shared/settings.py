"""What a customer chooses for a connection. One typed, versioned model.

The defaults do what the official integration does: master data in both directions, orders from
24SevenOffice every ten minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from itertools import product
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import structlog
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from shared.settings_problems import in_words
from shared.tables import Connection
from shared.words import Direction, Origin, System

log = structlog.get_logger()

VERSION: Final = 1
# By version, what makes of settings that are stored by it those of the next one.
_UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


class Contradiction(NamedTuple):
    """Values that do not go together.

    Attributes:
        taken_once: whether earlier versions took them: what is stored must go on to work.
    """

    message: str
    taken_once: bool = False


@dataclass(frozen=True)
class _Leniency:
    """The context in which settings are validated that are not all chosen just now.

    Attributes:
        passes_over: whether a contradiction is taken.
        leaves_out: whether values are left out that could be chosen once.
    """

    passes_over: Callable[[Contradiction], bool]
    leaves_out: bool = True


_STORED: Final = _Leniency(lambda contradiction: contradiction.taken_once)


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OfKind(_Group):
    """The settings of one kind."""

    origin: Origin

    def lets(self, direction: Direction) -> bool:
        return self.origin.lets(direction)


class KindSettings(OfKind):
    """What kinds have that travel both ways."""

    origin: Origin = Field(
        default=Origin.BOTH,
        description="Where records of this kind are made: rackbeat, 24so, both or off",
    )


class CompanyNumber(StrEnum):
    """Which field of a 24SevenOffice company carries Rackbeat's number."""

    ID = "id"
    EXTERNAL_ID = "external_id"


class CompanySettings(KindSettings):
    """Customers; suppliers have these, too."""

    number: CompanyNumber = Field(
        default=CompanyNumber.ID,
        description="The 24SevenOffice field that carries Rackbeat's number: id (the customer "
        "number), or external_id, without which a company made there is parked",
    )
    payment_terms_days: int = Field(
        default=14,
        ge=0,
        le=32767,
        description="Days of credit used where the record has no payment terms",
    )
    group: int | None = Field(
        default=None,
        ge=1,
        description="Number of the Rackbeat group that new records from 24SevenOffice are put "
        "into; without it Rackbeat decides",
    )
    country: str = Field(
        default="NO",
        pattern="^[A-Z]{2}$",
        description="Two-letter country used where the record's own is missing or unknown",
    )
    vat_zone: Literal["by_country", "rackbeat"] = Field(
        default="by_country",
        description="VAT zone of new records from 24SevenOffice: by_country (eu in the EU, abroad "
        "elsewhere; of the country above Rackbeat decides) or rackbeat (it always does)",
    )


class SupplierSettings(CompanySettings):
    """Suppliers, who give longer credit."""

    payment_terms_days: int = Field(
        default=30,
        ge=0,
        le=32767,
        description="Days of credit used where the record has no payment terms",
    )


class ProductNumber(StrEnum):
    """Which field of a 24SevenOffice product carries Rackbeat's number."""

    NO = "no"
    ID = "id"


class GroupSettings(KindSettings):
    """Product groups (categories in 24SevenOffice)."""

    number: Literal["no", "id"] = Field(
        default="id",
        description="The 24SevenOffice category field that becomes Rackbeat's group number",
    )
    parent: int | None = Field(
        default=None,
        ge=1,
        description="Id of the 24SevenOffice category under which groups made in Rackbeat are put; "
        "Rackbeat's groups have no parents, and parents in 24SevenOffice are left as they are",
    )


class ProductSettings(KindSettings):
    """Products."""

    number: ProductNumber = Field(
        default=ProductNumber.NO,
        description="The 24SevenOffice field that carries Rackbeat's product number: no or id",
    )
    price: Literal["price", "web_price"] = Field(
        default="price",
        description="The 24SevenOffice field that matches Rackbeat's sales price",
    )
    cost: Literal["in_price", "cost"] = Field(
        default="in_price",
        description="The 24SevenOffice field that matches Rackbeat's recommended cost price",
    )
    structure_items: bool = Field(
        default=True,
        description="Whether Rackbeat's structure items are transferred, as products",
    )
    category: int | None = Field(
        default=None,
        ge=1,
        description="Id of the 24SevenOffice category of new products without a group in Rackbeat",
    )
    unit: str = Field(
        default="stk",
        min_length=1,
        description="Unit given in Rackbeat; 24SevenOffice's products have none",
    )


OrderStatus = Literal[
    "None", "Offer", "Pack", "Web", "Repeating", "CollectingOrder", "Return", "Distribution",
    "Rest", "ForInvoicing", "OvertimeRent", "Confirmed", "OrderState_Sent", "Production",
    "PaymentReminder", "OnAccount", "Lending", "Hours", "OrderState_SuperStore", "Draft",
]  # fmt: skip  # as 24SevenOffice's schema spells them
_DONE_WITH = ("Invoiced", "InvoicedCashAccount", "InvoicedPack", "Inactive")


class OrderSettings(OfKind):
    """Orders."""

    origin: Literal[Origin.RACKBEAT, Origin.TFSO, Origin.OFF] = Field(
        default=Origin.TFSO, description="Where orders are made: rackbeat, 24so or off"
    )
    pull_statuses: tuple[OrderStatus, ...] = Field(
        default=("Web", "Confirmed", "Pack"),
        min_length=1,
        description="24SevenOffice statuses of the orders that are taken to Rackbeat",
    )
    book: bool = Field(
        default=False, description="Book the order in Rackbeat at once instead of leaving a draft"
    )
    status: Literal["Web", "Confirmed", "Offer", "Pack", "Draft"] = Field(
        default="Confirmed", description="Status given in 24SevenOffice to orders from Rackbeat"
    )
    item_for_text: str | None = Field(
        default=None,
        min_length=1,
        max_length=25,
        description="Number of the Rackbeat product that carries lines without a product (text, "
        "freight, an øre that rounding leaves); text goes to the order's note where none is named",
    )
    pull_minutes: float = Field(
        default=10, gt=0, le=10, description="Minutes between two pulls of orders"
    )

    @field_validator("pull_statuses", mode="wrap")
    @classmethod
    def _are_not_done_with(
        cls, given: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """Refuse statuses of orders that are done with; those that an earlier version has stored
        are left out."""
        if not isinstance(given, list | tuple):
            return validate(given)
        done_with = [status for status in given if status in _DONE_WITH]
        if not done_with:
            return validate(given)
        if isinstance(info.context, _Leniency) and info.context.leaves_out:
            left = [status for status in given if status not in _DONE_WITH]
            return validate(left) if left else ()
        raise ValueError(
            f"an order that is {' or '.join(done_with)} in 24SevenOffice is done with, and is not "
            "taken to Rackbeat. Leave that out here; whether invoices are taken there is what "
            "invoice.origin says"
        )


class InvoiceSettings(OfKind):
    """Sales invoices."""

    origin: Literal[Origin.RACKBEAT, Origin.TFSO, Origin.OFF] = Field(
        default=Origin.RACKBEAT, description="Where invoices are made: rackbeat, 24so or off"
    )
    status: Literal["Draft", "ForInvoicing", "Invoiced"] = Field(
        default="ForInvoicing",
        description="Status an invoice gets in 24SevenOffice: Draft (to be worked on), "
        "ForInvoicing (to be checked and invoiced there) or Invoiced (booked at once; cannot be "
        "changed any more)",
    )
    distributor: Literal["Default", "Manual", "Auto"] = Field(
        default="Manual",
        description="Whether 24SevenOffice sends the invoice out: Manual (it does not by itself), "
        "Auto (it does), Default (as the customer is set up there)",
    )


class StockSettings(OfKind):
    """Stock levels; they travel from Rackbeat to 24SevenOffice only."""

    origin: Literal[Origin.RACKBEAT, Origin.OFF] = Field(
        default=Origin.RACKBEAT, description="rackbeat or off"
    )
    quantity: Literal["in_stock", "available"] = Field(
        default="in_stock",
        description="Which quantity counts: in_stock, or available (in stock less ordered)",
    )
    locations: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(),
        description="Numbers of the Rackbeat locations whose quantities count, added up; all of "
        "them where none is named. Each costs a call for every product, every night",
    )


class ReconcileSettings(_Group):
    """Comparing both systems whole, to find what no webhook told and what has drifted apart."""

    nightly: bool = Field(default=True, description="Whether it is done every night by itself")
    hour: int = Field(
        default=1, ge=0, le=23, description="The hour (UTC) in which the nightly one begins"
    )
    repair: bool = Field(
        default=True, description="Whether what is found is also transferred, not only reported"
    )


class ConflictSettings(_Group):
    """Edits of one record in both systems before either has been transferred."""

    wins: Literal["newest", "rackbeat", "24so"] = Field(
        default="newest", description="Whose edit counts: newest, rackbeat or 24so"
    )

    @property
    def winner(self) -> System | None:
        """The system whose edit always counts; None where the newest does."""
        return None if self.wins == "newest" else System(self.wins)


class Settings(_Group):
    """All settings of one connection."""

    version: Literal[1] = VERSION
    customer: CompanySettings = CompanySettings()
    supplier: SupplierSettings = SupplierSettings()
    product_group: GroupSettings = GroupSettings()
    product: ProductSettings = ProductSettings()
    order: OrderSettings = OrderSettings()
    invoice: InvoiceSettings = InvoiceSettings()
    stock: StockSettings = StockSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    conflict: ConflictSettings = ConflictSettings()
    local_currency: str = Field(
        default="NOK",
        pattern="^[A-Z]{3}$",
        description="The currency 24SevenOffice calls LOCAL",
    )
    pull_minutes: float = Field(
        default=10,
        gt=0,
        le=10,
        description="Minutes between two pulls of each kind that is made in 24SevenOffice",
    )
    events: dict[str, str] = Field(
        default_factory=dict,
        description="Further Rackbeat webhook events and the kind they are about, for example "
        "{'item.changed': 'product'}",
    )

    def of(self, kind: str) -> OfKind:
        """The part of the settings that belongs to a kind."""
        part: OfKind = getattr(self, kind)
        return part

    def kinds_that_are_on(self) -> set[str]:
        """The kinds that travel at all."""
        kinds = {name: part for name, part in self if isinstance(part, OfKind)}
        return {name for name, part in kinds.items() if part.origin is not Origin.OFF}

    def named(self, name: str) -> Any:
        """The value of a setting, such as "product.price"."""
        return reduce(getattr, name.split("."), self)

    def contradictions(self) -> list[Contradiction]:
        """What does not go together."""
        return [*self._documents_without_their_needs(), *self._products(), *self._unknown_kinds()]

    @model_validator(mode="after")
    def _fit_together(self, info: ValidationInfo) -> Self:
        found = self.contradictions()
        if isinstance(info.context, _Leniency):
            found = [each for each in found if not info.context.passes_over(each)]
        if found:
            raise ValueError(". ".join(each.message for each in found))
        return self

    def _documents_without_their_needs(self) -> Iterator[Contradiction]:
        for document, kind in product(("order", "invoice"), ("customer", "product")):
            origin = self.of(document).origin
            if origin is Origin.OFF or self.of(kind).origin is not Origin.OFF:
                continue
            yield Contradiction(
                f"{document}s cannot originate in {System(origin).title} while {kind}s are off: "
                f"an {document} needs its {kind}s. Set {kind}.origin, or set {document}.origin to "
                "off",
                taken_once=(document, origin) != ("order", Origin.TFSO),
            )

    def _products(self) -> Iterator[Contradiction]:
        if self.product.origin is not Origin.OFF and self.product_group.origin is Origin.OFF:
            yield Contradiction(
                "products cannot be transferred while product groups are off: every product in "
                "Rackbeat has a group. Set product_group.origin, or set product.origin to off"
            )
        if self.product.number is ProductNumber.ID and self.product.lets(
            Direction.RACKBEAT_TO_24SO
        ):
            yield Contradiction(
                "24SevenOffice chooses its product Ids itself, so products made in Rackbeat cannot "
                "keep their numbers there. Set product.number to no, or product.origin to 24so"
            )

    def _unknown_kinds(self) -> Iterator[Contradiction]:
        kinds = {name for name, part in self if isinstance(part, OfKind)}
        for event, kind in self.events.items():
            if kind not in kinds:
                yield Contradiction(
                    f"events: '{event}' is said to be about '{kind}'. Name one of: "
                    + ", ".join(sorted(kinds))
                )


class SettingsError(ValueError):
    """Settings that do not hold together; the message names each field and the remedy."""


class SettingsTooNewError(SettingsError):
    """Settings that a newer version of Varebro has stored; processes of that version use them."""


def check_settings(given: dict[str, Any]) -> Settings:
    """The settings a person chooses; what is not given has its default.

    Raises:
        SettingsError: a setting does not exist, a value is not allowed, or values contradict each
            other.
    """
    return _checked(given, None)


def check_changed(
    stored: dict[str, Any], chosen: dict[str, Any], whole: dict[str, Any]
) -> Settings:
    """Settings of which a person has chosen some. The others stay as they are, also where they are
    not known here or could only be chosen earlier; what is chosen must not add to that.

    Args:
        stored: as they were.
        chosen: what has been chosen alone.
        whole: with what has been chosen.

    Raises:
        SettingsError: what has been chosen is not allowed, or contradicts the rest.
    """
    before = load_settings(stored).contradictions()
    _checked(chosen, _Leniency(lambda _: True, leaves_out=False))
    return _checked(_known(whole, Settings), _Leniency(before.__contains__))


def _checked(given: dict[str, Any], context: _Leniency | None) -> Settings:
    try:
        return Settings.model_validate(given, context=context)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise SettingsError("\n".join(map(in_words, problems))) from error


def load_settings(stored: dict[str, Any]) -> Settings:
    """The settings as stored with a connection. What does not exist here is left out: processes of
    the next version may have stored it while this one still runs, or an earlier one. A combination
    that could be chosen earlier is taken.

    Raises:
        SettingsTooNewError: they are of a newer version of the settings.
        SettingsError: a value is not allowed, or values contradict each other.
    """
    return _checked(_known(as_stored(stored), Settings), _STORED)


def as_stored(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they are stored now, of whichever version they are. Those without one are of the
    first.

    Raises:
        SettingsTooNewError: they are of a version that does not exist yet.
    """
    version = settings.get("version", 1)
    if not isinstance(version, int):
        return settings  # whoever checks them says so
    if version > VERSION:
        raise SettingsTooNewError(
            f"The settings are of version {version}; this version of Varebro knows them up to "
            f"version {VERSION}. Run the version that stored them, or a later one."
        )
    while version in _UPGRADES:
        settings = _UPGRADES[version](settings)
        version += 1
    return {**settings, "version": version}


def _known(stored: dict[str, Any], group: type[BaseModel]) -> dict[str, Any]:
    """Of what is stored, that which the group has."""
    found = {}
    for name in stored.keys() & group.model_fields.keys():
        value, kind = stored[name], group.model_fields[name].annotation
        if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, _Group):
            value = _known(value, kind)
        found[name] = value
    return found


def with_settings(connections: Iterable[Connection]) -> Iterator[tuple[Connection, Settings]]:
    """Connections with their settings. One whose settings are not usable is told in the log and
    left out: it stops no other."""
    for connection in connections:
        try:
            yield connection, load_settings(connection.settings)
        except SettingsError as error:
            log.warning("settings not usable", connection=connection.slug, reason=str(error))
