"""Histories: customers' interactions, read back out of a table column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any

import numpy as np
import polars as pl
from attrs import evolve

from journeymap.analysis.measuring.sequences import expand_spans
from journeymap.analysis.table.checking import LEVELS
from journeymap.analysis.table.encoding import carried_name
from journeymap.analysis.table.exact_amounts import FRACTION, NO_NUMBER, SCALE
from journeymap.analysis.table.part import require_times
from journeymap.analysis.table.table import ROWS_IN_A_PART, Table
from journeymap.exceptions import AnswerError
from journeymap.interactions import Interaction, Money, Score
from journeymap.interactions.trusted import make_interaction
from journeymap.model.scores import kind_on_scale, plain_kind

__all__ = ["read_histories", "read_history"]


_DESIGNED = frozenset((*LEVELS, "touchpoint", "stage", "phase", "score_kind", "currency"))
_CARRIED = ("channel", "department", "process", "product", "outcome")
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def read_history(table: Table, customer: str) -> tuple[Interaction, ...]:
    """Read the interactions of a customer back, in order; see `Log.history`."""
    if not isinstance(customer, str):
        raise AnswerError("history", f"a customer's name is a text, not {customer!r}")
    require_times(table.scope, "history")
    found = table.ids.index_of(customer)
    if found is None:
        return ()
    begin, end = int(table.offsets[found]), int(table.offsets[found + 1])
    return tuple(_read(table, begin, end, repeat(customer), _make_checked))


def read_histories(
    table: Table, customers: Iterable[str] | None = None
) -> Iterator[tuple[Interaction, ...]]:
    """Read the interactions of every customer back, or of some; see `Log.histories`."""
    require_times(table.scope, "histories")
    if customers is not None:
        table = _select(table, customers)
    _check_columns(table)
    return _all_histories(table)


def _all_histories(table: Table) -> Iterator[tuple[Interaction, ...]]:
    """Read customers by parts of the table, whose columns are converted as a whole."""
    edges, names = table.offsets.tolist(), table.ids.to_list()
    first = 0
    while first < len(names):
        last = int(np.searchsorted(table.offsets, edges[first] + ROWS_IN_A_PART))
        last = min(max(last, first + 1), len(names))
        begin, end = edges[first], edges[last]
        owners = [
            name for place, name in enumerate(names[first:last], first)
            for _ in range(edges[place], edges[place + 1])
        ]  # fmt: skip
        made = list(_read(table, begin, end, owners, make_interaction))
        for place in range(first, last):
            Interaction(names[place], "any", _SOME_TIME)  # whether an interaction may have the name
            yield tuple(made[edges[place] - begin : edges[place + 1] - begin])
        first = last


def _select(table: Table, customers: Iterable[str]) -> Table:
    """Make a table of some customers; those whom it does not have are left out."""
    several: Any = None if isinstance(customers, (str, bytes)) else customers
    names: list[Any] = list(several) if isinstance(several, Iterable) else [None]
    if not all(isinstance(name, str) for name in names):
        raise AnswerError("histories", f"names of customers are expected, not {customers!r:.80}")
    # No log has a name with halves of characters, and no frame can hold one.
    whole = [name for name in names if name.encode(errors="ignore").decode() == name]
    chosen = table.ids.is_in(pl.Series(whole, dtype=pl.String)).to_numpy()
    begins, lengths = table.offsets[:-1][chosen], np.diff(table.offsets)[chosen]
    rows = expand_spans(begins, lengths)
    levels = {
        name: one if one.codes is None else evolve(one, codes=one.codes[rows])
        for name, one in table.levels.items()
    }
    return evolve(
        table, ids=table.ids.filter(pl.Series(chosen)), offsets=np.append(0, np.cumsum(lengths)),
        at=table.at[rows], touchpoints=table.touchpoints[rows], levels=levels,
        numbers={role: numbers[rows] for role, numbers in table.numbers.items()},
    )  # fmt: skip


def _check_columns(table: Table) -> None:
    """Check each distinct name once, and the bounds of numbers; raise what a value would raise."""
    for level in (*_CARRIED, "source", "referred_by"):
        found = table.levels.get(level)
        for name in () if found is None else found.names:
            if name is not None:
                named: Any = {level: str(name)}
                Interaction("any", "any", _SOME_TIME, **named)
    for name in table.levels["touchpoint"].names:
        if name is not None:
            Interaction("any", str(name), _SOME_TIME)
    for role in ("emotion", "emotion_after", "cost", "duration"):
        numbers = [one for one in _numbers(table, role, 0, len(table)) if one is not None]
        for one in (min(numbers), max(numbers)) if numbers else ():
            value: Any = timedelta(seconds=one) if role == "duration" else one
            Interaction("any", "any", _SOME_TIME, **{role: value})


def _make_checked(
    customer: str, touchpoint: str, at: datetime, id: None, source: str | None,  # noqa: A002
    channel: str | None, department: str | None, process: str | None, product: str | None,
    outcome: str | None, emotion: float | None, emotion_after: float | None, score: Score | None,
    value: Money | None, duration: timedelta | None, cost: float | None,
    referred_by: str | None, extra: tuple[tuple[str, Any], ...],
) -> Interaction:  # fmt: skip
    return Interaction(
        customer, touchpoint, at, id=id, source=source, channel=channel, department=department,
        process=process, product=product, outcome=outcome, emotion=emotion,
        emotion_after=emotion_after, score=score, value=value, duration=duration, cost=cost,
        referred_by=referred_by, extra=extra,
    )  # fmt: skip


def _read(
    table: Table, begin: int, end: int, owners: Any, make: Callable[..., Interaction]
) -> Iterator[Interaction]:
    """Make the interactions of some rows, whose owners are given."""
    names = {level: _names(table, level, begin, end) for level in (*LEVELS, "touchpoint")}
    times = pl.Series(table.at[begin:end]).cast(pl.Datetime("us")).to_list()
    lengths = [None if one is None else timedelta(seconds=one)
               for one in _numbers(table, "duration", begin, end)]  # fmt: skip
    return map(
        make, owners, names["touchpoint"], (at.replace(tzinfo=UTC) for at in times), repeat(None),
        names["source"], *(names[level] for level in _CARRIED),
        _numbers(table, "emotion", begin, end), _numbers(table, "emotion_after", begin, end),
        _scores(table, begin, end), _values(table, begin, end), lengths,
        _numbers(table, "cost", begin, end), names["referred_by"], _extras(table, begin, end),
    )  # fmt: skip


def _names(table: Table, level: str, begin: int, end: int) -> list[str | None]:
    """Read the names of some rows at a level (None: there is none)."""
    if level == "touchpoint":
        codes, found = table.touchpoints[begin:end], table.levels[level]
    else:
        known = table.levels.get(level)
        if known is None or (known.codes is None and known.table is None):
            return [None] * (end - begin)
        found = known
        if known.codes is not None:
            codes = known.codes[begin:end]
        elif known.table is not None:
            codes = known.table[table.touchpoints[begin:end]]
    names = [None if name is None else str(name) for name in found.names]
    return [names[code] for code in codes.tolist()]


def _numbers(table: Table, role: str, begin: int, end: int) -> list[float | None]:
    """Read the numbers of some rows (None: there is none)."""
    column = table.numbers.get(role)
    if column is None:
        return [None] * (end - begin)
    missing = (-(2 ** (8 * column.dtype.itemsize - 1)), NO_NUMBER)
    return [None if one in missing else one / SCALE for one in column[begin:end].tolist()]


def _scores(table: Table, begin: int, end: int) -> list[Score | None]:
    """Read the answers of some rows, each distinct one made once."""
    numbers = _numbers(table, "score", begin, end)
    if "score" not in table.numbers:
        return [None] * (end - begin)
    made: dict[tuple[float, str], Score] = {}
    found: list[Score | None] = []
    for number, kind in zip(numbers, _names(table, "score_kind", begin, end), strict=True):
        if number is None:
            found.append(None)
            continue
        key = (number, kind or "")
        if key not in made:
            low, high = table.scope.scales[key[1]]
            plain = plain_kind(key[1])
            named = plain if key[1] == kind_on_scale(plain, low, high) else key[1]
            made[key] = Score(named, number, low, high)
        found.append(made[key])
    return found


def _values(table: Table, begin: int, end: int) -> list[Money | None]:
    """Read the amounts of some rows, exactly."""
    column, fractions = table.numbers.get("value"), table.numbers.get("value_fraction")
    if column is None:
        return [None] * (end - begin)
    missing = (-(2 ** (8 * column.dtype.itemsize - 1)), NO_NUMBER)
    left = [0] * (end - begin) if fractions is None else fractions[begin:end].tolist()
    rows = zip(column[begin:end].tolist(), left, _names(table, "currency", begin, end), strict=True)
    return [
        None if whole in missing
        else Money(Decimal(whole * FRACTION + part) / (SCALE * FRACTION), currency or "")
        for whole, part, currency in rows
    ]  # fmt: skip


def _extras(table: Table, begin: int, end: int) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Read what else is carried, ordered by name."""
    columns = [name for name, found in table.levels.items()
               if name not in _DESIGNED and found.codes is not None]  # fmt: skip
    if not columns:
        return repeat((), end - begin)
    carried = sorted((carried_name(name), name) for name in columns)
    rows = zip(*(_names(table, name, begin, end) for _, name in carried), strict=True)
    return (
        tuple((name, value) for (name, _), value in zip(carried, row, strict=True)
              if value is not None)
        for row in rows
    )  # fmt: skip
