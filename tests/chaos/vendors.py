"""One vendor as a process of its own, without limits: `python -m tests.chaos.vendors 24so 8024`."""

from __future__ import annotations

import sys

from sandbox import rackbeat, tfso
from tests.harness.world import NO_LIMIT

# Rackbeat repeats a failed delivery after this and then ever later; nothing here is to wait long.
WEBHOOK_RETRY = 1.0

if __name__ == "__main__":
    _, name, port = sys.argv
    if name == "rackbeat":
        rackbeat.serve(
            port=int(port),
            config=rackbeat.Config(requests_per_minute=NO_LIMIT, webhook_retry=WEBHOOK_RETRY),
        )
    else:
        tfso.serve(
            port=int(port),
            config=tfso.SandboxConfig(
                requests_per_hour=NO_LIMIT,
                requests_per_second=NO_LIMIT,
                logins_per_minute=NO_LIMIT,
            ),
        )
