"""24SevenOffice in miniature: a SOAP server that behaves like what is known of the real one."""

from sandbox.tfso.app import create_app, how_to_connect, serve
from sandbox.tfso.config import PORT, IdentityConfig, SandboxConfig

__all__ = [
    "PORT", "IdentityConfig", "SandboxConfig", "create_app", "how_to_connect", "serve",
]  # fmt: skip
