"""The outbox: signals that ask for an action are kept until the action has taken them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from attrs import evolve, frozen

from journeymap.adapters.store import Letter, Store, Transaction, micros
from journeymap.tracking import MomentReached, Signal, Withdrawn
from journeymap.tracking.codec import read_signal, signal_text
from journeymap.tracking.fold_state import utc

__all__ = ["Action", "Actions", "Delivered", "delivered", "letters_of", "post"]

Action: TypeAlias = Callable[[Signal], None]
"""Carries out what a signal asks for, once for each ``signal.id``; raises when it could not."""
Actions: TypeAlias = Mapping[str, Action] | Action
"""One action for everything, or several by a moment's id, its action's text or a signal's kind."""

_MICRO = timedelta(microseconds=1)
_LEASE = timedelta(minutes=5)
_FIRST, _LONGEST = timedelta(seconds=10), timedelta(hours=6)
_TRIES = 8
_BATCH = 50
_IN_HAND = "in hand"


@frozen
class Delivered:
    """What came of handing out what waited.

    ``done`` were taken, ``failed`` will be tried again, ``dead`` were given up, and for
    ``unclaimed`` there was no action: they wait on.
    """

    done: int = 0
    failed: int = 0
    dead: int = 0
    unclaimed: int = 0


def letters_of(signals: Iterable[Signal], outgoing: frozenset[str], now: int) -> list[Letter]:
    """Letters for the signals that go out, and for what takes back such a signal: due at once, in
    the order of their time."""
    made = []
    for signal in signals:
        told = signal.signal if isinstance(signal, Withdrawn) else signal
        if told.kind not in outgoing or (isinstance(told, MomentReached) and not told.action):
            continue
        at = min(now, micros(signal.at))
        made.append(Letter(signal.id, signal.customer, signal_text(signal), next=at))
    # Of those at the same time, what was told first goes out first.
    return [evolve(one, next=one.next - len(made) + n) for n, one in enumerate(made)]


def post(tx: Transaction, letters: list[Letter]) -> None:
    """Put letters into the outbox.

    What takes back a signal makes its letter void; where that was surely never handed out, it
    needs no letter itself. A signal that comes true again is sent again.
    """
    signals = {letter.id: read_signal(letter.text) for letter in letters}
    others = [s.signal.id if isinstance(s, Withdrawn) else _taken_back(s) for s in signals.values()]
    there = tx.letters([*signals, *others])
    changed: dict[str, Letter] = {}
    for letter in letters:
        signal = signals[letter.id]
        if isinstance(signal, Withdrawn):
            told = changed.get(signal.signal.id) or there.get(signal.signal.id)
            if told is None or told.status == "withdrawn":
                continue  # nobody was told
            if told.status != "done":
                changed[told.id] = evolve(told, status="withdrawn")
            if told.status == "waiting" and not told.attempts and told.reason != _IN_HAND:
                continue
        else:  # what takes it back is not handed out any more: it is true again
            name = _taken_back(signal)
            gone = changed.get(name) or there.get(name)
            if gone is not None and gone.status == "waiting":
                changed[name] = evolve(gone, status="withdrawn")
        changed[letter.id] = letter
    tx.post(one for name, one in changed.items() if name not in there)
    tx.mark(one for name, one in changed.items() if name in there)


def _taken_back(signal: Signal) -> str:
    """The id of what would take a signal back."""
    return Withdrawn(signal.customer, signal.at, signal.tie, signal).id


def delivered(store: Store, actions: Actions, now: datetime) -> Delivered:
    """Hand out what waits, the oldest first, each at least once.

    A letter is leased while its action runs: should the process die, it is handed out again
    after five minutes, which counts as no try. An action that raises is tried again, after ten
    seconds and then longer and longer, eight times in all; then the letter is dead, with the
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
            after = _handed(letter, action, at)
            store.run(lambda tx, before=letter, after=after: _settle(tx, before, after))  # type: ignore[misc]
            done += after.status == "done"
            dead += after.status == "dead"
            failed += after.status == "waiting"


def _claim(
    tx: Transaction, now: int, actions: Actions, unclaimed: set[str]
) -> list[tuple[Letter, Action]]:
    limit = _BATCH
    while True:
        waiting = tx.waiting(now, limit)
        wanted = [(letter, _action(actions, read_signal(letter.text))) for letter in waiting]
        unclaimed.clear()
        unclaimed.update(letter.id for letter, action in wanted if action is None)
        found = [(letter, action) for letter, action in wanted if action is not None][:_BATCH]
        if found or len(waiting) < limit:
            break
        limit *= 4  # nothing but what nobody claims: look further
    lease = now + _LEASE // _MICRO
    claimed = [(evolve(letter, reason=_IN_HAND, next=lease), action) for letter, action in found]
    tx.mark(letter for letter, _ in claimed)
    return claimed


def _action(actions: Actions, signal: Signal) -> Action | None:
    if not isinstance(actions, Mapping):
        return actions
    told = signal.signal if isinstance(signal, Withdrawn) else signal
    mine = (told.moment, told.action) if isinstance(told, MomentReached) else ()
    names = (*mine, told.kind)
    return next((actions[name] for name in names if name in actions), None)


def _settle(tx: Transaction, before: Letter, after: Letter) -> None:
    """Write what became of a letter, unless it was withdrawn or claimed by another meanwhile."""
    if tx.letters([before.id]).get(before.id) == before:
        tx.mark([after])


def _handed(letter: Letter, action: Action, now: int) -> Letter:
    tries = letter.attempts + 1
    try:
        result: object = action(read_signal(letter.text))  # type: ignore[func-returns-value]
        if isinstance(result, Coroutine):
            result.close()
            raise TypeError("this action is a coroutine: deliver with AsyncLive")
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:1000]
        if tries >= _TRIES:
            return evolve(letter, status="dead", attempts=tries, reason=reason, next=now)
        wait = min(_FIRST * 3 ** (tries - 1), _LONGEST)
        return evolve(letter, attempts=tries, reason=reason, next=now + wait // _MICRO)
    return evolve(letter, status="done", attempts=tries, reason="", next=now)
