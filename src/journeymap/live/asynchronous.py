"""Live for asyncio: the event loop is never blocked by the store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from journeymap.adapters.store import Store
from journeymap.adapters.stores.forks import call_at_fork
from journeymap.identity import Identities, LinkReport
from journeymap.interactions import Consent, Evidence, Identity, Interaction, Record, Trait
from journeymap.live.live import Live
from journeymap.live.outbox import Action, Delivered
from journeymap.live.rebuilding import Rebuilt
from journeymap.live.recording import Receipt
from journeymap.model import JourneyMap
from journeymap.tracking import Position, Signal, State

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncLive"]

T = TypeVar("T")
AnyAction: TypeAlias = Action | Callable[[Signal], Awaitable[None]]
AnyActions: TypeAlias = Mapping[str, AnyAction] | AnyAction


class AsyncLive:
    """A `Live` whose calls are awaited, and never block the event loop.

    Calls run one after the other in one thread; `deliver` runs beside them in another. Methods are
    those of `Live`; ``identities`` is awaited.

    Attributes:
        live: The `Live` underneath.

    >>> from journeymap.model import Stage
    >>> import asyncio
    >>> async def ask() -> object:
    ...     async with AsyncLive(Live(JourneyMap("shop", stages=[Stage("use", "own")]))) as live:
    ...         return await live.position("ada")
    >>> print(asyncio.run(ask()))
    None
    """

    def __init__(self, live: Live) -> None:
        """Take over a `Live`, which is closed with this.

        Args:
            live: What does the work.
        """
        self.live = live
        self._begin_anew()
        call_at_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Make the threads that do the work; a forked process has none of its parent's."""
        from concurrent.futures import ThreadPoolExecutor  # half of the import time of the core

        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journeymap")
        self._hands = ThreadPoolExecutor(1, thread_name_prefix="journeymap-actions")

    @property
    def map(self) -> JourneyMap:
        """The map along which customers are followed."""
        return self.live.map

    @property
    def store(self) -> Store:
        """The store in which everything is kept."""
        return self.live.store

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

    async def link(self, pairs: Iterable[Evidence], *, threshold: float, batch: str) -> LinkReport:
        """See `Live.link`."""
        given = tuple(pairs)
        return await self._in_turn(lambda: self.live.link(given, threshold=threshold, batch=batch))

    async def withdraw(self, batch: str) -> int:
        """See `Live.withdraw`."""
        return await self._in_turn(lambda: self.live.withdraw(batch))

    async def identities(self) -> Identities | None:
        """See `Live.identities`; a call here, because the store is read."""
        return await self._in_turn(lambda: self.live.identities)

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
            {name: _await_action(action, loop) for name, action in actions.items()}
            if isinstance(actions, Mapping)
            else _await_action(actions, loop)
        )
        # In a thread of its own: an action that takes long does not hold up what is recorded.
        return await loop.run_in_executor(self._hands, lambda: self.live.deliver(given, now))

    async def dead_letters(self) -> tuple[tuple[str, str], ...]:
        """See `Live.dead_letters`."""
        return await self._in_turn(self.live.dead_letters)

    async def set_aside(self) -> tuple[tuple[Interaction, str], ...]:
        """See `Live.set_aside`."""
        return await self._in_turn(self.live.set_aside)

    async def rebuild(self, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """See `Live.rebuild`; ``progress`` is called in the thread that does the work."""
        return await self._in_turn(lambda: self.live.rebuild(progress))

    async def forget(self, customer: str) -> None:
        """See `Live.forget`."""
        await self._in_turn(lambda: self.live.forget(customer))

    async def export(self, customer: str) -> dict[str, Any]:
        """See `Live.export`."""
        return await self._in_turn(lambda: self.live.export(customer))

    async def close(self) -> None:
        """Close the store, and end the threads."""
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


def _await_action(action: AnyAction, loop: asyncio.AbstractEventLoop) -> Action:
    """Make an action that is done when it returns, whether it is a coroutine or not."""
    import asyncio

    def act(signal: Signal) -> None:
        result = action(signal)
        if asyncio.iscoroutine(result):
            asyncio.run_coroutine_threadsafe(result, loop).result()

    return act
