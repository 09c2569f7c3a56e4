"""The reference of all settings, made from the settings themselves.

`python -m shared.settings_reference` prints docs/settings.md. Run it after a change of `Settings`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from shared.settings import Settings

_HEAD = """\
# Settings

What is chosen for each connection. `varebro settings show` prints all of them, and

    varebro settings set fjellheim product.origin rackbeat
    varebro settings set fjellheim order.pull_statuses '["Web", "Confirmed"]'
    varebro settings set fjellheim product.origin default

change one; the last goes back to the default. The JSON API takes several at once
(`PATCH /api/connections/fjellheim/settings`). A value that is not allowed, or that contradicts
another setting, changes nothing and is answered with the reason. Each change is kept in the table
`audit` with who made it. What is under way follows the new settings.

The origin of a kind says where its records are made, and so in which direction they travel:
`rackbeat`, `24so`, `both`, or `off`. Records that others need are brought along against their
origin's direction too, unless it is `off`: an order from 24SevenOffice brings its customer.

This page is made from `shared/settings.py`; do not edit it by hand.
"""
_NOT_CHOSEN = "version"


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: as `varebro settings set` takes it.
        default: as it is written there.
        allowed: which values, in words; empty where the meaning says it.
    """

    name: str
    meaning: str
    default: str
    allowed: str


def groups() -> Iterator[tuple[str, str, list[Setting]]]:
    """The settings by group: its name (empty for those without), what it is about, its settings."""
    whole = Settings()
    for name in type(whole).model_fields:
        part = getattr(whole, name)
        if isinstance(part, BaseModel):
            about = (getdoc(type(part)) or "").partition("\n")[0]
            yield name, about, list(_settings(part, f"{name}."))
    yield "", "Of the whole connection.", list(_settings(whole, ""))


def _settings(part: BaseModel, prefix: str) -> Iterator[Setting]:
    schema = type(part).model_json_schema()
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel) or name == _NOT_CHOSEN:
            continue
        yield Setting(
            prefix + name,
            field.description or "",
            _written(value),
            _allowed(schema["properties"][name], schema.get("$defs", {})),
        )


def _written(value: Any) -> str:
    plain = to_jsonable_python(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _allowed(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    """The limits of a value in words."""
    reference = schema.get("$ref", "").rpartition("/")[2]
    schema = schema | definitions.get(reference, {})
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "boolean":
        return "`true`, `false`"
    if "items" in schema:
        numbers = "numbers " if schema["items"].get("type") == "integer" else ""
        return f"a list of {numbers}{_allowed(schema['items'], definitions)}"
    words = {"minimum": "from", "exclusiveMinimum": "more than", "maximum": "to"}
    return " ".join(f"{word} {schema[name]:g}" for name, word in words.items() if name in schema)


def markdown() -> str:
    """The page docs/settings.md."""
    lines = [_HEAD]
    for name, about, settings in groups():
        lines.append(f"## {name.replace('_', ' ').capitalize() or 'Connection'}\n")
        lines.append(f"{about}\n")
        lines.append("| setting | meaning | allowed | default |")
        lines.append("|---|---|---|---|")
        lines += [f"| `{s.name}` | {s.meaning} | {s.allowed} | `{s.default}` |" for s in settings]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(markdown())
