"""Signals that stay true under another name, or at another place among those of one time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve, fields, frozen

from journeymap.tracking import Signal, Withdrawn

__all__ = ["Paired", "anonymous", "pair_signals"]

_TIES = ("tie", "begun_tie")


@frozen
class Paired:
    """The signals that were given, beside those that are true now.

    Attributes:
        moved: Those that are true still, each as it was and as it is.
        gone: Those that are not true any more.
        new: Those that were not given.
    """

    moved: tuple[tuple[Signal, Signal], ...]
    gone: tuple[Signal, ...]
    new: tuple[Signal, ...]

    @property
    def news(self) -> list[Signal]:
        """The signals to be given: withdrawals, and those that are new."""
        withdrawn = [Withdrawn(one.customer, one.at, one.tie, one) for one in self.gone]
        return [*withdrawn, *self.new]


def pair_signals(given: Iterable[Signal], true: Iterable[Signal]) -> Paired:
    """Pair the signals that were given with those that are true.

    First the very same ones; then those that differ by the name of the customer, or by the place of
    their interaction among those at its time, in their order.
    """
    held: dict[Signal, list[Signal]] = {}
    earlier = list(given)
    for signal in earlier:
        held.setdefault(anonymous(signal), []).append(signal)
    others: list[Signal] = []
    for signal in true:
        same = held.get(anonymous(signal), [])
        if signal in same:
            same.remove(signal)
        else:
            others.append(signal)
    moved: list[tuple[Signal, Signal]] = []
    new: list[Signal] = []
    for signal in others:
        same = held.get(anonymous(signal), [])
        if same:
            moved.append((same.pop(0), signal))
        else:
            new.append(signal)
    gone: list[Signal] = []
    for signal in earlier:
        left = held[anonymous(signal)]
        if signal in left:
            left.remove(signal)
            gone.append(signal)
    return _without_collisions(moved, gone, new)


def _without_collisions(
    moved: list[tuple[Signal, Signal]], gone: list[Signal], new: list[Signal]
) -> Paired:
    """Let no signal move to where one that is gone was: it is given as a new one."""
    while True:
        keys = {one.key for one in gone}
        stay = [(old, now) for old, now in moved if now.key not in keys]
        if len(stay) == len(moved):
            return Paired(tuple(moved), tuple(gone), tuple(new))
        gone += [old for old, now in moved if now.key in keys]
        new += [now for _, now in moved if now.key in keys]
        moved = stay


def anonymous(signal: Signal) -> Signal:
    """Make the signal without the name of its customer, and without its place at its time."""
    names = {one.name for one in fields(type(signal))}
    changed: dict[str, Any] = {name: 0 for name in _TIES if name in names}
    inner = getattr(signal, "signal", None)
    if isinstance(inner, Signal):
        changed["signal"] = anonymous(inner)
    return evolve(signal, customer="", **changed)
