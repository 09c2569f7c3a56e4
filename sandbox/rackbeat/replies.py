"""Bodies as JSON, with decimals as numbers in both directions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from sandbox.rackbeat.errors import Refused


def json_reply(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer; a decimal is a whole number or one of up to six places."""
    text = json.dumps(content, default=_number, ensure_ascii=False)
    return Response(text, status, headers, media_type="application/json")


def parse_body(raw: bytes) -> dict[str, Any]:
    """A request's JSON object; nothing at all is an empty one.

    Raises:
        Refused: 400, it is no JSON object.
    """
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw, parse_float=Decimal)
    except ValueError:
        raise Refused(400, "The body is not valid JSON.") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body is not a JSON object.")
    return body


def _number(value: Any) -> int | float:
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} cannot be written as JSON")
    return int(value) if value == value.to_integral_value() else float(value)
