"""Live for asyncio: the event loop is never blocked by the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakKeyDictionary

from journeymap.adapters.store import Store
from journeymap.adapters.stores.forks import call_at_fork
from journeymap.exceptions import StoreError
from journeymap.identity import Identities, LinkReport
from journeymap.interactions import Consent, Evidence, Identity, Interaction, Record, Trait
from journeymap.live.backfilling import Backfilled, BackfillLog
from journeymap.live.delivering import DeadLetter, Delivered
from journeymap.live.dry_run import DryRun
from journeymap.live.group_commit import write_each
from journeymap.live.handlers import Actions
from journeymap.live.live import Live
from journeymap.live.metric_signals import MetricReading
from journeymap.live.rebuilding import Rebuilt
from journeymap.live.recording import Receipt
from journeymap.live.statistics import Stats
from journeymap.model import JourneyMap
from journeymap.model.rules import as_length
from journeymap.profile import Choice, NextBest
from journeymap.tracking import Position, Signal, State

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from journeymap.live.awaiting import AwaitedActions

__all__ = ["AsyncLive"]

T = TypeVar("T")
PATIENCE = timedelta(seconds=5)
_TOGETHER = 1000  # calls whose interactions are written together at most


class _Turn:
    """Holds what waits to be written in one event loop, which answers no other's callers."""

    def __init__(self) -> None:
        self.waiting: list[tuple[tuple[Interaction, ...], asyncio.Future[Any]]] = []
        self.writing: asyncio.Future[None] | None = None


