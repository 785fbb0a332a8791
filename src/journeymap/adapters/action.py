"""The contract of actions: carry out what a signal asks for, once however often it is asked.

An action is any callable that takes a signal and raises when it could not carry it out. It is
called at least once for each signal, so it recognises a signal by its ``id``. A package offers a
factory, which makes an action from one text; ``journeymap.testing.check_action`` proves it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeAlias

__all__ = ["ActionFactory", "AskedSignal"]


class AskedSignal(Protocol):
    """A signal, as an action receives it."""

    @property
    def id(self) -> str:
        """The same whenever the same is asked: an idempotency key."""
        ...

    @property
    def kind(self) -> str:
        """The kind of signal, such as ``moment reached``."""
        ...

    @property
    def customer(self) -> str:
        """The customer's name."""
        ...

    @property
    def at(self) -> datetime:
        """The time at which it became true."""
        ...


ActionFactory: TypeAlias = Callable[[str], Callable[[Any], None]]
"""Makes an action from one text: a file, an address, whatever the action needs."""
