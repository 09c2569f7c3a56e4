"""Fields that people have emptied: emptied at the target too, and not filled again from there."""

from __future__ import annotations

from shared.entity import Entity, Seen
from shared.words import Direction


def emptied_since(known: Seen, entity: Entity) -> set[str]:
    """The fields that had a value when both sides last agreed, and are known to be empty now."""
    return {name for name in entity.empty() if known.get(name) is not None}


def kept_empty(
    entity: Entity, current: Entity, *, source_known: Seen, target_known: Seen
) -> set[str]:
    """The fields that are empty at the target and stay so: nobody has edited them on either side
    since both last agreed, though the source may still hold a value.

    That is how a field looks that was emptied on one side, while the other could not be emptied.
    """
    now = entity.seen()
    return {
        name
        for name in current.empty()
        if target_known.get(name, ...) is None and source_known.get(name, ...) == now[name]
    }


def not_emptied(names: set[str], current: Entity, direction: Direction, why: str) -> list[str]:
    """The remark on fields that keep their values at the target; none where they hold none."""
    now = current.seen()
    held = {name: now[name] for name in sorted(names)}
    values = {name: value for name, value in held.items() if value is not None}
    if not values:
        return []
    return [
        f"{', '.join(values).replace('_', ' ')}: emptied in {direction.source.title}, not in "
        f"{direction.target.title}, {why}. Empty it there by hand, if it is to be: it still holds "
        f"{values}. It is not brought back."
    ]
