"""Forks: what holds a connection, a lock or a thread begins anew in the process forked off."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from weakref import WeakMethod

from attrs import frozen

__all__ = ["call_at_fork"]

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
