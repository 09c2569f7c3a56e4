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
    SLOW = "stands still for a while"
    FREEZE = "stands still for longer than its claim"
    DEATH = "is killed"
    REQUEST_LOST = "times out: the call never arrived"
    REPLY_LOST = "times out: the call was carried out"
    ARRIVES_LATE = "times out: the call is still on its way"
    LIMITED = "is refused: 429"
    FAILED = "is answered 500"
    SESSION_LOST = "is refused: the session has expired"
    NO_LOGIN = "is refused: the login does not count any more"
    DOWN = "is refused: 503"
    MESSAGE_LOST = "message lost"
    MESSAGE_DOUBLED = "message doubled"
    WEBHOOK_LOST = "webhook lost"
    WEBHOOK_DOUBLED = "webhook doubled"


# How many hazards a schedule has: a few that happen often find more than many in one schedule, each
# of which hides what the others have done. Those that leave open what has been written come more
# often than those that only take time.
_HOW_MANY = (0, 1, 1, 2, 2, 3, 4, 6)
_OFTEN = dict.fromkeys(Hazard, 1) | dict.fromkeys(
    (Hazard.FREEZE, Hazard.DEATH, Hazard.REPLY_LOST, Hazard.ARRIVES_LATE), 3
)
# How likely each is wherever it can happen; of writes there are few.
_USUAL = (0.05, 0.15, 0.4)
_LIKELY = {Hazard.REQUEST_LOST: (0.3, 0.6), Hazard.ARRIVES_LATE: (0.3, 0.6)}
# Workers change places in most schedules, and are slow: much of what can go wrong needs two.
_SWITCHES = (0.0, 0.2, 0.5, 0.5)
_SLOW = (0.0, 0.15, 0.3)
# A record that stops five workers is rightly kept back; one that was made to wait long is one of
# them, and who was only slow may become one.
_STOPS = (Hazard.DEATH, Hazard.FREEZE)
_MOST_STOPPED = 3
_MOST_SLOW = 3
_MOST_OF_BOTH = 4


class Fate:
    """Decides, and remembers what it decided; kind, until it is told to be unkind.

    Each schedule has some of the hazards and not the others, so that every mixture has its turn.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.now = BEGINNING
        self.times: Counter[Hazard] = Counter()
        self._story: list[tuple[timedelta, str]] = []
        self._chances: dict[Hazard, float] = {}

    def happens(self, hazard: Hazard) -> bool:
        """Whether it happens here and now."""
        chance = self._chances.get(hazard)
        if chance is None or self.random.random() >= chance:
            return False
        self.times[hazard] += 1
        if self.times[Hazard.SLOW] == _MOST_SLOW:
            self._no_more(Hazard.SLOW)
        stopped = sum(self.times[stop] for stop in _STOPS)
        if stopped == _MOST_STOPPED:
            self._no_more(*_STOPS, Hazard.SWITCH)
        if stopped + self.times[Hazard.SLOW] == _MOST_OF_BOTH:
            self._no_more(*_STOPS, Hazard.SLOW)
        return True

    def _no_more(self, *hazards: Hazard) -> None:
        for hazard in hazards:
            self._chances.pop(hazard, None)

    def be_unkind(self) -> None:
        """From now on things go wrong."""
        choice = self.random.choice
        often = list(_OFTEN.values())
        hazards = self.random.sample(list(_OFTEN), choice(_HOW_MANY), counts=often)
        self._chances = {hazard: choice(_LIKELY.get(hazard, _USUAL)) for hazard in hazards}
        self._chances |= {Hazard.SWITCH: choice(_SWITCHES), Hazard.SLOW: choice(_SLOW)}

    def be_kind(self) -> None:
        """From now on nothing goes wrong any more."""
        self._chances.clear()

    def tell(self, *words: object) -> None:
        self._story.append((self.now - BEGINNING, " ".join(map(str, words))))

    def story(self) -> str:
        """The schedule, for people."""
        lines = [f"  {str(at).split('.')[0]:>8}  {words}" for at, words in self._story]
        return "\n".join([f"seed {self.seed}:", *lines])
