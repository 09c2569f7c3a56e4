"""Tries repeated within one call to a vendor: the one place where tenacity is configured.

These last seconds at most. What still fails then is a Failure, and the journal decides when the
next attempt is due.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from shared.failures import Failure, is_silent

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to try; all times in seconds.

    Attributes:
        attempts: calls made at most, the first included.
        silent_attempts: the same of calls that run into their time limit, as each costs that time.
        base_wait: the wait after the first try; it doubles with every further one.
        max_wait: the longest wait. A vendor that asks for a longer one gets no further try.
        jitter: up to this much is added to a wait, so that workers do not return all at once.
    """

    attempts: int = 4
    silent_attempts: int = 2
    base_wait: float = 0.3
    max_wait: float = 4.0
    jitter: float = 0.3


class RetryableHere(Exception):
    """One try failed in a way that another try, within seconds, may cure.

    Attributes:
        failure: what is raised when no further try is made.
        wait: seconds the vendor asked to be left alone (Retry-After); None when it did not say.
    """

    def __init__(self, failure: Failure, *, wait: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.wait = wait


def with_retries(
    call: Callable[[], T], *, policy: RetryPolicy, sleep: Callable[[float], None] = time.sleep
) -> T:
    """What the call returns, made again as long as it raises RetryableHere and tries are left.

    Raises:
        Failure: the one the last RetryableHere carried. Anything else the call raises passes
            through at once.
    """
    backoff = wait_exponential(multiplier=policy.base_wait) + wait_random(0, policy.jitter)
    used_up = stop_after_attempt(policy.attempts)
    used_up_silently = stop_after_attempt(policy.silent_attempts)

    def stop(state: RetryCallState) -> bool:
        asked = _asked_wait(state)
        if asked is not None and asked > policy.max_wait:
            return True
        return used_up(state) or (_is_silent(state) and used_up_silently(state))

    def wait(state: RetryCallState) -> float:
        asked = _asked_wait(state)
        return min(backoff(state), policy.max_wait) if asked is None else asked

    retrying = Retrying(
        retry=retry_if_exception_type(RetryableHere),
        stop=stop,
        wait=wait,
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(call)
    except RetryableHere as last:
        raise last.failure from last.__cause__


def _error(state: RetryCallState) -> RetryableHere | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, RetryableHere) else None


def _asked_wait(state: RetryCallState) -> float | None:
    error = _error(state)
    return None if error is None else error.wait


def _is_silent(state: RetryCallState) -> bool:
    error = _error(state)
    return error is not None and is_silent(error.failure)
