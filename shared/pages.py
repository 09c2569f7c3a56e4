"""What a run has read of its lists, kept until all of a kind is listed.

A list that is interrupted, because the calls are used up, the vendor is down or the worker has
died, goes on with the page it lacks. So nobody waits in a worker's slot for the next page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, sessionmaker

from shared.clock import Clock
from shared.idempotency import fingerprint
from shared.tables import ListedPage

# Older pages are read anew. Longer than even a quota that many connections share lets a list take.
FRESH_FOR = timedelta(hours=6)
T = TypeVar("T")


@dataclass(frozen=True)
class Pages:
    """What one run has read."""

    sessions: sessionmaker[Session]
    run_id: int
    clock: Clock

    def kept(self, request: str) -> str | None:
        """The answer to a request, unless it was never asked for or is old."""
        asked = {"run": self.run_id, "asked": request, "since": self.clock() - FRESH_FOR}
        with self.sessions() as session:
            return session.scalar(_KEPT, asked)

    def keep(self, request: str, answer: str) -> None:
        values = {"answer": answer, "read_at": self.clock()}
        with self.sessions.begin() as session:
            session.execute(
                insert(ListedPage)
                .values(run_id=self.run_id, request=request, **values)
                .on_conflict_do_update(index_elements=["run_id", "request"], set_=values)
            )


_KEPT = select(ListedPage.answer).where(
    ListedPage.run_id == bindparam("run"),
    ListedPage.request == bindparam("asked"),
    ListedPage.read_at > bindparam("since"),
)
_pages: ContextVar[Pages | None] = ContextVar("pages", default=None)


@contextmanager
def remembering(pages: Pages) -> Iterator[None]:
    """Within, `remembered` asks for nothing that has been answered."""
    token = _pages.set(pages)
    try:
        yield
    finally:
        _pages.reset(token)


def remembered(request: Mapping[str, Any], ask: Callable[[], T]) -> T:
    """What `ask` answers to a request of a list: plain dicts, lists and values. Where a run reads
    it and has read it before, nothing is asked.

    Args:
        request: all that the answer depends on, but for the account.
    """
    pages = _pages.get()
    if pages is None:
        return ask()
    key = fingerprint(request)
    kept = pages.kept(key)
    if kept is not None:
        answer: T = json.loads(kept, object_hook=_restored)
        return answer
    answer = ask()
    pages.keep(key, json.dumps(answer, default=_marked))
    return answer


def forget(session: Session, run_id: int) -> None:
    """Delete all that a run has read; the caller commits."""
    session.execute(delete(ListedPage).where(ListedPage.run_id == run_id))


# JSON has neither of these; no vendor's field is called so.
_DECIMAL, _TIME = "\0decimal", "\0time"


def _marked(value: object) -> dict[str, str]:
    match value:
        case Decimal():
            return {_DECIMAL: str(value)}
        case datetime():
            return {_TIME: value.isoformat()}
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be kept")


def _restored(found: dict[str, Any]) -> Any:
    match found:
        case {"\0decimal": str(written)}:
            return Decimal(written)
        case {"\0time": str(written)}:
            return datetime.fromisoformat(written)
        case _:
            return found
