"""Two folds of one past, without and with what came late, and where they agree again.

From where they mean the same for all that comes later, the rest of the past need not be folded:
what was known of it stays, but for what is counted up (see `LateChange`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from attrs import frozen

from journeymap.interactions import Interaction
from journeymap.tracking.compiled_map import CompiledMap
from journeymap.tracking.fold import MAX_PRODUCTS, fire, step
from journeymap.tracking.fold_state import LONG_AGO, FoldState, Occasion, ProductState

__all__ = ["Lane", "LateChange", "agree"]

Products = tuple[tuple[str, ProductState], ...]


class Lane(Occasion):
    """A fold of interactions in order, with its signals.

    Attributes:
        state: What the fold carries.
    """

    __slots__ = ("_compiled", "state")

    def __init__(self, compiled: CompiledMap, customer: str, state: FoldState) -> None:
        self._compiled, self.customer, self.state = compiled, customer, state
        self.signals = []
        self.emit = self.signals.append

    def branch(self) -> Lane:
        """Begin another lane from here; its signals are its own."""
        return Lane(self._compiled, self.customer, self.state)

    def take(self, one: Interaction) -> None:
        """Fold one interaction, with the timers that come due before it."""
        at, state = one.at.astimezone(UTC), self.state
        if at >= state.sleep or at > state.slow.timer:
            state = fire(self._compiled, state, at, self)
        self.state = step(self._compiled, state, one, at, self)

    def advance(self, now: datetime) -> None:
        """Let time pass."""
        self.state = fire(self._compiled, self.state, now, self)


def agree(old: FoldState, new: FoldState, last: FoldState) -> bool:
    """Check whether what comes later means the same after both; ``last`` is where old leads."""
    return (
        old.trail == new.trail
        and old._replace(
            folded=0, since=None, lap=1, products=(),
            slow=old.slow._replace(values=new.slow.values),
        ) == new._replace(folded=0, since=None, lap=1, products=(), slow=new.slow)
        and _products_agree(old.products, new.products, last.products, new.at)
    )  # fmt: skip


def _products_agree(old: Products, new: Products, last: Products, at: datetime) -> bool:
    if old == new:
        return True
    most = max(len(old), len(new), len(last) + max(0, len(new) - len(old)))
    if most >= MAX_PRODUCTS:  # which was dropped depends on all
        return False
    befores, afters, ends = dict(old), dict(new), dict(last)
    for name in befores.keys() | afters.keys():
        before, after, end = befores.get(name), afters.get(name), ends.get(name)
        if before == after or end is None or end.at <= at:
            continue
        if before is None or after is None:
            return False
        if (before.stage, before.at) != (after.stage, after.at):
            return False
    return True


@frozen
class LateChange:
    """The difference that a late interaction makes to every state after the two folds agree.

    Attributes:
        begun: The time of the state from which both were folded; what they carry of counts, sums
            and entered stages up to then is not to be relied on.
        old: The state without what came late, where they agree.
        new: The state with it.
    """

    begun: datetime
    old: FoldState
    new: FoldState

    @property
    def laps(self) -> int:
        """How many laps more have begun."""
        return self.new.lap - self.old.lap

    @property
    def of_products(self) -> bool:
        """Check whether the place of a product's journey is another one now."""
        return dict(self.old.products).keys() != dict(self.new.products).keys() or any(
            (a.stage, a.at) != (b.stage, b.at)
            for (_, a), (_, b) in zip(self.old.products, self.new.products, strict=True)
        )

    def apply(self, state: FoldState) -> FoldState:
        """Return a true state of then or later as it is with what came late."""
        old, new = self.old, self.new
        return state._replace(
            folded=state.folded + new.folded - old.folded,
            lap=state.lap + self.laps,
            since=self._since(state.since, new.since),
            products=self._products(state.products),
            slow=state.slow._replace(values=self._values(state.slow.values)),
        )

    def complete(self, state: FoldState) -> FoldState:
        """Return the new state itself, its counts made right by the true old one."""
        if self.begun == LONG_AGO:  # folded from the beginning
            return self.new
        right = self.apply(state)
        return self.new._replace(
            folded=right.folded, lap=right.lap, since=right.since, products=right.products,
            slow=self.new.slow._replace(values=right.slow.values),
        )  # fmt: skip

    def _since(self, true: datetime | None, new: datetime | None) -> datetime | None:
        """Return when the stage was entered: since the fold began it is known, before it stays."""
        if true is not None and true > self.new.at:
            return true
        return new if new is not None and new > self.begun else true

    def _products(self, true: Products) -> Products:
        befores, afters = dict(self.old.products), dict(self.new.products)
        if befores == afters:
            return true
        made = dict(true)
        for name in [n for n in made if n in befores and n not in afters]:
            if made[name].at <= self.new.at:
                del made[name]  # dropped for another one
        for name, after in afters.items():
            before, end = befores.get(name), made.get(name)
            if before == after or (end is None and before is not None):  # dropped since
                continue
            laps = after.lap - (before.lap if before is not None else 0)
            if end is None or end.at <= self.new.at:
                lap = after.lap if end is None else end.lap + laps
                since = self._since(end.since if end is not None else None, after.since)
                made[name] = ProductState(after.stage, since, lap, after.at, after.ended)
            else:
                since = self._since(end.since, after.since)
                made[name] = end._replace(lap=end.lap + laps, since=since)
        return tuple(sorted(made.items()))

    def _values(self, true: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
        old, new = self.old.slow.values, self.new.slow.values
        if old == new:
            return true
        added = {name: total - old.get(name, Decimal(0)) for name, total in new.items()}
        return {name: true.get(name, Decimal(0)) + added.get(name, Decimal(0))
                for name in {**new, **true}}  # fmt: skip
