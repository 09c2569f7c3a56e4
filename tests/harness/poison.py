"""A record that breaks whoever looks at it, by an error whose words are nobody's business."""

from __future__ import annotations

from typing import Any

import pytest

from shared.entity import Entity
from shared.kind import Context
from tasks.products import TfsoProducts

NUMBER = "GIFT"
SECRET = "kundens hemmelighet"


def fail(*_given: object, **_named: object) -> Any:
    raise KeyError(SECRET)


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 24SevenOffice's product of that number break whoever looks at it."""
    parse = TfsoProducts.parse

    def faulty(side: TfsoProducts, record: dict[str, Any], context: Context) -> Entity:
        return fail() if record.get("No") == NUMBER else parse(side, record, context)

    monkeypatch.setattr(TfsoProducts, "parse", faulty)
