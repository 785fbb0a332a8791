"""Delivery: what waits in the outbox is handed to actions, each at least once."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any, TypeAlias

from attrs import Factory, define, evolve, frozen

from journeymap.adapters.store import Letter, Store, Transaction, micros
from journeymap.exceptions import ElementError, StoreError
from journeymap.live.handlers import (
    Actions,
    Breaker,
    Handler,
    Released,
    call_action,
    find_handler,
    names_of,
)
from journeymap.live.log_lines import write_log
from journeymap.model.instants import MICROSECOND
from journeymap.tracking import Signal, Withdrawn
from journeymap.tracking.codec import read_signal
from journeymap.tracking.fold_state import utc

__all__ = [
    "IN_HAND",
    "MOVED",
    "REQUEUED",
    "DeadLetter",
    "Delivered",
    "Delivery",
    "dead_letter",
    "prepare_delivery",
]

LEASE = timedelta(minutes=5)
"""How long a letter is a process's own while its action works, renewed all the while; should the
process die, others may take it then."""
IN_HAND = "in hand"
REQUEUED = "waits again"
"""The reason of a letter that waits as if it had never been tried; it may have been taken."""
MOVED = " moved to "
"""Between the claim of a letter and its new id, where its customer was merged meanwhile."""
_LOST = ", lost "  # behind a claim: how many before it were never answered
_PATIENCE = 3  # times as many claims as attempts may be lost: a process that ends is no attempt
_NO_ACTION = "\x00"  # no action is named so
_MORE = 20  # times as many letters are looked at where the first may not go out now


@frozen
class Delivered:
    """The result of handing out what waited.

    Attributes:
        done: How many signals were taken.
        failed: How many will be tried again.
        dead: How many were given up.
        unclaimed: How many found no action, and wait on.
        broken: The names of actions that fail again and again, and are spared for a while; ``""``
            is the one for everything.
    """

    done: int = 0
    failed: int = 0
    dead: int = 0
    unclaimed: int = 0
    broken: tuple[str, ...] = ()


@frozen
class DeadLetter:
    """A signal that was given up.

    Attributes:
        id: The signal's id.
        signal: The signal.
        attempts: How often it was tried.
        first: When it was tried first (None: not known).
        last: When it was given up.
        reason: Why the last attempt failed.
    """

    id: str
    signal: Signal
    attempts: int
    first: datetime | None
    last: datetime
    reason: str


def dead_letter(letter: Letter) -> DeadLetter:
    """Read a letter that was given up."""
    from journeymap.model.instants import instant

    first = None if letter.tried is None else instant(letter.tried)
    signal = read_signal(letter.text)
    return DeadLetter(signal.id, signal, letter.attempts, first, instant(letter.next),
                      letter.reason)  # fmt: skip


def prepare_delivery(
    store: Store, actions: Actions, now: datetime | Callable[[], datetime],
    breakers: dict[str, Breaker],
) -> Delivery:  # fmt: skip
    """Make a delivery at a time, or by a clock; raise ElementError for what cannot be called."""
    handlers = dict(actions) if isinstance(actions, Mapping) else actions
    names: list[object] = list(handlers) if isinstance(handlers, dict) else []
    for name in names:
        if not isinstance(name, str):
            message = "an action goes by the id of a moment, the text of its action, or a kind"
            raise ElementError("Live", "actions", name, message)
    for one in handlers.values() if isinstance(handlers, dict) else (handlers,):
        if not isinstance(one, Handler):
            Handler(one)
    if callable(now):
        return Delivery(store, handlers, now, breakers)
    at = utc(now, "Live", "now")
    return Delivery(store, handlers, lambda: at, breakers, begun=time.monotonic())


Place: TypeAlias = tuple[datetime, int, bool, int, str]
Firsts: TypeAlias = dict[tuple[str, str], Letter]


@define(eq=False)
class _Held:
    """A letter in hand."""

    letter: Letter
    name: str
    handler: Handler
    begun: int


@define(eq=False)
class Delivery:
    """One call of ``deliver``: hands that claim letters, call actions, and note what came of it."""

    store: Store
    actions: Actions
    clock: Callable[[], datetime]
    breakers: dict[str, Breaker]
    begun: float | None = None  # where the time was given: leases run on from it all the same
    _stop: threading.Event = Factory(threading.Event)
    _held: set[_Held] = Factory(set)
    _counts: dict[str, int] = Factory(lambda: {"done": 0, "failed": 0, "dead": 0})
    _turn: Any = Factory(threading.Lock)
    _news: Any = Factory(threading.Condition)
    _settled: int = 0
    _idle: int = 0
    _hands: int = 1
    _errors: list[BaseException] = Factory(list)
    _given_up: set[str] = Factory(set)
    _places: dict[str, tuple[str, Place]] = Factory(dict)
    _spared: dict[tuple[str, str], int] = Factory(dict)
    _context: contextvars.Context = Factory(contextvars.copy_context)

    def run(self, parallel: int) -> Delivered:
        """Hand out what waits, so many letters at a time."""
        with self._renewing():
            if parallel == 1:
                self._guarded()
            else:
                self._hands = parallel
                self._work_together(parallel)
        failed = [error for error in self._errors if not isinstance(error, Released)]
        if failed:
            raise failed[0]
        names = self._names(open_too=True)
        unclaimed = (
            0 if names is None
            else self.store.read(lambda tx: tx.outbox.count_unclaimed(names))
        )  # fmt: skip
        now = self.clock()
        broken = tuple(sorted(name for name, b in self.breakers.items() if not b.allows(now)))
        if self._given_up:
            write_log("warning", "%d letters were never answered: given up", len(self._given_up))
            self._counts["dead"] += len(self._given_up)
        return Delivered(**self._counts, unclaimed=unclaimed, broken=broken)

    def _work_together(self, parallel: int) -> None:
        hands = [
            threading.Thread(target=self._guarded, name=f"journeymap-hand-{n}", daemon=True)
            for n in range(parallel)
        ]
        try:
            for hand in hands:
                hand.start()
            for hand in hands:
                hand.join()
        except BaseException:
            self._stop.set()
            with self._news:
                self._news.notify_all()
            for hand in hands:
                if hand.ident is not None:
                    hand.join()
            raise

    def _guarded(self) -> None:
        try:
            self._work()
        except BaseException as error:  # raised again by the one who waits for the hands
            self._errors.append(error)
            self._stop.set()
            with self._news:
                self._news.notify_all()

    def _work(self) -> None:
        """Claim, call, and note what came of it, until nothing waits."""
        after: tuple[_Held, Letter] | None = None
        while True:
            seen = self._settled + (after is not None)
            settled, held = self.store.run(lambda tx, after=after: self._turn_over(tx, after))  # type: ignore[misc]
            if after is not None:
                if settled:
                    self._count(after[1])
                with self._news:
                    self._settled += 1
                    self._news.notify_all()
            if held is None:
                if not self._waits_for_news(seen):
                    return
                after = None
                continue
            with self._turn:
                self._held.add(held)
            try:
                after = (held, self._hand_out(held))
            except Released:  # others may take it at once
                back = evolve(held.letter, reason="", next=micros(self.clock()))
                self.store.run(lambda tx, held=held, back=back: self._settle(tx, held, back))  # type: ignore[misc]
                raise
            finally:
                with self._turn:
                    self._held.discard(held)

    def _waits_for_news(self, seen: int) -> bool:
        """Wait, where letters wait for one another, until one is settled; whether to look again."""
        handlers = self.actions.values() if isinstance(self.actions, Mapping) else [self.actions]
        if not any(isinstance(one, Handler) and one.in_order for one in handlers):
            return False
        with self._news:
            self._idle += 1
            self._news.notify_all()
            self._news.wait_for(
                lambda: self._settled != seen or self._idle == self._hands or self._stop.is_set()
            )
            if self._settled == seen or self._stop.is_set():
                return False
            self._idle -= 1
            return True

    def _turn_over(
        self, tx: Transaction, after: tuple[_Held, Letter] | None
    ) -> tuple[bool, _Held | None]:
        """Settle one letter and claim the next, in one transaction; whether it was settled."""
        settled = after is not None and self._settle(tx, *after)
        return settled, None if self._stop.is_set() else self._claim(tx)

    # -- claiming

    def _names(self, *, open_too: bool = False) -> tuple[str, ...] | None:
        """List the names of actions that may be called; None: there is one for everything."""
        if not isinstance(self.actions, Mapping):
            return None
        now = self.clock()
        return tuple(name for name in self.actions if open_too or self._allows(name, now))

    def _allows(self, name: str, now: datetime) -> bool:
        with self._turn:
            breaker = self.breakers.get(name)
            return breaker is None or breaker.allows(now)

    def _claim(self, tx: Transaction) -> _Held | None:
        now = self.clock()
        names = self._names()
        if names == () or (names is None and not self._allows("", now)):
            return None
        firsts: Firsts = {}
        limit = 1  # what is looked at is locked: others look at the next
        while True:
            waiting = tx.outbox.claim_waiting(micros(now), limit, names)
            for letter in waiting:
                held = self._take(tx, letter, now, firsts)
                if held is not None:
                    return held
            if len(waiting) < limit:
                return None
            limit *= _MORE  # those that have to wait for one before them, or for their action

    def _take(self, tx: Transaction, letter: Letter, now: datetime, firsts: Firsts) -> _Held | None:
        known = self._places.get(letter.id)
        if known is not None and self._spared.get((letter.customer, known[0]), 0) > micros(now):
            return None
        signal = read_signal(letter.text)
        if not letter.kind:  # written before letters were named
            moment, action, kind = names_of(signal)
            letter = evolve(letter, moment=moment, action=action, kind=kind)
            tx.outbox.settle([letter])
        found = find_handler(self.actions, signal)
        if found is None or not self._allows(found[0], now):
            return None
        name, handler = found
        lost = _count_lost(letter)
        if lost >= _PATIENCE * handler.attempts:
            self._give_up(tx, letter, lost, now)
            return None
        if handler.in_order and self._waits_for_another(tx, letter, name, now, firsts):
            return None
        with self._turn:
            begun = self.breakers.setdefault(name, Breaker()).begin(now, handler)
        tried = micros(now) if letter.tried is None else letter.tried
        # By this, the claim is told from another.
        reason = f"{IN_HAND} {token_hex(6)}" + (f"{_LOST}{lost}" if lost else "")
        mine = evolve(letter, reason=reason, next=self._lease_end(), tried=tried)
        tx.outbox.settle([mine])
        return _Held(mine, name, handler, begun)

    def _give_up(self, tx: Transaction, letter: Letter, lost: int, now: datetime) -> None:
        """Give up a letter whose action ended its process again and again."""
        reason = f"it was handed out {lost} times to processes that never answered"
        tx.outbox.settle([evolve(letter, status="dead", reason=reason, next=micros(now))])
        self._given_up.add(letter.id)  # counted once, also where this is done again

    def _waits_for_another(
        self, tx: Transaction, letter: Letter, name: str, now: datetime, firsts: Firsts
    ) -> bool:
        """Check whether an earlier signal of the customer, for the same action, is not settled."""
        key = letter.customer, name
        if key not in firsts:
            waiting = tx.outbox.select(customer=letter.customer, status="waiting")
            mine = [one for one in waiting if self._named_place(one)[0] == name]
            firsts[key] = min(mine, key=lambda one: self._named_place(one)[1], default=letter)
        first = firsts[key]
        if first.id != letter.id and first.next > micros(now) and IN_HAND not in first.reason:
            self._spared[key] = first.next  # until then, none of them is looked at
        return first.id != letter.id

    def _named_place(self, letter: Letter) -> tuple[str, Place]:
        """Give the name of a letter's action and its place in the order."""
        found = self._places.get(letter.id)
        if found is None:
            signal = read_signal(letter.text)
            handler = find_handler(self.actions, signal)
            name = _NO_ACTION if handler is None else handler[0]
            found = self._places[letter.id] = name, _place(letter, signal)
        return found

    # -- settling

    def _settle(self, tx: Transaction, held: _Held, after: Letter) -> bool:
        """Write what became of a letter; not if it was withdrawn or claimed by another."""
        mine = self._mine(tx, held)
        if mine is None:
            return False
        tx.outbox.settle([evolve(after, id=mine.id, customer=mine.customer, text=mine.text)])
        return True

    def _mine(self, tx: Transaction, held: _Held) -> Letter | None:
        """Find the letter that is held, where its customer is now; None if it is not any more."""
        claim, id_ = held.letter.reason, held.letter.id
        while True:
            there = tx.outbox.read([id_]).get(id_)
            if there is None or there.status == "waiting":
                return there if there is not None and there.reason == claim else None
            moved, _, id_ = there.reason.partition(MOVED)
            if moved != claim or not id_:
                return None

    def _count(self, after: Letter) -> None:
        what = "failed" if after.status == "waiting" else after.status
        with self._turn:
            self._counts[what] += 1

    def _hand_out(self, held: _Held) -> Letter:
        """Call the action; the letter as it is afterwards."""
        attempts = held.letter.attempts + 1
        try:
            call_action(held.handler, read_signal(held.letter.text), self._context)
        except (KeyboardInterrupt, SystemExit, GeneratorExit, Released):
            raise
        except BaseException as error:
            now = self.clock()
            self._note(held, now, failed=True)
            return self._failed(held, attempts, error, now)
        now = self.clock()
        self._note(held, now, failed=False)
        return evolve(held.letter, status="done", attempts=attempts, reason="", next=micros(now))

    def _note(self, held: _Held, now: datetime, *, failed: bool) -> None:
        with self._turn:
            self.breakers[held.name].end(now, held.handler, held.begun, failed=failed)

    def _failed(
        self, held: _Held, attempts: int, error: BaseException, now: datetime
    ) -> Letter:  # fmt: skip
        reason, letter, handler = _reason(error), held.letter, held.handler
        pause = handler.pause_after(attempts)
        tried = micros(now) if letter.tried is None else letter.tried
        over = handler.total is not None and (
            micros(now + pause) - tried > handler.total // MICROSECOND
        )
        dead = attempts >= handler.attempts or over
        write_log(
            "warning" if dead else "info", "attempt %d at %r failed (%s); %s", attempts, held.name,
            type(error).__name__, "it is given up" if dead else f"the next one in {pause}",
        )  # fmt: skip
        if dead:
            return evolve(letter, status="dead", attempts=attempts, reason=reason, next=micros(now))
        return evolve(letter, attempts=attempts, reason=reason, next=micros(now + pause))

    # -- leases

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        """Renew the leases of what is in hand, for as long as actions work."""
        over = threading.Event()
        thread = threading.Thread(target=self._renew, args=(over,), daemon=True,
                                  name="journeymap-leases")  # fmt: skip
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _renew(self, over: threading.Event) -> None:
        while not over.wait(LEASE.total_seconds() / 3):
            with self._turn:
                held = list(self._held)
            for one in held:
                try:
                    self.store.run(lambda tx, one=one: self._extend(tx, one))  # type: ignore[misc]
                except StoreError:
                    continue  # tried again in a moment; if it goes on, the lease ends

    def _lease_end(self) -> int:
        passed = 0.0 if self.begun is None else time.monotonic() - self.begun
        return micros(self.clock() + timedelta(seconds=passed) + LEASE)

    def _extend(self, tx: Transaction, held: _Held) -> None:
        mine = self._mine(tx, held)
        if mine is not None:
            tx.outbox.settle([evolve(mine, next=self._lease_end())])


def _count_lost(letter: Letter) -> int:
    """Count how often a letter was in hand one after the other, and nothing came of it."""
    if not letter.reason.startswith(IN_HAND):
        return 0
    count = letter.reason.partition(_LOST)[2]
    return 1 + (int(count) if count.isdecimal() else 0)


def _place(letter: Letter, signal: Signal) -> Place:
    posted = letter.next if letter.posted is None else letter.posted
    return signal.at, signal.tie, isinstance(signal, Withdrawn), posted, letter.id


def _reason(error: BaseException) -> str:
    """Write why an action failed, in characters that every database holds."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\x00", "\\x00")[:1000]
