"""Handlers: how an action is called, tried again, given up, and spared while it fails."""

from __future__ import annotations

import contextvars
import inspect
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from attrs import Attribute, define, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.rules import (
    as_length,
    maybe_length,
    of_type,
    positive_duration,
)
from journeymap.tracking import MomentReached, Signal, Withdrawn

__all__ = ["Action", "Actions", "Breaker", "Handler", "Released", "call_action", "find_handler",
           "names_of"]  # fmt: skip

Action: TypeAlias = Callable[[Signal], Any]
"""Carries out what a signal asks for, once for each ``signal.id``; raises when it could not."""


class Released(BaseException):
    """An action was stopped, not failed: its letter may be taken at once, by anyone."""


def _count(instance: object, attribute: Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        message = "a whole number from 1 up is expected"
        raise ElementError("Handler", attribute.name, value, message)


def _callable(instance: object, attribute: Attribute[Any], value: object) -> None:
    if not callable(value):
        raise ElementError("Handler", attribute.name, value, "something callable is expected")


_maybe_count: Any = validators.optional(_count)
_length: Any = validators.optional(positive_duration)


@frozen
class Handler:
    """An action, and how it is called.

    Attributes:
        action: The action.
        attempts: How often it is tried before a letter is given up.
        first_pause: The pause after the first failure; it is tripled after each.
        longest_pause: The longest pause.
        total: The most time from the first attempt to the last (None: any).
        timeout: The most time that a call may take; then it has failed (None: any).
        in_order: Whether the signals of a customer are handed out one after the other: a later one
            waits until the one before is taken, or given up.
        break_after: After how many failures in a row the action is spared for a while, and then
            tried with one letter (None: never).
        break_for: For how long at first; it is doubled while the action goes on failing.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> Handler(print, attempts=20, timeout=timedelta(seconds=5)).in_order
    False
    """

    action: Action = field(validator=_callable)
    attempts: int = field(default=8, validator=_count, kw_only=True)
    first_pause: timedelta = field(
        default=timedelta(seconds=10),
        converter=as_length,
        validator=positive_duration,
        kw_only=True,
    )
    longest_pause: timedelta = field(
        default=timedelta(hours=6), converter=as_length, validator=positive_duration, kw_only=True
    )
    total: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )
    timeout: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )
    in_order: bool = field(default=False, validator=of_type(bool), kw_only=True)
    break_after: int | None = field(default=5, validator=_maybe_count, kw_only=True)
    break_for: timedelta = field(
        default=timedelta(minutes=1), converter=as_length, validator=positive_duration, kw_only=True
    )

    def pause_after(self, attempts: int) -> timedelta:
        """Compute the pause after some attempts that failed.

        Args:
            attempts: How many.

        Returns:
            The pause.
        """
        pause = self.first_pause
        for _ in range(attempts - 1):
            if pause >= self.longest_pause:
                break
            pause *= 3
        return min(pause, self.longest_pause)


Actions: TypeAlias = Mapping[str, Action | Handler] | Action | Handler
"""One action for everything, or several by a moment's id, its action's text or a signal's kind."""


def names_of(signal: Signal) -> tuple[str, str, str]:
    """Name a signal as actions are named: moment, its action's text, kind; what is lacking, ''."""
    subject = signal.signal if isinstance(signal, Withdrawn) else signal
    if isinstance(subject, MomentReached):
        return subject.moment, subject.action, subject.kind
    return "", "", subject.kind


def find_handler(actions: Actions, signal: Signal) -> tuple[str, Handler] | None:
    """Find the handler of a signal, with the name under which it was given."""
    if not isinstance(actions, Mapping):
        return "", actions if isinstance(actions, Handler) else Handler(actions)
    for name in names_of(signal):
        found = actions.get(name) if name else None
        if found is not None:
            return name, found if isinstance(found, Handler) else Handler(found)
    return None


def call_action(handler: Handler, signal: Signal, context: contextvars.Context) -> None:
    """Call an action in a context; raise what it raises, or TimeoutError when it takes too long."""

    def call() -> None:
        result = context.copy().run(handler.action, signal)
        if inspect.isawaitable(result):
            close = getattr(result, "close", None) or getattr(result, "cancel", None)
            if close is not None:
                close()
            raise TypeError("this action is to be awaited: deliver with AsyncLive")

    if handler.timeout is None:
        call()
        return
    raised: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    # A thread that is not waited for: what never ends must not hold up the process.
    thread = threading.Thread(target=work, name="journeymap-action", daemon=True)
    thread.start()
    thread.join(handler.timeout.total_seconds())
    if thread.is_alive():
        raise TimeoutError(f"it took longer than {handler.timeout.total_seconds():g} s")
    if raised:
        raise raised[0]


@define
class Breaker:
    """The failures of one action in a row; while there are too many, it is spared."""

    failures: int = 0
    until: datetime | None = None
    breaks: int = 0

    def allows(self, now: datetime) -> bool:
        """Check whether the action may be called."""
        return self.until is None or now >= self.until

    def begin(self, now: datetime, handler: Handler) -> int:
        """Note a call, and give it a number: while the action fails, one letter at a time tries."""
        if self.until is not None:
            self.until = now + self._rest(handler)
        return self.breaks

    def end(self, now: datetime, handler: Handler, begun: int, *, failed: bool) -> None:
        """Note how a call ended; failures of calls begun before it broke change nothing."""
        if not failed:
            self.failures, self.until = 0, None
            return
        if begun != self.breaks:
            return
        self.failures += 1
        if handler.break_after is not None and self.failures >= handler.break_after:
            self.breaks += 1
            self.until = now + self._rest(handler)

    def _rest(self, handler: Handler) -> timedelta:
        doublings = max(0, min(self.failures - (handler.break_after or 0), 16))
        rest: timedelta = handler.break_for * (1 << doublings)
        return min(rest, handler.longest_pause)
