"""Suppliers: companies of type Supplier in 24SevenOffice."""

from __future__ import annotations

from typing import ClassVar

from shared.kind import Kind, events
from shared.queues import Queue
from shared.rackbeat.protocol import SUPPLIERS
from tasks.companies import Company, RackbeatCompanies, TfsoCompanies


class RackbeatSuppliers(RackbeatCompanies):
    """/suppliers"""

    resource = SUPPLIERS
    kind = "supplier"
    title = "the supplier"
    chosen: ClassVar = {"supplier_group_id": "supplier.group"}


class TfsoSuppliers(TfsoCompanies):
    """Companies that sell to us."""

    kind = "supplier"
    title = "a supplier"
    shares_keys_with = ("customer",)
    types = ("Supplier",)


KIND = Kind(
    name="supplier",
    title="Supplier",
    entity=Company,
    rackbeat=RackbeatSuppliers(),
    tfso=TfsoSuppliers(),
    queue=Queue.MASTER_DATA,
    events=events("supplier"),
    initial=True,
)
