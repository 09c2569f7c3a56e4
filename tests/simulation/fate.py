"""What is left to chance in one schedule: all of it comes from one seed, and all of it is told."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random

BEGINNING = datetime(2026, 3, 2, 8, tzinfo=UTC)


class Hazard(StrEnum):
    """What can go wrong, and how the schedule tells of it."""

    SWITCH = "pauses; another worker goes on"
    FREEZE = "stands still for longer than its claim"
    DEATH = "is killed"
    REQUEST_LOST = "times out: the call never arrived"
    REPLY_LOST = "times out: the call was carried out"
    ARRIVES_LATE = "times out: the call is still on its way"
    LIMITED = "is refused: 429"
    FAILED = "is answered 500"
    NO_LOGIN = "is refused: the login does not count any more"
    DOWN = "is refused: 503"
    MESSAGE_LOST = "message lost"
    MESSAGE_DOUBLED = "message doubled"
    WEBHOOK_LOST = "webhook lost"
    WEBHOOK_DOUBLED = "webhook doubled"


# Workers change places often: most of what can go wrong needs two.
_CHANCES = {Hazard.SWITCH: (0.2, 0.5)}
_RARE = (0.03, 0.1, 0.3)
# A record that stops more workers than this is rightly kept back.
_MOST_STOPPED = 4


class Fate:
    """Decides, and remembers what it decided.

    Each schedule has some of the hazards and not the others, so that every mixture has its turn.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.now = BEGINNING
        self.times: Counter[Hazard] = Counter()
        self._story: list[tuple[timedelta, str]] = []
        self._chances = {
            hazard: self.random.choice(_CHANCES.get(hazard, _RARE))
            for hazard in Hazard
            if self.random.random() < 0.4
        }

    def happens(self, hazard: Hazard) -> bool:
        """Whether it happens here and now."""
        chance = self._chances.get(hazard)
        if chance is None or self.random.random() >= chance:
            return False
        self.times[hazard] += 1
        if self.times[Hazard.DEATH] + self.times[Hazard.FREEZE] == _MOST_STOPPED:
            self._chances.pop(Hazard.DEATH, None)
            self._chances.pop(Hazard.FREEZE, None)
        return True

    def be_kind(self) -> None:
        """From now on nothing goes wrong any more."""
        self._chances.clear()

    def tell(self, *words: object) -> None:
        self._story.append((self.now - BEGINNING, " ".join(map(str, words))))

    def story(self) -> str:
        """The schedule, for people."""
        lines = [f"  {str(at).split('.')[0]:>8}  {words}" for at, words in self._story]
        return "\n".join([f"seed {self.seed}:", *lines])
