"""The command line with bugs put in: errors whose text is the variable BUG_TEXT."""

from __future__ import annotations

import os
from typing import Any

from shared import operations
from shared.engine.transfer import Transfer
from workers.cli import app
from workers.web import api

TRANSFERRED, PULLED = "supplier", "product_group"


def _fail(*_given: object) -> Any:
    raise ValueError(os.environ["BUG_TEXT"])


def _put_bugs_in() -> None:
    run, pull = Transfer.run, operations.pull

    def buggy_run(self: Transfer) -> None:
        return _fail() if self.change.kind == TRANSFERRED else run(self)

    def buggy_pull(engine: Any, slug: str, kind: str) -> int:
        return int(_fail()) if kind == PULLED else pull(engine, slug, kind)

    Transfer.run = buggy_run  # type: ignore[method-assign]
    operations.pull = buggy_pull
    api.tally = _fail


if __name__ == "__main__":
    _put_bugs_in()
    app()
