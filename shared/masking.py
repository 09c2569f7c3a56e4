"""Taking secrets out of what others say: an answer may quote the request it answers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote
from xml.sax.saxutils import escape

from pydantic import SecretStr

MASK = "***"


def masked(text: str, secrets: Iterable[SecretStr]) -> str:
    """The text without the secrets, in whichever usual form they stand there."""
    for secret in secrets:
        for form in _forms(secret.get_secret_value()):
            text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> set[str]:
    as_bytes = secret.encode()
    encoded = {as_bytes.hex(), b64encode(as_bytes).decode()}
    return {secret, quote(secret, safe=""), escape(secret), *encoded} - {""}
