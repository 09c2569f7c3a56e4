"""What is done with a change that failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from shared.failures import (
    AuthFailed,
    DependencyParked,
    Failure,
    Limited,
    Outage,
    OutcomeUnknown,
    Rejected,
    Transient,
    Unmappable,
)
from shared.journal.decide import (
    BETWEEN_LOGINS,
    LONGEST_WAIT,
    MOST_BETWEEN_PROBES,
    MOST_BUG_ATTEMPTS,
    MOST_TRANSIENT_ATTEMPTS,
    Decision,
    Park,
    PauseVendor,
    Retry,
    Wait,
    backoff,
    class_of,
    decide,
    explain,
    next_probe,
)
from shared.words import FailureClass, System
from tests.harness.given import texts

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
SECRET = "hunter2"
DATABASE_DOWN = OperationalError("SELECT 1", {}, Exception(SECRET))


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


TABLE: list[tuple[BaseException, int, Decision]] = [
    # failure, attempts with this one: decision
    (Transient("x"), 1, Retry(after(5))),
    (Transient("x"), 2, Retry(after(10))),
    (Transient("x"), 12, Retry(after(3600))),
    (Transient("x"), MOST_TRANSIENT_ATTEMPTS - 1, Retry(after(3600))),
    (Transient("x"), MOST_TRANSIENT_ATTEMPTS, Park()),
    (Transient("x", retry_at=after(30)), 1, Retry(after(30))),
    (Transient("x", retry_at=after(-30)), 1, Retry(after(1))),
    (OutcomeUnknown("x"), 1, Retry(after(5))),
    (
        Limited("x", retry_at=after(60), system=System.TFSO),
        1,
        PauseVendor(System.TFSO, after(60)),
    ),
    (
        Limited("x", retry_at=after(60), system=System.RACKBEAT, bulk_only=True),
        1,
        PauseVendor(System.RACKBEAT, after(60), bulk_only=True),
    ),
    (
        Limited("x", retry_at=after(10**9), system=System.TFSO),
        1,
        PauseVendor(System.TFSO, after(3600)),
    ),
    (Limited("x", retry_at=after(60)), 99, Retry(after(60), counts=False)),
    (Outage("x", system=System.TFSO), 99, PauseVendor(System.TFSO, after(5))),
    (Outage("x"), 99, Retry(after(120), counts=False)),
    (Wait("x", seconds=2), 99, Retry(after(2), counts=False)),
    (Rejected("x"), 1, Park()),
    (Unmappable("x"), 1, Park()),
    (DependencyParked("x"), 1, Park()),
    (AuthFailed("x", system=System.TFSO), 1, PauseVendor(System.TFSO, after(900))),
    (AuthFailed("x"), 99, Retry(after(120), counts=False)),
    (DATABASE_DOWN, MOST_BUG_ATTEMPTS, Retry(after(20))),
    (KeyError("x"), 1, Retry(after(5))),
    (KeyError("x"), MOST_BUG_ATTEMPTS, Park()),
]


@pytest.mark.parametrize(("failure", "attempts", "decision"), TABLE)
def test_every_failure_has_its_decision(
    failure: BaseException, attempts: int, decision: Decision
) -> None:
    assert decide(failure, attempts=attempts, now=NOW) == decision


SYSTEMS = st.none() | st.sampled_from(System)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = texts(5)
UNCOUNTED = (
    st.builds(Outage, TEXTS, system=SYSTEMS)
    | st.builds(AuthFailed, TEXTS, system=SYSTEMS)
    | st.builds(Limited, TEXTS, system=SYSTEMS, retry_at=TIMES, bulk_only=st.booleans())
)
FAILURES = (
    UNCOUNTED
    | st.builds(Transient, TEXTS, system=SYSTEMS, retry_at=st.none() | TIMES)
    | st.builds(OutcomeUnknown, TEXTS, system=SYSTEMS)
    | st.sampled_from([Rejected, Unmappable, DependencyParked]).flatmap(
        lambda failure: st.builds(failure, TEXTS, system=SYSTEMS)
    )
    | st.builds(Wait, TEXTS, seconds=st.floats(0.1, 60))
    | st.sampled_from([ValueError("x"), KeyError("x"), RuntimeError(), DATABASE_DOWN])
)
COUNTS = st.integers(0, 10**6)


@given(FAILURES, COUNTS, TIMES)
def test_any_failure_at_any_time_has_exactly_one_decision_whose_time_is_soon(
    failure: BaseException, attempts: int, now: datetime
) -> None:
    decision = decide(failure, attempts=attempts, now=now)
    match decision:
        case Retry(at=at) | PauseVendor(until=at):
            assert now < at <= now + LONGEST_WAIT
        case _:
            assert decision == Park()
    assert decision == decide(failure, attempts=attempts, now=now)


@given(UNCOUNTED | st.builds(Wait, TEXTS, seconds=st.floats(0.1, 60)), COUNTS)
def test_an_outage_a_used_up_quota_or_a_refused_login_never_counts_an_attempt_and_never_parks(
    failure: BaseException, attempts: int
) -> None:
    decision = decide(failure, attempts=attempts, now=NOW)
    assert isinstance(decision, PauseVendor) or (
        isinstance(decision, Retry) and not decision.counts
    )


@given(st.integers(0, 10**6))
def test_waits_never_shrink_from_try_to_try_and_never_exceed_the_longest(attempts: int) -> None:
    assert timedelta(seconds=5) <= backoff(attempts) <= backoff(attempts + 1) <= LONGEST_WAIT


@given(UNCOUNTED, st.integers(1, 10**6), TIMES)
def test_a_vendor_that_is_away_is_looked_at_soon_and_a_refused_login_not_too_often(
    failure: Failure, probes: int, now: datetime
) -> None:
    at = next_probe(failure, probes, now)
    assert now < at <= now + LONGEST_WAIT
    if isinstance(failure, Outage):
        assert at <= now + MOST_BETWEEN_PROBES
    if isinstance(failure, AuthFailed):
        assert at == now + BETWEEN_LOGINS


def test_a_passing_trouble_is_tried_again_for_days() -> None:
    together = sum((backoff(n) for n in range(1, MOST_TRANSIENT_ATTEMPTS)), timedelta(0))
    assert timedelta(days=2) < together < timedelta(days=4)


def test_what_nobody_expected_is_a_bug_and_its_text_is_not_shown() -> None:
    bug = KeyError(SECRET)
    assert class_of(bug) is FailureClass.BUG
    assert "KeyError" in explain(bug)
    assert SECRET not in explain(bug)


def test_a_database_that_is_gone_for_a_moment_is_no_bug_of_the_record() -> None:
    assert class_of(DATABASE_DOWN) is FailureClass.TRANSIENT
    assert SECRET not in explain(DATABASE_DOWN)


@given(FAILURES.filter(lambda failure: isinstance(failure, Failure | Wait)))
def test_what_was_expected_is_explained_in_its_own_words(failure: Failure | Wait) -> None:
    assert explain(failure) == failure.message
    assert class_of(failure) is not FailureClass.BUG
