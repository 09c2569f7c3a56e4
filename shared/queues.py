"""The queues, the most urgent first."""

from __future__ import annotations

from enum import StrEnum


class Queue(StrEnum):
    """Where a task waits. Workers take from the first queue that has one."""

    CONTROL = "control"  # sweeps, pulls and probes: short, and everything else depends on them
    DOCUMENTS = "documents"  # orders and invoices
    MASTER_DATA = "master_data"
    STOCK = "stock"
    BULK = "bulk"  # initial sync and resync: never delays a webhook
