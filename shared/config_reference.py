"""The reference of all environment variables, made from the configuration itself.

`python -m shared.config_reference` prints docs/configuration.md, and with the argument `env`
.env.example. Run both after a change of `Configuration`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from shared.config import PREFIX, Configuration

_HEAD = """\
# Configuration

A process is configured by environment variables alone. What a customer chooses (where records are
made, which statuses are pulled, and so on) is not here but in the settings of each connection. A
variable that is set to nothing counts as not set. A process whose variables are missing or wrong
does not start and names each of them.

This page is made from `shared/config.py`; do not edit it by hand.
"""

_ENV_HEAD = """\
# Copy to .env and fill in what has no value. What is commented out shows its default.
# Made from shared/config.py; do not edit this example by hand.

# Only for docker compose, which makes its own PostgreSQL with this password: letters and digits.
# With it, leave VAREBRO_DATABASE_URL and VAREBRO_BROKER_URL empty.
POSTGRES_PASSWORD=

# The key for VAREBRO_SECRET_KEYS is made with `varebro key new`, in the image:
#   docker build --file deploy/Dockerfile --tag varebro . && docker run --rm varebro key new
# Keep a copy where the database's backups are not: without it the credentials cannot be read.
"""


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    Attributes:
        default: as it is written in the environment; None where there is none.
        allowed: which values, in words; empty where the meaning says it.
    """

    name: str
    meaning: str
    required: bool
    secret: bool
    default: str | None
    allowed: str


def variables() -> list[Variable]:
    """All variables, the required ones first."""
    fields = Configuration.model_json_schema()["properties"]
    found = [
        Variable(
            name=PREFIX + name.upper(),
            meaning=field.description or "",
            required=field.is_required(),
            secret="SecretStr" in repr(field.annotation),
            default=_written(fields[name].get("default")),
            allowed=_allowed(fields[name]),
        )
        for name, field in Configuration.model_fields.items()
    ]
    return sorted(found, key=lambda variable: not variable.required)


def _written(default: object) -> str | None:
    if default is None:
        return None
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)


def _allowed(schema: dict[str, Any]) -> str:
    """The limits of a value in words."""
    words = {"minimum": "from", "exclusiveMinimum": "more than", "maximum": "to"}
    limits = [f"{word} {schema[name]:g}" for name, word in words.items() if name in schema]
    return " ".join(limits)


def markdown() -> str:
    """The page docs/configuration.md."""
    return "\n".join([_HEAD, *_table("Required", True), "", *_table("Optional", False), ""])


def _table(title: str, required: bool) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| variable | meaning | default |"
    yield "|---|---|---|"
    for variable in variables():
        if variable.required is required:
            default = "none" if variable.default is None else f"`{variable.default}`"
            yield f"| `{variable.name}` | {_meaning(variable)} | {default} |"


def _meaning(variable: Variable) -> str:
    secret = "Secret." if variable.secret else ""
    allowed = f"({variable.allowed})" if variable.allowed else ""
    return " ".join(part for part in (secret, variable.meaning, allowed) if part)


def env_example() -> str:
    """The file .env.example."""
    lines = [_ENV_HEAD]
    for variable in variables():
        lines += [f"# {line}" for line in wrap(_meaning(variable), 97)]
        has_default = variable.default is not None
        lines.append(f"{'#' if has_default else ''}{variable.name}={variable.default or ''}\n")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(env_example() if sys.argv[1:] == ["env"] else markdown())
