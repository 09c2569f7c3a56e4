"""What would become of the records that a previewed one needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.engine.writing import PreviewWriter
from shared.entity import Entity, Reference, RefersTo
from shared.failures import DependencyParked, Rejected, Unmappable
from shared.tables import Change
from shared.words import Cause

UNKNOWN = "0"  # the key of a record whose key the target will choose


@dataclass
class Foresight:
    """Previews each needed record once.

    Attributes:
        preview: says what would become of a change.
    """

    preview: Callable[[Change, Foresight], PreviewWriter]
    _keys: dict[tuple[str, str], str | DependencyParked] = field(default_factory=dict)

    def key_of(self, change: Change, reference: Reference) -> str:
        """The key at the target that a record needed by a change would have.

        Raises:
            DependencyParked: it would not be transferred.
        """
        which = (reference.kind, reference.key)
        if which not in self._keys:
            self._keys[which] = self._foreseen(change, reference)
        found = self._keys[which]
        if isinstance(found, DependencyParked):
            raise DependencyParked(found.message)
        return found

    def _foreseen(self, change: Change, reference: Reference) -> str | DependencyParked:
        needed = Change(
            connection_id=change.connection_id,
            kind=reference.kind,
            direction=change.direction,
            key=reference.key,
            cause=Cause.DEPENDENCY.value,
            bulk=change.bulk,
            forced=False,
        )
        try:
            done = self.preview(needed, self)
        except (Rejected, Unmappable, DependencyParked) as failure:
            return _parked(reference, failure.message)
        if done.target_key is None and done.message is not None:
            return _parked(reference, done.message)
        return done.target_key or UNKNOWN


def without_unknown_keys(
    entity: type[Entity], fields: Mapping[str, tuple[Any, Any]]
) -> dict[str, tuple[Any, Any]]:
    """The fields of a preview, for people: a record that would be made has no number yet."""
    refer = {
        name
        for name, field_of_it in entity.model_fields.items()
        if any(isinstance(marker, RefersTo) for marker in field_of_it.metadata)
    }
    return {
        name: (now, "(new)" if name in refer and then == UNKNOWN else then)
        for name, (now, then) in fields.items()
    }


def _parked(reference: Reference, why: str) -> DependencyParked:
    kind = reference.kind.replace("_", " ")
    return DependencyParked(f"Needs {kind} {reference.key}, which would not be transferred: {why}")
