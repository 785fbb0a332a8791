"""The outbox: signals that ask for an action are kept until the action has taken them."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from journeymap.adapters.store import Letter, Transaction, micros
from journeymap.live.delivering import IN_HAND, REQUEUED
from journeymap.live.handlers import names_of
from journeymap.tracking import MomentReached, Signal, Withdrawn
from journeymap.tracking.codec import read_signal, signal_text

__all__ = ["letters_for", "post_letters"]


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
        made.append(Letter(signal.id, signal.customer, signal_text(signal), next=at, kind=kind,
                           moment=moment, action=action))  # fmt: skip
    # Of those at the same time, the first signal goes out first.
    times = [one.next - len(made) + n for n, one in enumerate(made)]
    return [evolve(one, next=at, posted=at) for one, at in zip(made, times, strict=True)]


def post_letters(tx: Transaction, letters: list[Letter]) -> None:
    """Put letters into the outbox.

    A withdrawal makes the letter of its signal void; where that was surely never handed out, it
    needs no letter itself. A signal that becomes true again is sent again, unless it was taken and
    its withdrawal was surely never handed out.
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
            if _is_untouched(sent):
                continue
            changed[letter.id] = letter
            continue
        # Its withdrawal is not handed out any more: the signal is true again.
        sent, name = changed.get(letter.id) or there.get(letter.id), _withdrawal_id(signal)
        gone = changed.get(name) or there.get(name)
        if gone is None and sent is not None and sent.status != "withdrawn":
            continue  # nothing withdrew it: it is the same signal, which waits or was taken
        if gone is None or gone.status not in ("waiting", "dead"):
            changed[letter.id] = letter
            continue
        changed[name] = evolve(gone, status="withdrawn")
        if sent is None or sent.status != "done" or not _is_untouched(gone):
            changed[letter.id] = evolve(letter, reason=REQUEUED)  # someone may have taken it before
    tx.outbox.post(one for name, one in changed.items() if name not in there)
    tx.outbox.settle(one for name, one in changed.items() if name in there)


def _is_untouched(letter: Letter) -> bool:
    """Check whether a letter was surely never handed out."""
    untried = letter.tried is None and not letter.attempts
    marked = letter.reason == REQUEUED or letter.reason.startswith(IN_HAND)
    return letter.status == "waiting" and untried and not marked


def _withdrawal_id(signal: Signal) -> str:
    """Return the id of the signal that would withdraw a signal."""
    return Withdrawn(signal.customer, signal.at, signal.tie, signal).id
