"""Work beside other work, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeating(act: Callable[[], object], *, every_seconds: float) -> Iterator[None]:
    """Do something again and again, the first time after a pause, as long as the block takes."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(every_seconds):
            act()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
