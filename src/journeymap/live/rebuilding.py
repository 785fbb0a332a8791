"""Rebuilding: a new version of the map, applied to the customers who are on their way."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.store import Transaction
from journeymap.documents import loads
from journeymap.live.log_lines import write_log
from journeymap.live.states import States
from journeymap.model import Change
from journeymap.tracking import Position, State
from journeymap.tracking.codec import position_in

__all__ = ["Moved", "Rebuilt", "rebuild"]

_BATCH = 200  # customers in one transaction: their histories are read, and their rows held
MAX_EXAMPLES = 1000
"""Moved customers named in the report: enough to look at, few enough for memory."""


@frozen
class Moved:
    """A customer whose stage or lap is another one on the new version of the map.

    Attributes:
        customer: The customer's name.
        before: The stage and the lap before.
        after: The position now.
    """

    customer: str
    before: tuple[str | None, int]
    after: Position | None


@frozen
class Rebuilt:
    """The result of applying a new version of the map.

    Attributes:
        changes: What changed in the map.
        customers: How many states were folded again.
        moved: How many customers have another stage or lap now.
        examples: The first thousand of them.
        rules: What changed in the rules for identities.
        regrouped: How many customers have another history by these rules.
        resolved: How many interactions had led to no one, and do now.
    """

    changes: tuple[Change, ...]
    customers: int
    moved: int
    examples: tuple[Moved, ...]
    rules: tuple[str, ...] = ()
    regrouped: int = 0
    resolved: int = 0


def rebuild(states: States, progress: Callable[[int], None] | None) -> Rebuilt:
    """Rebuild every state written under an older version of the map."""
    store, journey = states.store, states.tracker.map
    older = loads(store.read(lambda tx: tx.meta.read()["map"]), format="json")
    customers = moved = 0
    examples: list[Moved] = []
    for _, (count, found) in customer_pages(
        store.run, _BATCH, lambda tx, names: _rebuild_batch(states, tx, names)
    ):
        customers, moved = customers + count, moved + len(found)
        examples += found[: MAX_EXAMPLES - len(examples)]
        if progress is not None:
            progress(customers)
    store.run(states.write_map)
    write_log("info", "rebuilt %d customers; %d have another stage or lap", customers, moved)
    return Rebuilt(journey.diff(older), customers, moved, tuple(examples))


def _rebuild_batch(states: States, tx: Transaction, names: list[str]) -> tuple[int, list[Moved]]:
    versions, stored = tx.states.lock_versions(names), tx.states.read(names)
    old = {name: row for name, row in stored.items() if states.outdated(row)}
    made: dict[str, State] = {name: states.decode(tx, row) for name, row in old.items()}
    states.write(tx, made, versions)
    tx.checkpoints.delete(list(made))
    found = []
    for name, state in made.items():
        before, here = position_in(old[name].text), state.position
        if here is None or before != (here.stage, here.lap):
            found.append(Moved(name, before, here))
    return len(made), found
