"""24SevenOffice in miniature: a SOAP server that behaves like what is known of the real one."""

from sandbox.tfso.app import create_app, serve
from sandbox.tfso.config import IdentityConfig, SandboxConfig

__all__ = ["IdentityConfig", "SandboxConfig", "create_app", "serve"]
