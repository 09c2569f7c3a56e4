"""Customers: companies of type Business or Consumer in 24SevenOffice."""

from __future__ import annotations

from typing import ClassVar

from shared.kind import Kind, events
from shared.queues import Queue
from shared.rackbeat.protocol import CUSTOMERS
from tasks.companies import Company, RackbeatCompanies, TfsoCompanies


class RackbeatCustomers(RackbeatCompanies):
    """/customers"""

    resource = CUSTOMERS
    kind = "customer"
    title = "the customer"
    chosen: ClassVar = {"customer_group_id": "customer.group"}


class TfsoCustomers(TfsoCompanies):
    """Companies that buy."""

    kind = "customer"
    title = "a customer"
    shares_keys_with = ("supplier",)
    types = ("Business", "Consumer")


KIND = Kind(
    name="customer",
    title="Customer",
    entity=Company,
    rackbeat=RackbeatCustomers(),
    tfso=TfsoCustomers(),
    queue=Queue.MASTER_DATA,
    events=events("customer"),
    initial=True,
)
