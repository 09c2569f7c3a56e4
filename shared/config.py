"""Configuration of a process, from environment variables that begin with VAREBRO_."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "VAREBRO_"


class Configuration(BaseSettings):
    """What a process must know before it can start. What a customer chooses is in Settings."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    database_url: SecretStr = Field(
        description="PostgreSQL, as postgresql://user:password@host:port/database"
    )
    broker_url: SecretStr = Field(description="Redis or Valkey, as redis://host:port/0")
    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        description="Keys that encrypt the stored credentials, separated by commas: the first "
        "encrypts, all decrypt. Make one with `varebro key new`"
    )
    public_url: str = Field(
        default="http://127.0.0.1:8080",
        description="Where Rackbeat reaches the web process from outside; webhooks are sent there",
    )
    web_host: str = Field(default="127.0.0.1", description="Address the web process listens on")
    web_port: int = Field(default=8080, ge=1, le=65535, description="Port of the web process")
    flower_port: int = Field(default=5555, ge=1, le=65535, description="Port of Flower")
    flower_auth: SecretStr | None = Field(
        default=None, description="Flower's login, as user:password; Flower does not start without"
    )
    contact: str = Field(
        default="post@example.com",
        description="E-mail address the vendors can reach you at; sent with every call",
    )
    worker_concurrency: int = Field(
        default=4, ge=1, le=64, description="Changes one worker process works on at a time"
    )
    sweep_seconds: float = Field(
        default=5.0, gt=0, le=60, description="How often due changes and due pulls are looked for"
    )
    claim_seconds: float = Field(
        default=180.0,
        ge=2,
        allow_inf_nan=False,
        description="How long one worker may keep a record; a dead worker's claim ends then",
    )
    settle_seconds: float = Field(
        default=90.0,
        ge=0,
        allow_inf_nan=False,
        description="How long after a write without an answer its absence counts as proven",
    )
    rackbeat_calls_per_minute: int = Field(
        default=450, ge=1, description="Calls to Rackbeat allowed per connection and minute"
    )
    tfso_calls_per_hour: int = Field(
        default=7000,
        ge=1,
        description="Calls to 24SevenOffice allowed per hour, all connections together",
    )
    tfso_calls_per_second: int = Field(
        default=20, ge=1, description="Calls to 24SevenOffice allowed per second, all together"
    )
    api_token: SecretStr | None = Field(
        default=None,
        description="Token for the JSON API (header Authorization: Bearer ...); without it the API "
        "is closed",
    )
    journal_days: int = Field(
        default=365, ge=1, description="How many days the journal keeps what is done"
    )
    journal_requests: bool = Field(
        default=True,
        description="Whether the journal keeps what was sent for each change and what was "
        "answered; false where it is to hold no such personal data",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO",
        description="Least urgent log lines written: DEBUG, INFO, WARNING or ERROR",
    )
    log_json: bool = Field(default=True, description="Log lines as JSON (true) or for reading")

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not value:
            raise ValueError("name at least one key")
        for position, key in enumerate(value, start=1):
            try:
                Fernet(key.get_secret_value())
            except ValueError:
                # The value itself must not be shown: it may be a mistyped real key.
                raise ValueError(
                    f"key {position} is not a key as made by `varebro key new`"
                ) from None
        return value

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("postgresql://", "postgresql+psycopg://")):
            raise ValueError("must begin with postgresql://")
        return _taken_apart(value, make_url)

    @field_validator("broker_url")
    @classmethod
    def _is_redis(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("redis://", "rediss://")):
            raise ValueError("must begin with redis:// or rediss://")
        return _taken_apart(value, lambda text: urlsplit(text).port)

    @field_validator("public_url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        # What follows is put behind it: neither a query nor a fragment may stand in between.
        if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value) or not _has_port(value):
            raise ValueError("must be an address, such as https://varebro.example.com")
        return value

    @field_validator("web_host")
    @classmethod
    def _can_be_listened_on(cls, value: str) -> str:
        try:
            socket.getaddrinfo(value, None, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError):
            raise ValueError(
                "must be an address or a name of this machine, such as 127.0.0.1, or 0.0.0.0 for "
                "all of its addresses"
            ) from None
        return value

    @field_validator("contact")
    @classmethod
    def _fits_into_a_header(cls, value: str) -> str:
        if not re.fullmatch("[!-~]+@[!-~]+", value):
            raise ValueError("must be an e-mail address without spaces or letters such as ø")
        return value

    @field_validator("flower_auth")
    @classmethod
    def _is_one_login(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch("[^:,]+:[^,]+", value.get_secret_value()):
            # Flower takes what follows a comma for a login of its own.
            raise ValueError("must be user:password, without a comma")
        return value


def _has_port(address: str) -> bool:
    """Whether an address has a port that can be, or none."""
    try:
        return urlsplit(address).port != 0
    except ValueError:
        return False


def _taken_apart(address: SecretStr, take_apart: Callable[[str], object]) -> SecretStr:
    """The same address. One that cannot be understood fails here, where it is not shown."""
    try:
        take_apart(address.get_secret_value())
    except (ValueError, ArgumentError):
        raise ValueError(
            "is no address; in a password write / as %2F, # as %23, ? as %3F, @ as %40, : as %3A"
        ) from None
    return address


def explain(error: ValidationError) -> str:
    """The variables that are missing or wrong, one line each, without their values."""
    lines = ["Varebro cannot start: the environment is not complete."]
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else "?"
        known = Configuration.model_fields.get(name)
        what = f" ({known.description})" if known and known.description else ""
        text = "is missing" if problem["type"] == "missing" else problem["msg"]
        lines.append(f"  {PREFIX}{name.upper()}: {text}{what}")
    return "\n".join(lines)


@lru_cache(maxsize=1)
def configuration() -> Configuration:
    """The process's configuration, read once; ends the process with a message when it is wrong."""
    try:
        return Configuration()
    except ValidationError as error:
        sys.exit(explain(error))
