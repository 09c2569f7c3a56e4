"""Ctrl-C, SIGTERM and a closed window: noticed once; nothing disturbs the tidying up after that."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sandbox.stack import SIGNALS


class Interrupt:
    """Whether somebody has asked us to end."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """End, if asked to.

        Raises:
            KeyboardInterrupt: somebody asked. Python drops what a signal raises in a finaliser, so
                whoever waits for long asks here as well.
        """
        if self.asked:
            raise KeyboardInterrupt

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = True
            raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Raise KeyboardInterrupt in the block at the first of these signals, and only then."""
    interrupt = Interrupt()
    before = {each: signal.signal(each, interrupt._arrived) for each in SIGNALS}
    try:
        yield interrupt
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
