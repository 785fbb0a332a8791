"""The outbox: signals that ask for an action are kept until the action has taken them."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from attrs import evolve

from journeymap.adapters.store import Letter, Transaction, micros
from journeymap.live.delivering import IN_HAND, MOVED, REQUEUED
from journeymap.live.handlers import names_of
from journeymap.tracking import (
    Deviated,
    KeyJourneyCompleted,
    KeyJourneyGivenUp,
    MomentOverdue,
    MomentReached,
    Signal,
    Withdrawn,
)
from journeymap.tracking.codec import read_signal, signal_text

__all__ = ["letters_for", "move_letters", "post_letters"]

_RENEWED = "renewed"  # a fact of the store: how many letters got an id of their own
_BEGUN = (MomentReached, MomentOverdue, Deviated, KeyJourneyCompleted, KeyJourneyGivenUp)
"""The signals that name the interaction with which something began, by its place at its time."""


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
        moment, action, kind = names_of(signal)
        made.append(Letter(signal.key, signal.customer, signal_text(signal), next=at, kind=kind,
                           moment=moment, action=action))  # fmt: skip
    # Of those at the same time, the first signal goes out first.
    return [
        evolve(one, next=one.next - len(made) + n, posted=now - len(made) + n)
        for n, one in enumerate(made)
    ]


def post_letters(tx: Transaction, letters: list[Letter]) -> None:
    """Put letters into the outbox.

    A withdrawal makes the letter of its signal void; where that was surely never handed out, it
    needs no letter itself. A signal that becomes true again is sent again, unless it was taken and
    its withdrawal was surely never handed out. Both go by the id under which it was handed out.
    """
    signals = [read_signal(letter.text) for letter in letters]
    subjects = [one.signal if isinstance(one, Withdrawn) else one for one in signals]
    there = _find_letters(tx, subjects)
    for key, letter in there.items():
        if MOVED in letter.reason:  # it stands where another was, which has its id
            there[key] = evolve(letter, text=_renewed(tx, letter))
    handed = [_as_handed(one, there[one.key]) if one.key in there else one for one in subjects]
    withdrawals = [_withdrawn(one) for one in handed]
    there |= tx.outbox.read([one.id for one in withdrawals])
    changed: dict[str, Letter] = {}
    for letter, signal, subject, withdrawal in zip(
        letters, signals, handed, withdrawals, strict=True
    ):
        sent = changed.get(subject.key) or there.get(subject.key)
        if isinstance(signal, Withdrawn):
            if sent is None or sent.status == "withdrawn":
                continue  # no one was sent it
            if sent.status != "done":
                changed[subject.key] = evolve(sent, status="withdrawn")
            if not _is_untouched(sent):
                text = signal_text(evolve(signal, signal=subject))
                changed[withdrawal.id] = evolve(letter, id=withdrawal.id, text=text)
            continue
        # Its withdrawal is not handed out any more: the signal is true again.
        gone = changed.get(withdrawal.id) or there.get(withdrawal.id)
        if gone is None and sent is not None and sent.status != "withdrawn":
            continue  # nothing withdrew it: it is the same signal, which waits or was taken
        letter = evolve(letter, text=signal_text(subject))
        if gone is None or gone.status not in ("waiting", "dead"):
            changed[subject.key] = letter
            continue
        changed[withdrawal.id] = evolve(gone, status="withdrawn")
        if sent is None or sent.status != "done" or not _is_untouched(gone):
            # Someone may have taken it before.
            changed[subject.key] = evolve(letter, reason=REQUEUED)
    tx.outbox.post(evolve(one, id=name) for name, one in changed.items() if name not in there)
    tx.outbox.settle(
        evolve(one, id=there[name].id) for name, one in changed.items() if name in there
    )


def _find_letters(tx: Transaction, signals: Iterable[Signal]) -> dict[str, Letter]:
    """Find the letters of signals, by their keys.

    A letter is kept by the key of its signal; before there were keys, by its id.
    """
    keys = {name: one.key for one in signals for name in (one.id, one.key)}
    found: dict[str, Letter] = {}
    for letter in tx.outbox.read(list(keys)).values():
        key = keys[letter.id]
        if letter.id == key or key not in found:
            found[key] = letter
    return found


def move_letters(tx: Transaction, moved: Iterable[tuple[Signal, Signal]]) -> None:
    """Let letters follow their signals: to another customer, or another place at their time.

    What they ask for, and the id under which they are handed out, stay as they were.
    """
    pairs = list(moved)
    there = _find_letters(tx, [old for old, _ in pairs])
    known = _find_letters(tx, [new for _, new in pairs])
    made: list[Letter] = []
    for old, new in pairs:
        letter = there.get(old.key)
        if letter is None or letter.status == "withdrawn":
            continue
        signal = read_signal(letter.text)
        if signal.key != old.key:
            continue  # it has followed another signal already
        named = _moved(signal, new)
        row = known[new.key].id if new.key in known else new.key
        text = signal_text(_as_handed(named, letter))
        mine = evolve(letter, id=row, customer=new.customer, text=text)
        made.append(mine)
        held = letter.status == "waiting" and letter.reason.startswith(IN_HAND)
        reason = f"{letter.reason if held else ''}{MOVED}{mine.id}"
        # It goes with the customer: it is forgotten with them, too.
        tx.outbox.settle([evolve(letter, status="withdrawn", reason=reason,
                                 customer=new.customer, text=signal_text(named))])  # fmt: skip
    rows = {letter.id for letter in known.values()}
    tx.outbox.post(one for one in made if one.id not in rows)
    tx.outbox.settle(one for one in made if one.id in rows)


def _moved(signal: Signal, new: Signal) -> Signal:
    """Make a signal one of the customer, and at the place among those of its time, of another."""
    if isinstance(signal, _BEGUN) and isinstance(new, _BEGUN):
        signal = evolve(signal, begun_tie=new.begun_tie)
    return evolve(signal, customer=new.customer, tie=new.tie, handed_id=None)


def _renewed(tx: Transaction, letter: Letter) -> str:
    """Write the signal of a letter that was moved away under an id that no other has."""
    number = int(tx.meta.read().get(_RENEWED, "0")) + 1
    tx.meta.set(_RENEWED, str(number))
    signal = read_signal(letter.text)
    name = blake2b(f"{signal.id} {letter.id} {number}".encode(), digest_size=16).hexdigest()
    return signal_text(evolve(signal, handed_id=name))


def _as_handed(signal: Signal, letter: Letter) -> Signal:
    """Give a signal the id under which its letter was handed out."""
    known = read_signal(letter.text).id
    return signal if signal.id == known else evolve(signal, handed_id=known)


def _is_untouched(letter: Letter) -> bool:
    """Check whether a letter was surely never handed out."""
    untried = letter.tried is None and not letter.attempts
    marked = letter.reason == REQUEUED or letter.reason.startswith(IN_HAND)
    return letter.status == "waiting" and untried and not marked


def _withdrawn(signal: Signal) -> Withdrawn:
    """Make the signal that would withdraw a signal."""
    return Withdrawn(signal.customer, signal.at, signal.tie, signal)
