"""Delivery as `Live` offers it: handing out signals, and looking after those that failed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import evolve

from journeymap.adapters.store import Store, Transaction, micros
from journeymap.exceptions import ElementError
from journeymap.live.delivering import (
    REQUEUED,
    DeadLetter,
    Delivered,
    dead_letter,
    prepare_delivery,
)
from journeymap.live.handlers import Actions, Breaker
from journeymap.live.metric_signals import (
    MetricReading,
    check_margin,
    latest_readings,
    write_metric_signals,
)
from journeymap.live.recording import Settings
from journeymap.live.states import States
from journeymap.tracking import Signal
from journeymap.tracking.codec import read_signal
from journeymap.tracking.fold_state import utc

__all__ = ["SignalDelivery"]


class SignalDelivery:
    """The part of `Live` that hands out what waits in the outbox."""

    _store: Store
    _states: States
    _breakers: dict[str, Breaker]
    _settings: Settings

    def check_metrics(
        self, scorecard: Iterable[MetricReading], *, margin: float = 0.05
    ) -> tuple[Signal, ...]:
        """Emit which metrics are missed since the last check, and which are met again.

        Each is emitted once, however many processes check; the signals wait in the outbox, too. A
        metric of which the scorecard is not sure stays what it was.

        Args:
            scorecard: The rows of a scorecard, such as ``log.ask(Scorecard(last="30 days"))`` of
                ``Log.from_store(live.store, map=live.map)``; of several periods, the last
                complete one counts.
            margin: How much better than its target a metric without an interval has to be, as a
                share of the target, before it is met again.

        Returns:
            The signals: `MetricMissed` and `MetricMetAgain`.

        Raises:
            ElementError: Something else was given.
            StoreError: The store failed; nothing was written.
        """
        share, readings = check_margin(margin), latest_readings(scorecard)
        now, outgoing = self._states.now(), self._settings.outgoing
        return self._store.run(lambda tx: write_metric_signals(tx, readings, now, share, outgoing))

    def deliver(
        self, actions: Actions, now: datetime | None = None, *, parallel: int = 1
    ) -> Delivered:
        """Hand the signals that wait in the outbox to actions, the oldest first.

        Each is handed out at least once: an action recognises it by its id. A letter is leased
        while its action works; should the process die, it is handed out again. An action that
        raises is tried again later, and given up at last; one that fails again and again is spared
        for a while (see `Handler`).

        Args:
            actions: One action or `Handler` for everything, or several by a moment's id, its
                action's text or a signal's kind.
            now: The time (None: that of the clock, at each letter).
            parallel: How many letters are handed out at once, each in a thread.

        Returns:
            How many were taken, failed, were given up, and found no action.

        Raises:
            ElementError: An argument is of another type.
            StoreError: The store failed; call again to go on.
        """
        delivery = prepare_delivery(self._store, actions, now or self._states.now, self._breakers)
        return delivery.run(_positive("parallel", parallel))

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """List the signals that were given up.

        Returns:
            Each with its attempts, times and the reason of its last failure.

        Raises:
            StoreError: The store failed.
        """
        dead = self._store.read(lambda tx: tx.outbox.select(status="dead"))
        return tuple(map(dead_letter, dead))

    def requeue(self, letters: DeadLetter | str | Iterable[DeadLetter | str] | None = None) -> int:
        """Let signals that were given up wait again, as if they had never been tried.

        Args:
            letters: Dead letters, or their ids, one or several (None: all of them).

        Returns:
            How many there were.

        Raises:
            StoreError: The store failed; nothing was written.
        """
        if isinstance(letters, DeadLetter | str):
            letters = (letters,)
        wanted = None if letters is None else {
            one.id if isinstance(one, DeadLetter) else one for one in letters
        }  # fmt: skip
        now = micros(self._states.now())

        def work(tx: Transaction) -> int:
            dead = tx.outbox.select(status="dead")
            chosen = [one for one in dead if wanted is None or read_signal(one.text).id in wanted]
            tx.outbox.settle(
                evolve(one, status="waiting", attempts=0, reason=REQUEUED, next=now, tried=None)
                for one in chosen
            )
            return len(chosen)

        return self._store.run(work)

    def prune(self, before: datetime) -> int:
        """Remove the letters that were taken or withdrawn before a time.

        A signal among them that turns out not to hold after all is not withdrawn any more: keep
        them for as long as interactions may come late. Dead letters stay.

        Args:
            before: The time.

        Returns:
            How many were removed.

        Raises:
            InteractionError: The time has no zone.
            StoreError: The store failed; nothing was written.
        """
        until = micros(utc(before, "Live", "before"))
        return self._store.run(lambda tx: tx.outbox.prune(until))


def _positive(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ElementError("Live", name, value, "a whole number from 1 up is expected")
    return value
