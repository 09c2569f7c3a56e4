"""What all kinds have in common on one system's side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Generic

from shared.failures import OutcomeUnknown, Rejected, Transient, Unmappable
from shared.kind import E, Found, Lookup, Payload, Record, Side, Sought, Written
from shared.rackbeat import registers
from shared.rackbeat.client import RackbeatClient
from shared.rackbeat.protocol import Resource
from shared.settings import Settings
from shared.tfso.client import TfsoClient
from shared.tfso.protocol import Service
from shared.values import key_in, moment
from shared.words import System

_WHOLE_NUMBER = re.compile("0|[1-9][0-9]{0,17}")
# At most so many items in one call; more is possible, but no source says how many (assumed).
BATCH = 100


class RackbeatSide(Side[E], Generic[E]):
    """A kind that is one resource in Rackbeat, known by its number.

    Attributes:
        whole_numbers: the number is one; only items have others.
    """

    resource: ClassVar[Resource]
    whole_numbers: ClassVar[bool] = True
    # In which zone Rackbeat's times are no source says.
    right_within: ClassVar[timedelta] = timedelta(days=1)

    def key_of(self, record: Record) -> str:
        return key_in(record, "number", System.RACKBEAT, whole=self.whole_numbers)

    def key_of_made(self, answer: Record, name: str = "number") -> str:
        """The key of a record that has just been made.

        Raises:
            OutcomeUnknown: Rackbeat's answer does not say it.
        """
        try:
            return key_in(answer, name, System.RACKBEAT, whole=self.whole_numbers)
        except Transient as unreadable:
            raise OutcomeUnknown(unreadable.message, system=System.RACKBEAT) from None

    def key_beforehand(self, payload: Payload) -> str | None:
        number = payload.get("number")
        return None if number is None else str(number)

    def read(self, client: RackbeatClient, key: str) -> Record | None:
        record = client.get(self.resource, key)
        return None if record is None or is_deleted(record) else record

    def search(self, client: RackbeatClient, sought: Sought[E], settings: Settings) -> list[Record]:
        del settings
        if sought.field in ("mark", "number"):
            record = self.read(client, sought.value)
            return [] if record is None else [record]
        found = client.page(self.resource, search=sought.value).records
        return [record for record in found if not is_deleted(record)]

    def create(self, client: RackbeatClient, payload: Payload) -> Written:
        return self.made(client.create(self.resource, payload))

    def made(self, answer: Record) -> Written:
        """What the answer to a creation says.

        Raises:
            OutcomeUnknown: it does not say the key.
        """
        # With its time of change, the record is shown as it is when read (assumed).
        return Written(self.key_of_made(answer), answer if "updated_at" in answer else None)

    def update(self, client: RackbeatClient, key: str, payload: Payload, existing: Record) -> None:
        del existing
        client.update(self.resource, key, payload)

    def takes_empty(self, existing: Record) -> bool:
        # As Laravel does with "" (assumed; no source shows a field being emptied).
        del existing
        return True

    def all(self, client: RackbeatClient) -> Iterator[Found]:
        for record in client.listing(self.resource):
            if not is_deleted(record):
                yield self.found(record)

    def found(self, record: Record) -> Found:
        """A record from a list, with its time of change."""
        return Found(self.key_of(record), record, moment(record.get("updated_at")))

    def changed_since(self, client: RackbeatClient, position: datetime) -> Iterator[Found]:
        for found in self.all(client):
            if found.changed_at is None or found.changed_at >= position:
                yield found

    def value_number(self, client: RackbeatClient, lookup: Lookup) -> str | None:
        return registers.find(client, lookup.register, lookup.value)

    def add_value(self, client: RackbeatClient, lookup: Lookup) -> str:
        return registers.create(client, lookup.register, lookup.value)


def is_deleted(record: Record) -> bool:
    """Whether a record of Rackbeat's that is still shown has been deleted."""
    return bool(record.get("is_deleted") or record.get("deleted_at"))


def whole_number(value: str | None, title: str) -> int:
    """A number as Rackbeat takes it for everything but items: whole, without leading zero.

    Raises:
        Unmappable: it is something else.
    """
    if value is None or not _WHOLE_NUMBER.fullmatch(value):
        raise Unmappable(
            f"The number of {title} is '{value or ''}', but Rackbeat takes only whole numbers "
            "there. Change it in 24SevenOffice, or choose another number field in the settings."
        )
    return int(value)


class TfsoSide(Side[E], Generic[E]):
    """A kind that one Save operation of 24SevenOffice writes.

    It takes no empty values: an empty text is the schema's unset value, which may not be sent.
    """

    service: ClassVar[Service]
    save_operation: ClassVar[str]
    key_property: ClassVar[str] = "Id"

    def key_of(self, record: Record) -> str:
        return key_in(record, self.key_property, System.TFSO)

    def changed_at(self, record: Record) -> datetime | None:
        return moment(record.get("DateChanged"))

    def create(self, client: TfsoClient, payload: Payload) -> Written:
        return Written(self.key_of(self._save(client, payload, creates=True)))

    def update(self, client: TfsoClient, key: str, payload: Payload, existing: Record) -> None:
        del existing
        self._save(client, {**payload, self.key_property: int(key)}, creates=False)

    def _save(self, client: TfsoClient, payload: Payload, *, creates: bool) -> Record:
        # Whether an update may be repeated is for the client to find out: rows may be added.
        idempotent = False if creates else None
        (saved,) = client.save(self.service, self.save_operation, [payload], idempotent=idempotent)
        if isinstance(saved, Exception):
            raise saved
        if creates and self.key_property not in saved:
            raise Rejected(
                "24SevenOffice accepted the record without saying its Id. Look it up there before "
                "you try again.",
                system=System.TFSO,
            )
        return saved


def found_in_tfso(record: Record, key: str = "Id") -> Found:
    """A record from a 24SevenOffice list, with its time of change."""
    return Found(key_in(record, key, System.TFSO), record, moment(record.get("DateChanged")))
