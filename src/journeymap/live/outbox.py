"""The outbox: signals that ask for an action are kept until the action has taken them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from attrs import evolve, frozen

from journeymap.adapters.store import Letter, Store, Transaction, micros
from journeymap.model.instants import MICROSECOND
from journeymap.tracking import MomentReached, Signal, Withdrawn
from journeymap.tracking.codec import read_signal, signal_text
from journeymap.tracking.fold_state import utc

__all__ = ["Action", "Actions", "Delivered", "deliver", "letters_for", "post_letters"]

Action: TypeAlias = Callable[[Signal], None]
"""Carries out what a signal asks for, once for each ``signal.id``; raises when it could not."""
Actions: TypeAlias = Mapping[str, Action] | Action
"""One action for everything, or several by a moment's id, its action's text or a signal's kind."""

LEASE = timedelta(minutes=5)
"""How long a letter is a process's own while its action works; then others may take it."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=6)
"""The pause after the first failure, tripled after each, and the longest one."""
MAX_ATTEMPTS = 8
"""Attempts before a letter is given up, about 3 hours after the first."""
_BATCH = 50  # letters claimed in one transaction
_IN_HAND = "in hand"


@frozen
class Delivered:
    """The result of handing out what waited.

    Attributes:
        done: How many signals were taken.
        failed: How many will be tried again.
        dead: How many were given up.
        unclaimed: How many found no action, and wait on.
    """

    done: int = 0
    failed: int = 0
    dead: int = 0
    unclaimed: int = 0


def letters_for(signals: Iterable[Signal], outgoing: frozenset[str], now: int) -> list[Letter]:
    """Make letters for the signals that go out, and for those that withdraw such a signal.

    They are due at once, in the order of their time.
    """
    made = []
    for signal in signals:
        subject = signal.signal if isinstance(signal, Withdrawn) else signal
        if subject.kind not in outgoing or (
            isinstance(subject, MomentReached) and not subject.action
        ):
            continue
        at = min(now, micros(signal.at))
        made.append(Letter(signal.id, signal.customer, signal_text(signal), next=at))
    # Of those at the same time, the first signal goes out first.
    return [evolve(one, next=one.next - len(made) + n) for n, one in enumerate(made)]


def post_letters(tx: Transaction, letters: list[Letter]) -> None:
    """Put letters into the outbox.

    A withdrawal makes the letter of its signal void; where that was surely never handed out, it
    needs no letter itself. A signal that becomes true again is sent again.
    """
    signals = {letter.id: read_signal(letter.text) for letter in letters}
    others = [
        s.signal.id if isinstance(s, Withdrawn) else _withdrawal_id(s) for s in signals.values()
    ]
    there = tx.outbox.read([*signals, *others])
    changed: dict[str, Letter] = {}
    for letter in letters:
        signal = signals[letter.id]
        if isinstance(signal, Withdrawn):
            sent = changed.get(signal.signal.id) or there.get(signal.signal.id)
            if sent is None or sent.status == "withdrawn":
                continue  # no one was sent it
            if sent.status != "done":
                changed[sent.id] = evolve(sent, status="withdrawn")
            if sent.status == "waiting" and not sent.attempts and sent.reason != _IN_HAND:
                continue
        else:  # its withdrawal is not handed out any more: the signal is true again
            name = _withdrawal_id(signal)
            gone = changed.get(name) or there.get(name)
            if gone is not None and gone.status == "waiting":
                changed[name] = evolve(gone, status="withdrawn")
        changed[letter.id] = letter
    tx.outbox.post(one for name, one in changed.items() if name not in there)
    tx.outbox.settle(one for name, one in changed.items() if name in there)


def _withdrawal_id(signal: Signal) -> str:
    """Return the id of the signal that would withdraw a signal."""
    return Withdrawn(signal.customer, signal.at, signal.tie, signal).id


def deliver(store: Store, actions: Actions, now: datetime) -> Delivered:
    """Hand out what waits, the oldest first, each at least once.

    A letter is leased while its action works: should the process die, it is handed out again
    after five minutes, which counts as no attempt. An action that raises is tried again, after
    ten seconds and then longer and longer, eight times in all; then the letter is dead, with the
    reason.
    """
    at = micros(utc(now, "Live", "now"))
    done = failed = dead = 0
    unclaimed: set[str] = set()
    while True:
        claimed = store.run(lambda tx: _claim(tx, at, actions, unclaimed))
        if not claimed:
            return Delivered(done, failed, dead, len(unclaimed))
        for letter, action in claimed:
            after = _hand_out(letter, action, at)
            store.run(lambda tx, before=letter, after=after: _settle(tx, before, after))  # type: ignore[misc]
            done += after.status == "done"
            dead += after.status == "dead"
            failed += after.status == "waiting"


def _claim(
    tx: Transaction, now: int, actions: Actions, unclaimed: set[str]
) -> list[tuple[Letter, Action]]:
    limit = _BATCH
    while True:
        waiting = tx.outbox.claim_waiting(now, limit)
        wanted = [(letter, _action(actions, read_signal(letter.text))) for letter in waiting]
        unclaimed.clear()
        unclaimed.update(letter.id for letter, action in wanted if action is None)
        found = [(letter, action) for letter, action in wanted if action is not None][:_BATCH]
        if found or len(waiting) < limit:
            break
        limit *= 4  # nothing but unclaimed letters: look further
    lease = now + LEASE // MICROSECOND
    claimed = [(evolve(letter, reason=_IN_HAND, next=lease), action) for letter, action in found]
    tx.outbox.settle(letter for letter, _ in claimed)
    return claimed


def _action(actions: Actions, signal: Signal) -> Action | None:
    if not isinstance(actions, Mapping):
        return actions
    subject = signal.signal if isinstance(signal, Withdrawn) else signal
    mine = (subject.moment, subject.action) if isinstance(subject, MomentReached) else ()
    names = (*mine, subject.kind)
    return next((actions[name] for name in names if name in actions), None)


def _settle(tx: Transaction, before: Letter, after: Letter) -> None:
    """Write what became of a letter, unless it was withdrawn or claimed by another meanwhile."""
    if tx.outbox.read([before.id]).get(before.id) == before:
        tx.outbox.settle([after])


def _hand_out(letter: Letter, action: Action, now: int) -> Letter:
    """Call the action; the letter as it is afterwards."""
    attempts = letter.attempts + 1
    try:
        result: object = action(read_signal(letter.text))  # type: ignore[func-returns-value]
        if isinstance(result, Coroutine):
            result.close()
            raise TypeError("this action is a coroutine: deliver with AsyncLive")
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:1000]
        if attempts >= MAX_ATTEMPTS:
            return evolve(letter, status="dead", attempts=attempts, reason=reason, next=now)
        pause = min(FIRST_PAUSE * 3 ** (attempts - 1), LONGEST_PAUSE)
        return evolve(letter, attempts=attempts, reason=reason, next=now + pause // MICROSECOND)
    return evolve(letter, status="done", attempts=attempts, reason="", next=now)
