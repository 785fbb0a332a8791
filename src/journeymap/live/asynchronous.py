"""Live for asyncio: the event loop is never blocked by the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from journeymap.interactions import Consent, Identity, Interaction, Record, Trait
from journeymap.live.live import Live, Receipt
from journeymap.live.outbox import Action, Delivered
from journeymap.live.rebuilding import Rebuilt
from journeymap.tracking import Position, Signal, State

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncLive"]

T = TypeVar("T")
AnyAction: TypeAlias = Action | Callable[[Signal], Awaitable[None]]
AnyActions: TypeAlias = Mapping[str, AnyAction] | AnyAction


class AsyncLive:
    """A `Live` whose calls are awaited; they are done one after the other, in a thread of its own.

    >>> from journeymap.model import JourneyMap, Stage
    >>> import asyncio
    >>> async def asked() -> object:
    ...     async with AsyncLive(Live(JourneyMap("shop", stages=[Stage("use", "own")]))) as live:
    ...         return await live.position("nobody")
    >>> print(asyncio.run(asked()))
    None
    """

    def __init__(self, live: Live) -> None:
        from concurrent.futures import ThreadPoolExecutor  # only who uses it waits for its import

        self.live = live
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journeymap")
        self._hands = ThreadPoolExecutor(1, thread_name_prefix="journeymap-actions")

    async def record(self, interaction: Interaction) -> Receipt:
        """See `Live.record`."""
        return await self._in_turn(lambda: self.live.record(interaction))

    async def record_many(self, interactions: Iterable[Interaction]) -> tuple[Receipt, ...]:
        """See `Live.record_many`."""
        given = tuple(interactions)
        return await self._in_turn(lambda: self.live.record_many(given))

    async def take(self, records: Iterable[Record]) -> tuple[Receipt, ...]:
        """See `Live.take`."""
        given = tuple(records)
        return await self._in_turn(lambda: self.live.take(given))

    async def split(
        self, customer: str, identities: Iterable[Identity], *, reason: str
    ) -> tuple[str, str]:
        """See `Live.split`."""
        given = tuple(identities)
        return await self._in_turn(lambda: self.live.split(customer, given, reason=reason))

    async def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """See `Live.facts`."""
        return await self._in_turn(lambda: self.live.facts(customer))

    async def advance(self, now: datetime | None = None) -> tuple[Signal, ...]:
        """See `Live.advance`."""
        return await self._in_turn(lambda: self.live.advance(now))

    async def position(self, customer: str, as_of: datetime | None = None) -> Position | None:
        """See `Live.position`."""
        return await self._in_turn(lambda: self.live.position(customer, as_of))

    async def state(self, customer: str, as_of: datetime | None = None) -> State | None:
        """See `Live.state`."""
        return await self._in_turn(lambda: self.live.state(customer, as_of))

    async def history(self, customer: str) -> tuple[Interaction, ...]:
        """See `Live.history`."""
        return await self._in_turn(lambda: self.live.history(customer))

    async def deliver(self, actions: AnyActions, now: datetime | None = None) -> Delivered:
        """See `Live.deliver`; an action may be a coroutine, and then runs in this loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        given = (
            {name: _waited(action, loop) for name, action in actions.items()}
            if isinstance(actions, Mapping)
            else _waited(actions, loop)
        )
        # In a thread of its own: an action that takes long does not hold up what is recorded.
        return await loop.run_in_executor(self._hands, lambda: self.live.deliver(given, now))

    async def dead_letters(self) -> tuple[tuple[str, str], ...]:
        """See `Live.dead_letters`."""
        return await self._in_turn(self.live.dead_letters)

    async def set_aside(self) -> tuple[tuple[Interaction, str], ...]:
        """See `Live.set_aside`."""
        return await self._in_turn(self.live.set_aside)

    async def rebuild(self) -> Rebuilt:
        """See `Live.rebuild`."""
        return await self._in_turn(self.live.rebuild)

    async def forget(self, customer: str) -> None:
        """See `Live.forget`."""
        await self._in_turn(lambda: self.live.forget(customer))

    async def export(self, customer: str) -> dict[str, Any]:
        """See `Live.export`."""
        return await self._in_turn(lambda: self.live.export(customer))

    async def close(self) -> None:
        """Let go of the store and the thread."""
        await self._in_turn(self.live.close)
        self._thread.shutdown()
        self._hands.shutdown()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        await self.close()

    async def _in_turn(self, call: Callable[[], T]) -> T:
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _waited(action: AnyAction, loop: asyncio.AbstractEventLoop) -> Action:
    """An action that is done when it returns, whether it is a coroutine or not."""

    import asyncio

    def act(signal: Signal) -> None:
        result = action(signal)
        if asyncio.iscoroutine(result):
            asyncio.run_coroutine_threadsafe(result, loop).result()

    return act
