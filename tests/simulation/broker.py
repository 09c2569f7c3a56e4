"""Messages to the workers, and webhooks: lost, doubled and in any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.fate import Fate, Hazard


@dataclass(frozen=True)
class Message:
    """Something a process is asked to do.

    Attributes:
        kept: the sender keeps it until it is acknowledged, as Rackbeat does with its webhooks.
    """

    says: str
    task: Callable[[], None]
    kept: bool = False


class Broker:
    """Everything that is under way to a process."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        lost, doubled = (
            (Hazard.WEBHOOK_LOST, Hazard.WEBHOOK_DOUBLED)
            if message.kept
            else (Hazard.MESSAGE_LOST, Hazard.MESSAGE_DOUBLED)
        )
        if self._fate.happens(lost):
            self._fate.tell(f"{lost}: {message.says}")
            return
        self.messages.append(message)
        if self._fate.happens(doubled):
            self._fate.tell(f"{doubled}: {message.says}")
            self.messages.append(message)

    def take(self) -> Message:
        """Any of them: order is not promised."""
        return self.messages.pop(self._fate.random.randrange(len(self.messages)))

    def not_acknowledged(self, message: Message) -> None:
        """Whoever took it died: it is delivered again, or the broker has lost it as well."""
        if message.kept or self._fate.random.random() < 0.5:
            self.messages.append(message)
