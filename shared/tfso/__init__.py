"""The client of 24SevenOffice's SOAP services."""

from shared.tfso.client import SyncPage, TfsoClient
from shared.tfso.login import Identity, TfsoCredentials
from shared.tfso.protocol import DEFAULT_BASE_URL, Service
from shared.tfso.sessions import MemorySessionStore, SessionStore

__all__ = [
    "DEFAULT_BASE_URL",
    "Identity",
    "MemorySessionStore",
    "Service",
    "SessionStore",
    "SyncPage",
    "TfsoClient",
    "TfsoCredentials",
]
