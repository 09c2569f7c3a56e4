"""What the workers' settings have to be, whatever else changes."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from shared.config import Configuration
from workers.celery_app import make_celery

CONFIGURATION = Configuration(
    database_url=SecretStr("postgresql://db/varebro"),
    broker_url=SecretStr("redis://broker/0"),
    secret_keys=(SecretStr(Fernet.generate_key().decode()),),
    claim_seconds=100,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("task_acks_late", True),  # a worker that dies gives back what it had in hand
        ("task_reject_on_worker_lost", True),
        ("worker_prefetch_multiplier", 1),  # what one has taken, no other can take
        ("task_serializer", "json"),
        ("accept_content", ["json"]),
        ("task_ignore_result", True),
        ("worker_send_task_events", True),  # Flower shows nothing without
    ],
)
def test_a_setting_on_which_reliability_rests(name: str, value: Any) -> None:
    assert make_celery(CONFIGURATION).conf[name] == value


def test_a_task_ends_before_its_claim_does() -> None:
    conf = make_celery(CONFIGURATION).conf
    assert 0 < conf.task_soft_time_limit < conf.task_time_limit < CONFIGURATION.claim_seconds
