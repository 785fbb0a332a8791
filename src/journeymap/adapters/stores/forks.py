"""Forks: what holds a connection, a lock or a thread begins anew in the process forked off."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from weakref import WeakMethod

from attrs import frozen

__all__ = ["PATIENCE", "call_at_fork", "hold_all"]

PATIENCE = 10.0
"""Seconds that a fork waits for threads that are within a database."""

Method = Callable[[], None]


@frozen
class _Owner:
    """The methods of an object to be called before a fork, and after it in either process."""

    before: WeakMethod[Method] | None
    parent: WeakMethod[Method] | None
    child: WeakMethod[Method]


_OWNERS: list[_Owner] = []


def call_at_fork(
    child: Method, *, before: Method | None = None, parent: Method | None = None
) -> None:
    """Call methods of an object whenever this process forks, while the object lives.

    Args:
        child: Called in the process forked off, before anything else runs there.
        before: Called before the fork: what must not be caught in the middle is waited for.
        parent: Called after it in this process.
    """
    _OWNERS[:] = [owner for owner in _OWNERS if owner.child() is not None]
    first, after = (None if method is None else WeakMethod(method) for method in (before, parent))
    _OWNERS.append(_Owner(first, after, WeakMethod(child)))


def hold_all(slots: threading.Semaphore, count: int) -> int:
    """Take the places of all threads that may be within a database, so that none is at a fork.

    Args:
        slots: The places.
        count: How many there are.

    Returns:
        How many were free soon enough; the others stay with who has them.
    """
    until = time.monotonic() + PATIENCE
    for held in range(count):
        if not slots.acquire(timeout=max(0.0, until - time.monotonic())):
            return held
    return count


def _before() -> None:
    _call([owner.before for owner in _OWNERS])


def _in_parent() -> None:
    _call([owner.parent for owner in reversed(_OWNERS)])


def _in_child() -> None:
    _call([owner.child for owner in _OWNERS])


def _call(weak: list[WeakMethod[Method] | None]) -> None:
    """Call every method; where one fails, the others are called all the same."""
    with ExitStack() as stack:
        for one in reversed(weak):
            method = None if one is None else one()
            if method is not None:
                stack.callback(method)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
