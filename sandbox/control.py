"""A client for the control interface both sandboxes have."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import httpx

from sandbox.faults import Fault
from sandbox.tls import tls

Json = dict[str, Any]


class SandboxControl:
    """The hand behind a sandbox: plays the person at the vendor's screen, and the bad day.

    Kinds are named as the sandbox's state names them, such as "products". Every method raises
    httpx.HTTPStatusError, with the sandbox's own words added, when the sandbox refuses.
    """

    def __init__(self, base_url: str, *, timeout: float = 10.0) -> None:
        self._client = httpx.Client(
            base_url=f"{base_url.rstrip('/')}/_control",
            timeout=timeout,
            trust_env=False,
            verify=tls(),
        )

    def __enter__(self) -> SandboxControl:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def state(self) -> Json:
        """All records by kind, as the vendor's interface shows them."""
        return self.get("/state")

    def calls(self) -> Json:
        """How many calls were received since the last reset, and of which operations."""
        return self.get("/calls")

    def reset_calls(self) -> None:
        self._send("DELETE", "/calls")

    def add(self, kind: str, record: Json, *, webhooks: bool = True) -> Json:
        """Make a record as a person would; without webhooks, as an import would."""
        return self._send("POST", f"/records/{kind}", record, webhooks=webhooks)

    def edit(self, kind: str, key: object, changes: Json, *, webhooks: bool = True) -> Json:
        return self._send("PATCH", _record(kind, key), changes, webhooks=webhooks)

    def remove(self, kind: str, key: object, *, webhooks: bool = True) -> None:
        self._send("DELETE", _record(kind, key), webhooks=webhooks)

    def fault(self, fault: Fault | None = None, **described: Any) -> None:
        """Switch a fault on; it may be described by Fault's own arguments instead."""
        self.post("/faults", asdict(fault or Fault(**described)))

    def clear_faults(self) -> None:
        self._send("DELETE", "/faults")

    def get(self, path: str) -> Json:
        """What else one sandbox has to show, such as "/deliveries"."""
        return self._send("GET", path)

    def post(self, path: str, body: Json | None = None) -> Json:
        """What else one sandbox can do, such as "/webhooks/hold"."""
        return self._send("POST", path, body)

    def _send(
        self, method: str, path: str, body: Json | None = None, *, webhooks: bool = True
    ) -> Json:
        params = {} if webhooks else {"webhooks": "false"}
        answer = self._client.request(method, path, json=body, params=params)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text}",
                request=answer.request,
                response=answer,
            )
        found: Json = answer.json() if answer.content else {}
        return found


def _record(kind: str, key: object) -> str:
    # Encoded twice, as Rackbeat wants numbers in paths; digits, all that 24SO has, stay the same.
    return f"/records/{kind}/{quote(quote(str(key), safe=''), safe='')}"
