"""Worker processes: they change places, stand still or die where the seed says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from greenlet import getcurrent, greenlet

from tests.simulation.broker import Message
from tests.simulation.fate import Fate, Hazard

CLAIM = timedelta(seconds=180)
A_WHILE = timedelta(seconds=40)
LONGER_THAN_A_CLAIM = (timedelta(seconds=200), timedelta(seconds=400))


class Death(BaseException):
    """The process is killed here. No code of the product may get to see it and go on."""


class Worker(greenlet):
    """One process at its task.

    Attributes:
        message: what it was asked to do.
        claims_until: then what it has claimed is free for others.
        died: it was killed.
        stands_still_until: not before then does it go on.
    """

    def __init__(self, name: str, message: Message, now: datetime) -> None:
        super().__init__(self._carry_out)
        self.name = name
        self.message = message
        self.claims_until = now + CLAIM
        self.died = False
        self.stands_still_until = now

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
        worker = Worker(f"worker {self._started}", message, self._fate.now)
        self.busy.append(worker)
        self._fate.tell(worker, "takes:", message.says)
        return worker

    def ready(self) -> list[Worker]:
        return [worker for worker in self.busy if worker.stands_still_until <= self._fate.now]

    def standing_still(self) -> list[Worker]:
        return [worker for worker in self.busy if worker.stands_still_until > self._fate.now]

    def let(self, worker: Worker) -> bool:
        """Let a worker go on until it pauses, ends or dies; whether it is done with its task."""
        worker.switch()
        if not worker.dead:
            return False
        self.busy.remove(worker)
        return True

    def current(self) -> Worker | None:
        here = getcurrent()
        return here if isinstance(here, Worker) else None

    def may_die(self, where: str) -> None:
        """A point at which a process may be killed."""
        worker = self.current()
        if worker is not None and self._fate.happens(Hazard.DEATH):
            self._fate.tell(worker, Hazard.DEATH, where)
            raise Death

    def pass_by(self, where: str) -> None:
        """A point at which a process may be killed, or stand still, or another one may go on."""
        self.may_die(where)
        worker, fate = self.current(), self._fate
        if worker is None or not self._may_switch():
            return
        if fate.happens(Hazard.FREEZE):
            fate.tell(worker, Hazard.FREEZE, where)
            worker.stands_still_until = fate.now + fate.random.choice(LONGER_THAN_A_CLAIM)
        elif fate.happens(Hazard.SLOW):
            fate.tell(worker, Hazard.SLOW, where)
            worker.stands_still_until = fate.now + A_WHILE
        elif fate.happens(Hazard.SWITCH):
            fate.tell(worker, Hazard.SWITCH, where)
        else:
            return
        self._hub.switch()

    def leave(self) -> None:
        """Whoever is still at work is killed."""
        for worker in filter(None, self.busy):  # those that have begun
            worker.throw(Death)
