"""Forgetting a customer in the interactions of others, which name them as who recommended.

It costs a look at all interactions, in stores where any names who recommended; a fact of the store
notes that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from attrs import evolve

from journeymap.adapters.customer_pages import customer_pages
from journeymap.adapters.store import Transaction, micros
from journeymap.interactions import Interaction
from journeymap.interactions.codec import encoded
from journeymap.live.removed import Marks, latest_of

__all__ = ["drop_forgotten_referrers", "forget_referrals", "note_referrals"]

Named: TypeAlias = Callable[[Any], bool]
"""Whether what an interaction has for who recommended is the customer who is forgotten."""
_REFERRALS = "referrals"
_KEY = "referred_by"
_PAGE = 500


def note_referrals(tx: Transaction, given: Iterable[Interaction]) -> None:
    """Note that interactions of a store name who recommended, if these do."""
    named = any(one.referred_by is not None for one in given)
    if named and _REFERRALS not in tx.meta.read():
        tx.meta.set(_REFERRALS, "1")


def drop_forgotten_referrers(
    tx: Transaction, marks: Marks, given: Sequence[Interaction]
) -> tuple[Interaction, ...]:
    """Take out of interactions who recommended, where they were forgotten after it happened."""
    named = [[] if one.referred_by is None else marks.every_of_referrer(one.referred_by)
             for one in given]  # fmt: skip
    wanted = dict.fromkeys(mark for own in named for mark in own)
    found = tx.tombstones.find(list(wanted)) if wanted else {}
    return tuple(
        evolve(one, referred_by=None) if found and micros(one.at) <= latest_of(found, own) else one
        for one, own in zip(given, named, strict=True)
    )


def forget_referrals(tx: Transaction, is_gone: Named) -> None:
    """Take a customer out of the interactions that name them as who recommended."""
    if _REFERRALS not in tx.meta.read():
        return
    tx.meta.lock()
    for row in tx.set_aside.read():
        text = _without(row.text, is_gone)
        if text != row.text and row.key is not None:
            tx.set_aside.remove([row.key])
            tx.set_aside.add([evolve(row, text=text)])
    for names, _ in customer_pages(lambda work: work(tx), _PAGE, lambda _, names: names):
        for name in names:
            _forget_at(tx, name, is_gone)


def _forget_at(tx: Transaction, name: str, is_gone: Named) -> None:
    held = tx.journal.history(name)
    left = [evolve(one, text=_without(one.text, is_gone)) for one in held]
    if left == held:
        return
    tx.states.lock_versions([name])
    tx.journal.delete([name])
    tx.checkpoints.delete([name])
    tx.journal.append(left)
    state = tx.states.read([name])[name]
    text = encoded(_cleared(json.loads(state.text), is_gone))
    tx.states.update([evolve(state, version=state.version + 1, text=text)])


def _without(text: str, is_gone: Named) -> str:
    """Write an interaction without who recommended, if they are gone."""
    if f'"{_KEY}":' not in text:
        return text
    data = json.loads(text)
    kept = _cleared(data, is_gone)
    return text if kept == data else encoded(kept)


def _cleared(value: Any, is_gone: Named) -> Any:
    """Take who recommended out of data, wherever they are held."""
    if isinstance(value, dict):
        return {
            key: _cleared(one, is_gone) for key, one in value.items()
            if key != _KEY or not is_gone(one)
        }  # fmt: skip
    if isinstance(value, list):
        return [_cleared(one, is_gone) for one in value]
    return value
