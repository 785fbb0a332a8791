"""A new version of the map, applied to the customers who are on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

from journeymap.adapters.store import Transaction
from journeymap.documents import dumps, loads
from journeymap.model import Change
from journeymap.tracking import Position, State
from journeymap.tracking.codec import position_in

if TYPE_CHECKING:
    from journeymap.live.live import Live

__all__ = ["Moved", "Rebuilt", "rebuilt"]

_BATCH = 200
_SHOWN = 1000


@frozen
class Moved:
    """A customer who stands elsewhere on the new version of the map: stage and lap."""

    customer: str
    before: tuple[str | None, int]
    after: Position | None


@frozen
class Rebuilt:
    """What a new version of the map changed.

    ``changes`` are those of the map, ``customers`` how many states were told again; ``moved``
    counts those whose stage or lap changed, ``examples`` are the first thousand of them.
    """

    changes: tuple[Change, ...]
    customers: int
    moved: int
    examples: tuple[Moved, ...]


def rebuilt(live: Live, progress: Callable[[int], None] | None) -> Rebuilt:
    """Tell every state again that is told along another version of the map."""
    store = live.store
    older = loads(store.read(lambda tx: tx.notes()["map"]), format="json")
    after, customers, moved = "", 0, 0
    examples: list[Moved] = []
    while True:

        def work(tx: Transaction, after: str = after) -> tuple[list[str], int, list[Moved]]:
            return _batch(live, tx, after)

        names, count, found = store.run(work)
        if not names:
            break
        after, customers, moved = names[-1], customers + count, moved + len(found)
        examples += found[: _SHOWN - len(examples)]
        if progress is not None:
            progress(customers)
    store.run(lambda tx: tx.note("map", dumps(live.map, format="json")))
    return Rebuilt(live.map.diff(older), customers, moved, tuple(examples))


def _batch(live: Live, tx: Transaction, after: str) -> tuple[list[str], int, list[Moved]]:
    names = tx.customers(after, _BATCH)
    versions = tx.versions(names) if names else {}
    old = {
        name: kept
        for name, kept in (tx.states(names) if names else {}).items()
        if kept.map != live._mark
    }
    states: dict[str, State] = {name: live._read_state(tx, kept) for name, kept in old.items()}
    live._put(tx, states, versions)
    found = []
    for name, state in states.items():
        before, here = position_in(old[name].text), state.position
        if here is None or before != (here.stage, here.lap):
            found.append(Moved(name, before, here))
    return names, len(states), found
