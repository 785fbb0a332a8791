"""Histories: customers' interactions, read back out of a table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from journeymap.analysis.table.checking import LEVELS
from journeymap.analysis.table.encoding import carried_name
from journeymap.analysis.table.exact_amounts import FRACTION, NO_NUMBER, SCALE
from journeymap.analysis.table.part import require_times
from journeymap.analysis.table.table import Table
from journeymap.exceptions import AnswerError
from journeymap.interactions import Interaction, Money, Score
from journeymap.model.instants import EPOCH, MICROSECOND
from journeymap.model.scores import kind_on_scale, plain_kind

__all__ = ["read_histories", "read_history"]


_DESIGNED = frozenset((*LEVELS, "touchpoint", "stage", "phase", "score_kind", "currency"))


def read_history(table: Table, customer: str) -> tuple[Interaction, ...]:
    """Read the interactions of a customer back, in order; see `Log.history`."""
    if not isinstance(customer, str):
        raise AnswerError("history", f"a customer's name is a text, not {customer!r}")
    require_times(table.scope, "history")
    found = table.ids.index_of(customer)
    if found is None:
        return ()
    begin, end = int(table.offsets[found]), int(table.offsets[found + 1])
    return tuple(_interaction(table, customer, row) for row in range(begin, end))


def read_histories(table: Table) -> Iterator[tuple[Interaction, ...]]:
    """Read the interactions of every customer back; see `Log.histories`."""
    require_times(table.scope, "histories")
    edges = table.offsets.tolist()
    return (
        tuple(_interaction(table, customer, row) for row in range(edges[place], edges[place + 1]))
        for place, customer in enumerate(table.ids)
    )


def _interaction(table: Table, customer: str, row: int) -> Interaction:
    touchpoint = table.levels["touchpoint"].names[int(table.touchpoints[row])]
    roles = [role for role in table.numbers if role != "value_fraction"]
    numbers = {role: _number(table, role, row) for role in roles}
    values: dict[str, Any] = {name: _name(table, name, row) for name in LEVELS}
    for name in ("emotion", "emotion_after"):
        if numbers.get(name) is not None:
            values[name] = numbers[name]
    score, value, seconds = (numbers.get(name) for name in ("score", "value", "duration"))
    if score is not None:
        kind = _name(table, "score_kind", row) or ""
        low, high = table.scope.scales[kind]
        plain = plain_kind(kind)
        named = plain if kind == kind_on_scale(plain, low, high) else kind
        values["score"] = Score(named, score, low, high)
    if value is not None:
        fraction = table.numbers.get("value_fraction")
        left = 0 if fraction is None else int(fraction[row])
        whole = int(table.numbers["value"][row])
        amount = Decimal(whole * FRACTION + left) / (SCALE * FRACTION)
        values["value"] = Money(amount, _name(table, "currency", row) or "")
    if numbers.get("cost") is not None:
        values["cost"] = numbers["cost"]
    if seconds is not None:
        values["duration"] = timedelta(seconds=seconds)
    extras = [name for name, found in table.levels.items()
              if name not in _DESIGNED and found.codes is not None]  # fmt: skip
    kept = [(carried_name(name), _name(table, name, row)) for name in extras]
    values["extra"] = {name: value for name, value in kept if value is not None}
    at = EPOCH + int(table.at[row]) * MICROSECOND
    return Interaction(customer, str(touchpoint), at, **values)


def _name(table: Table, level: str, row: int) -> str | None:
    found = table.levels.get(level)
    if found is None:
        return None
    if found.codes is not None:
        return found.names[int(found.codes[row])]
    if found.table is not None:
        return found.names[int(found.table[table.touchpoints[row]])]
    return None


def _number(table: Table, role: str, row: int) -> float | None:
    column = table.numbers[role]
    found = int(column[row])
    missing = -(2 ** (8 * column.dtype.itemsize - 1))
    return None if found in (missing, NO_NUMBER) else found / SCALE
