"""Awaited actions: a delivery in a thread of its own, whose actions run in an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, TypeVar

from attrs import evolve

from journeymap.live.handlers import Actions, Handler, Released
from journeymap.tracking import Signal

__all__ = ["AwaitedActions", "run_in_thread"]

T = TypeVar("T")


class AwaitedActions:
    """Actions of an event loop, called from threads; they can all be stopped at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._turn = threading.Lock()
        self._running: set[Future[Any]] = set()
        self._stopped = self._closing = False
        self._context = contextvars.copy_context()

    def wrap(self, actions: Actions) -> Actions:
        """Make actions that are done when they return, whether they are to be awaited or not."""
        if isinstance(actions, Mapping):
            return {name: self._wrapped(action) for name, action in actions.items()}
        return self._wrapped(actions)

    def _wrapped(self, action: Any) -> Handler:
        handler = action if isinstance(action, Handler) else Handler(action)
        return evolve(handler, action=partial(self._act, handler))

    def _act(self, handler: Handler, signal: Signal) -> None:
        if self._closing:
            raise Released
        result = self._context.copy().run(handler.action, signal)
        if not inspect.isawaitable(result):
            return
        future = self._context.copy().run(
            asyncio.run_coroutine_threadsafe, _awaited(result), self._loop
        )
        with self._turn:
            self._running.add(future)
            if self._stopped:
                future.cancel()
        try:
            future.result(None if handler.timeout is None else handler.timeout.total_seconds())
        except TimeoutError:
            if future.cancel():
                seconds = handler.timeout.total_seconds() if handler.timeout else 0
                raise TimeoutError(f"it took longer than {seconds:g} s") from None
            raise
        except CancelledError:
            if self._stopped:
                raise Released from None
            raise
        finally:
            with self._turn:
                self._running.discard(future)

    def stop(self, *, at_once: bool) -> None:
        """Begin nothing more; and cancel what is running, which others may take then."""
        with self._turn:
            self._closing = True
            if at_once:
                self._stopped = True
                for future in self._running:
                    future.cancel()


async def _awaited(what: Awaitable[T]) -> T:
    return await what


def run_in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    """Run a call in a thread that does not hold up the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]
        else:
            future.set_exception(error)

    def work() -> None:
        result, failed = None, None
        try:
            result = call()
        except BaseException as error:
            failed = error
        try:
            loop.call_soon_threadsafe(settle, result, failed)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    threading.Thread(target=work, name="journeymap-deliver", daemon=True).start()
    return future
