"""A process whose environment is not complete says what to do, and never shows a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from cryptography.fernet import Fernet

from shared.config import PREFIX, Configuration, configuration
from shared.config_reference import variables

# A key of zeros: test names must be the same in every process.
KEY = "A" * 43 + "="
COMPLETE = {
    "VAREBRO_DATABASE_URL": "postgresql://varebro:hidden-password@db.invalid/varebro",
    "VAREBRO_BROKER_URL": "redis://:hidden-password@broker.invalid:6379/0",
    "VAREBRO_SECRET_KEYS": KEY,
    "VAREBRO_FLOWER_AUTH": "someone:hidden-password",
}
Start = Callable[..., Configuration]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Reads the configuration as a process does that was started with these variables."""

    def started(**changes: str | None) -> Configuration:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            monkeypatch.delenv(name)
        for name, value in {**COMPLETE, **changes}.items():
            if value is not None:
                monkeypatch.setenv(name, value)
        return configuration.__wrapped__()

    return started


def refusal(start: Start, **changes: str | None) -> str:
    """The message with which the process ends."""
    with pytest.raises(SystemExit) as ended:
        start(**changes)
    assert isinstance(ended.value.code, str)  # text as exit code: shown, and the code is 1
    return ended.value.code


def test_a_complete_environment_starts_the_process(start: Start) -> None:
    found = start()
    assert found.database_url.get_secret_value() == COMPLETE["VAREBRO_DATABASE_URL"]
    assert [key.get_secret_value() for key in found.secret_keys] == [KEY]


@pytest.mark.parametrize("name", [v.name for v in variables() if v.required])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_is_named_with_what_belongs_there(
    start: Start, name: str, value: str | None
) -> None:
    meaning = next(v.meaning for v in variables() if v.name == name)
    message = refusal(start, **{name: value})
    assert f"{name}: is missing ({meaning})" in message
    assert all(other not in message for other in COMPLETE if other != name)


def test_all_that_is_missing_is_named_at_once(start: Start) -> None:
    message = refusal(start, **dict.fromkeys(COMPLETE))
    assert [v.name for v in variables() if v.required and v.name not in message] == []


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("VAREBRO_DATABASE_URL", "mysql://varebro@db/varebro", "must begin with postgresql://"),
        ("VAREBRO_BROKER_URL", "amqp://broker", "must begin with redis://"),
        ("VAREBRO_SECRET_KEYS", "too-short", "`varebro key new`"),
        ("VAREBRO_SECRET_KEYS", f"{KEY},too-short", "key 2 is not a key"),
        ("VAREBRO_WEB_PORT", "eighty", "valid integer"),
        ("VAREBRO_WEB_PORT", "65536", "less than or equal to 65535"),
        ("VAREBRO_WORKER_CONCURRENCY", "0", "greater than or equal to 1"),
        ("VAREBRO_SWEEP_SECONDS", "0", "greater than 0"),
        ("VAREBRO_LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("VAREBRO_WEB_HOST", "nonsense.invalid", "must be an address or a name of this machine"),
        ("VAREBRO_PUBLIC_URL", "varebro.example.com", "must be an address"),
        ("VAREBRO_PUBLIC_URL", "https://", "must be an address"),
        ("VAREBRO_PUBLIC_URL", "https://varebro.example.com:abc", "must be an address"),
        ("VAREBRO_PUBLIC_URL", "https://varebro.example.com/?a=b", "must be an address"),
        ("VAREBRO_PUBLIC_URL", "https://varebro.example.com/#a", "must be an address"),
        ("VAREBRO_PUBLIC_URL", "https://varebro.example.com/ a", "must be an address"),
        ("VAREBRO_CONTACT", "kjør@firma.example", "must be an e-mail address"),
        ("VAREBRO_CONTACT", "nobody", "must be an e-mail address"),
        ("VAREBRO_FLOWER_AUTH", "nobody", "must be user:password"),
        ("VAREBRO_FLOWER_AUTH", "user:a,b", "without a comma"),
        ("VAREBRO_CLAIM_SECONDS", "inf", "finite number"),
        ("VAREBRO_LOG_JSON", "perhaps", "valid boolean"),
    ],
)
def test_a_wrong_variable_is_named_with_its_remedy(
    start: Start, name: str, value: str, remedy: str
) -> None:
    message = refusal(start, **{name: value})
    (line,) = [line for line in message.splitlines() if name in line]
    assert remedy in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VAREBRO_DATABASE_URL", "postgres:/varebro:hidden-password@db/varebro"),
        ("VAREBRO_BROKER_URL", "http://:hidden-password@broker"),
        ("VAREBRO_SECRET_KEYS", f"hidden-password,{KEY}"),
        ("VAREBRO_DATABASE_URL", "postgresql://varebro:a@db:hidden-password@/varebro"),
        ("VAREBRO_BROKER_URL", "redis://:hidden-password/b@broker/0"),
    ],
)
def test_a_mistyped_secret_is_not_shown_when_the_process_ends(name: str, value: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from shared.config import configuration; configuration()"],
        env={**COMPLETE, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert name in ended.stderr
    assert "hidden-password" not in ended.stdout + ended.stderr
    assert KEY not in ended.stdout + ended.stderr


def test_secrets_are_not_shown_by_a_configuration_that_is_printed(start: Start) -> None:
    found = start()
    for text in (repr(found), str(found), found.model_dump_json()):
        assert "hidden-password" not in text
        assert KEY not in text


def test_keys_are_separated_by_commas_and_the_first_comes_first(start: Start) -> None:
    newer = Fernet.generate_key().decode()
    keys = start(VAREBRO_SECRET_KEYS=f" {newer} , {KEY} ").secret_keys
    assert [key.get_secret_value() for key in keys] == [newer, KEY]


def test_every_variable_says_what_it_means() -> None:
    assert [variable.name for variable in variables() if not variable.meaning] == []
