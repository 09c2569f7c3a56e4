"""Worker processes: they change places, stand still or die where the seed says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from tests.simulation.broker import Message
from tests.simulation.fate import Fate, Hazard

LONGER_THAN_A_CLAIM = timedelta(seconds=200)


class Death(BaseException):
    """The process is killed here. No code of the product may get to see it and go on."""


class Worker(greenlet):
    """One process at its task.

    Attributes:
        message: what it was asked to do.
        died: it was killed.
        stands_still_until: not before then does it go on.
    """

    def __init__(self, name: str, message: Message) -> None:
        super().__init__(self._carry_out)
        self.name = name
        self.message = message
        self.died = False
        self.stands_still_until: datetime | None = None

    def _carry_out(self) -> None:
        try:
            self.message.task()
        except Death:
            self.died = True

    def __str__(self) -> str:
        return self.name


class Workers:
    """All processes at work.

    Args:
        may_switch: whether nothing is under way that a change of places would mix up.
    """

    def __init__(self, fate: Fate, may_switch: Callable[[], bool]) -> None:
        self._fate = fate
        self._may_switch = may_switch
        self._hub = getcurrent()
        self._started = 0
        self.busy: list[Worker] = []

    def start(self, message: Message) -> Worker:
        """A process begins with a task, and has not come far yet."""
        self._started += 1
        worker = Worker(f"worker {self._started}", message)
        self.busy.append(worker)
        self._fate.tell(worker, "takes:", message.says)
        return worker

    def ready(self) -> list[Worker]:
        now = self._fate.now
        return [w for w in self.busy if not w.stands_still_until or w.stands_still_until <= now]

    def let(self, worker: Worker) -> bool:
        """Let a worker go on until it pauses, ends or dies; whether it is done with its task."""
        worker.stands_still_until = None
        worker.switch()
        if not worker.dead:
            return False
        self.busy.remove(worker)
        return True

    def current(self) -> Worker | None:
        here = getcurrent()
        return here if isinstance(here, Worker) else None

    def pass_by(self, where: str) -> None:
        """A point at which a process may be killed, or another one may go on."""
        worker = self.current()
        if worker is None:
            return
        fate = self._fate
        if fate.happens(Hazard.DEATH):
            fate.tell(worker, Hazard.DEATH, where)
            raise Death
        if not self._may_switch():
            return
        if fate.happens(Hazard.FREEZE):
            fate.tell(worker, Hazard.FREEZE, where)
            worker.stands_still_until = fate.now + LONGER_THAN_A_CLAIM
        elif fate.happens(Hazard.SWITCH):
            fate.tell(worker, Hazard.SWITCH, where)
        else:
            return
        self._hub.switch()

    def watch(self, sessions: sessionmaker[Session]) -> None:
        """Make the points before and after every commit."""
        event.listen(sessions, "before_commit", self._before_commit)
        event.listen(sessions, "after_commit", self._after_commit)

    def leave(self, sessions: sessionmaker[Session]) -> None:
        """No more points; whoever is still at work is killed."""
        event.remove(sessions, "before_commit", self._before_commit)
        event.remove(sessions, "after_commit", self._after_commit)
        for worker in filter(None, self.busy):  # those that have begun
            worker.throw(Death)

    def _before_commit(self, _session: Any) -> None:
        self.pass_by("before a commit")

    def _after_commit(self, _session: Any) -> None:
        self.pass_by("after a commit")
