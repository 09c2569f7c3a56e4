"""What was begun before the settings stopped it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared import idempotency
from shared.engine.matching import Match
from shared.engine.transfer import Transfer
from shared.engine.wanted import not_wanted
from shared.engine.writing import Result
from shared.settings import Settings
from shared.tables import IdempotencyKey
from shared.words import Direction, Origin, Outcome


@dataclass
class TransferIfWanted(Transfer):
    """One try at one change, which ends at once where the settings do not want it.

    What had been created by then without an answer is linked first, but not written any more. It
    would be a record of its own otherwise, and come back as another one.
    """

    def _without_writing(self) -> Result | None:
        reason = not_wanted(self.change, self.kind, self.settings)
        if reason is None:
            return super()._without_writing()
        earlier = self.recovery.earlier_creation()
        if not idempotency.is_unanswered(earlier):
            return Result(Outcome.SKIPPED, message=reason)
        if self._link_of(self.kind.name, self.direction.source, self.change.key) is not None:
            return Result(Outcome.SKIPPED, message=reason)
        # What tells records from others may hang on the origin: as it was then.
        then = replace(self, settings=_letting(self.settings, self.kind.name, self.direction))
        match = then.begun(earlier)
        if match is None:
            return Result(Outcome.SKIPPED, message=reason)
        return Result(
            Outcome.SKIPPED,
            match.key,
            message=f"{reason} It had been begun before that, and is linked to "
            f"{self.kind.title.lower()} {match.key} in {self.direction.target.title}. Look there "
            "whether it is whole: complete it by hand if it is still a draft.",
            source_seen=earlier.source_seen or {},
            target_seen=earlier.target_seen or {},
        )

    def begun(self, earlier: IdempotencyKey) -> Match | None:
        """What an unanswered creation has made; None where it has made nothing.

        Raises:
            Transient: it is too early to tell.
        """
        record = self._record(None)
        if record is None:
            return None
        entity = self.source.parse(record, self._context())
        match = self._match(entity.with_references(self._key_at_target), None, earlier)
        if match is None:
            self.recovery.absence_is_proven(earlier)
        return match


def _letting(settings: Settings, kind: str, direction: Direction) -> Settings:
    """The same settings, but records of a kind are made at a direction's source."""
    origin = Origin(direction.source.value)
    return settings.model_copy(
        update={kind: settings.of(kind).model_copy(update={"origin": origin})}
    )