class AsyncLive:
    """A `Live` whose calls are awaited, and never block the event loop.

    What writes runs in one thread, one after the other; reading, `advance`, `rebuild` and `deliver`
    run beside it. Methods are those of `Live`; ``identities`` is awaited.

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

    def __init__(self, live: Live, *, patience: str | timedelta = PATIENCE) -> None:
        """Take over a `Live`, which is closed with this.

        Args:
            live: What does the work.
            patience: How long closing waits for actions before it stops them, and again before it
                closes the store all the same.
        """
        self._patience = as_length(patience)
        self.live = live
        self._begin_anew()
        call_at_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Make the threads that do the work; a forked process has none of its parent's."""
        from concurrent.futures import ThreadPoolExecutor  # half of the import time of the core

        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journeymap")
        self._long = ThreadPoolExecutor(1, thread_name_prefix="journeymap-long")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="journeymap-reader")
        self._joining = ThreadPoolExecutor(4, thread_name_prefix="journeymap-joining")
        self._over = Event()
        self._deliveries: dict[asyncio.Future[Delivered], AwaitedActions] = {}
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turn] = WeakKeyDictionary()

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
        return (await self.record_many((interaction,)))[0]

    async def record_many(self, interactions: Iterable[Interaction]) -> tuple[Receipt, ...]:
        """See `Live.record_many`."""
        import asyncio

        self._check_open()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        turn = self._turns.setdefault(loop, _Turn())
        turn.waiting.append((tuple(interactions), future))
        if turn.writing is None or turn.writing.done():
            turn.writing = asyncio.ensure_future(self._write_waiting(turn))
        receipts: tuple[Receipt, ...] = await future
        return receipts

    async def _write_waiting(self, turn: _Turn) -> None:
        """Write together what was given while something else was written."""
        while turn.waiting:
            batch, turn.waiting = turn.waiting[:_TOGETHER], turn.waiting[_TOGETHER:]
            given = [one for one, _ in batch]
            try:
                write = partial(write_each, self.live.record_many, given)
                results, _ = await self._in_turn(write)  # no signal comes to that thread
            except BaseException as error:
                for _, future in (*batch, *turn.waiting):
                    if not future.done():
                        future.set_exception(error) if isinstance(
                            error, Exception
                        ) else future.cancel()
                turn.waiting = []
                if isinstance(error, Exception):
                    return  # those who wait were told
                raise
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():
                    continue  # the caller was cancelled; what it gave is written
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

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
        return await self._read(lambda: self.live.identities)

    async def facts(self, customer: str) -> tuple[Trait | Consent, ...]:
        """See `Live.facts`."""
        return await self._read(lambda: self.live.facts(customer))

    async def record_within(
        self, connection: Any, interactions: Iterable[Interaction]
    ) -> tuple[Receipt, ...]:
        """See `Live.record_within`; of an AsyncConnection, call that in its ``run_sync``."""
        given = tuple(interactions)
        # Beside what is recorded, which may wait for what this transaction holds.
        return await self._in(self._joining, lambda: self.live.record_within(connection, given))

    async def choose(
        self, offers: NextBest, customer: str, *, channel: str | None = None
    ) -> Choice:
        """See `Live.choose`."""
        return await self._in_turn(lambda: self.live.choose(offers, customer, channel=channel))

    async def advance(self, now: datetime | None = None) -> tuple[Signal, ...]:
        """See `Live.advance`."""
        return await self._beside(lambda: self.live.advance(now))

    async def advance_in_slices(
        self, now: datetime | None = None
    ) -> AsyncIterator[tuple[Signal, ...]]:
        """See `Live.advance_in_slices`; iterate with ``async for``."""
        slices = self.live.advance_in_slices(now)
        while (signals := await self._beside(lambda: next(slices, None))) is not None:
            yield signals

    async def position(self, customer: str, as_of: datetime | None = None) -> Position | None:
        """See `Live.position`."""
        return await self._read(lambda: self.live.position(customer, as_of))

    async def state(self, customer: str, as_of: datetime | None = None) -> State | None:
        """See `Live.state`."""
        return await self._read(lambda: self.live.state(customer, as_of))

    async def history(self, customer: str) -> tuple[Interaction, ...]:
        """See `Live.history`."""
        return await self._read(lambda: self.live.history(customer))

    async def deliver(
        self, actions: Actions, now: datetime | None = None, *, parallel: int = 1
    ) -> Delivered:
        """See `Live.deliver`; what an action returns is awaited in this loop, if it can be.

        When this is cancelled, actions that are awaited are cancelled, and their letters are free
        again.
        """
        import asyncio

        from journeymap.live.awaiting import AwaitedActions, run_in_thread

        awaited = AwaitedActions(asyncio.get_running_loop())
        given = awaited.wrap(actions)
        under_way = run_in_thread(lambda: self.live.deliver(given, now, parallel=parallel))
        self._deliveries[under_way] = awaited
        under_way.add_done_callback(self._deliveries.pop)
        try:
            return await asyncio.shield(under_way)
        except asyncio.CancelledError:
            awaited.stop(at_once=True)
            raise

    async def check_metrics(
        self, scorecard: Iterable[MetricReading], *, margin: float = 0.05
    ) -> tuple[Signal, ...]:
        """See `Live.check_metrics`."""
        return await self._in_turn(lambda: self.live.check_metrics(scorecard, margin=margin))

    async def dead_letters(self) -> tuple[DeadLetter, ...]:
        """See `Live.dead_letters`."""
        return await self._read(self.live.dead_letters)

    async def requeue(
        self, letters: DeadLetter | str | Iterable[DeadLetter | str] | None = None
    ) -> int:
        """See `Live.requeue`."""
        given = letters
        if letters is not None and not isinstance(letters, DeadLetter | str):
            given = tuple(letters)
        return await self._in_turn(lambda: self.live.requeue(given))

    async def prune(self, before: datetime) -> int:
        """See `Live.prune`."""
        return await self._in_turn(lambda: self.live.prune(before))

    async def retract(self, source: str | None, id: str) -> Receipt:  # noqa: A002
        """See `Live.retract`."""
        return await self._in_turn(lambda: self.live.retract(source, id))

    async def correct(self, interaction: Interaction) -> Receipt:
        """See `Live.correct`."""
        return await self._in_turn(lambda: self.live.correct(interaction))

    async def stats(self) -> Stats:
        """See `Live.stats`."""
        return await self._read(self.live.stats)

    async def set_aside(self) -> tuple[tuple[Interaction, str], ...]:
        """See `Live.set_aside`."""
        return await self._read(self.live.set_aside)

    async def dry_run(
        self, newer: JourneyMap, progress: Callable[[int], None] | None = None
    ) -> DryRun:
        """See `Live.dry_run`."""
        return await self._beside(lambda: self.live.dry_run(newer, progress))

    async def customers(self, stage: str | None = None) -> tuple[str, ...]:
        """See `Live.customers`; all at once."""
        return await self._beside(lambda: tuple(self.live.customers(stage)))

    async def stage_counts(self) -> dict[str | None, int]:
        """See `Live.stage_counts`."""
        return await self._beside(self.live.stage_counts)

    async def backfill(
        self, log: BackfillLog, progress: Callable[[int], None] | None = None
    ) -> Backfilled:
        """See `Live.backfill`; ``progress`` is called in the thread that does the work."""
        return await self._beside(lambda: self.live.backfill(log, progress))

    async def rebuild(self, progress: Callable[[int], None] | None = None) -> Rebuilt:
        """See `Live.rebuild`; ``progress`` is called in the thread that does the work."""
        return await self._beside(lambda: self.live.rebuild(progress))

    async def archive(self, before: datetime, progress: Callable[[int], None] | None = None) -> int:
        """See `Live.archive`; ``progress`` is called in the thread that does the work."""
        return await self._beside(lambda: self.live.archive(before, progress))

    async def forget(self, customer: str) -> None:
        """See `Live.forget`."""
        await self._in_turn(lambda: self.live.forget(customer))

    async def scrub(self) -> None:
        """See `Live.scrub`; recording goes on meanwhile, where the store lets it."""
        await self._beside(self.live.scrub)

    async def export(self, customer: str) -> dict[str, Any]:
        """See `Live.export`."""
        return await self._read(lambda: self.live.export(customer))

    async def close(self) -> None:
        """End what is being delivered, close the store, and end the threads.

        Closing once more does nothing. Nothing more is claimed. Actions that are under way are
        waited for; those that are awaited are cancelled then, and their letters are free again. An
        action that blocks its thread and has no time-out cannot be stopped: its letter is free when
        its lease ends.
        """
        import asyncio

        if self._over.is_set():
            return
        under_way = dict(self._deliveries)
        for at_once in (False, True):
            for awaited in under_way.values():
                awaited.stop(at_once=at_once)
            running = [task for task in under_way if not task.done()]
            if running:
                await asyncio.wait(running, timeout=self._patience.total_seconds())
        turn = self._turns.get(asyncio.get_running_loop())
        if turn is not None and turn.writing is not None and not turn.writing.done():
            await asyncio.wait([turn.writing])
        if self._over.is_set():
            return
        self._over.set()
        await asyncio.get_running_loop().run_in_executor(self._thread, self.live.close)
        for threads in (self._thread, self._long, self._readers, self._joining):
            threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        await self.close()

    async def _in_turn(self, call: Callable[[], T]) -> T:
        return await self._in(self._thread, call)

    async def _beside(self, call: Callable[[], T]) -> T:
        """Do long work, which is done in slices, beside what is recorded meanwhile."""
        return await self._in(self._long, call)

    async def _read(self, call: Callable[[], T]) -> T:
        return await self._in(self._readers, call)

    async def _in(self, threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        import asyncio

        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(threads, call)

    def _check_open(self) -> None:
        if self._over.is_set():
            raise StoreError(self.store.address, "this store is closed")
