"""Histories: customers' interactions, read back out of a table column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, repeat
from typing import Any

import numpy as np
import polars as pl
from attrs import evolve

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.measuring.sequences import expand_spans
from journeymap.analysis.table.checking import LEVELS
from journeymap.analysis.table.encoding import carried_name
from journeymap.analysis.table.exact_amounts import FRACTION, NO_NUMBER, SCALE
from journeymap.analysis.table.part import Part, require_times
from journeymap.analysis.table.table import Table
from journeymap.exceptions import AnswerError
from journeymap.interactions import Interaction, Money, Score
from journeymap.interactions.trusted import make_interaction
from journeymap.model.scores import kind_on_scale, plain_kind

__all__ = ["check_columns", "read_histories", "read_history", "read_journeys", "read_scores"]


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
    return tuple(_read(table.between(found, found + 1), _make_checked))


def read_histories(
    table: Table, customers: Iterable[str] | None = None
) -> Iterator[tuple[Interaction, ...]]:
    """Read the interactions of every customer back, or of some; see `Log.histories`."""
    require_times(table.scope, "histories")
    if customers is not None:
        table = _select(table, customers)
    for part in table.parts(None):
        check_columns(part)
    return _all_histories(table)


def _all_histories(table: Table) -> Iterator[tuple[Interaction, ...]]:
    """Read customers by parts of the table, whose columns are converted as a whole."""
    for part in table.parts() if len(table) else ():
        yield from read_journeys(part)


def read_journeys(part: Part) -> Iterator[tuple[Interaction, ...]]:
    """Read the interactions of each journey of a part back.

    What ``check_columns`` checks is not checked again.
    """
    made = list(_read(part, make_interaction))
    for name, (begin, end) in zip(part.ids.to_list(), pairwise(part.offsets.tolist()), strict=True):
        Interaction(name, "any", _SOME_TIME)  # whether an interaction may have the name
        yield tuple(made[begin:end])


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


def check_columns(part: Part) -> None:
    """Check each distinct name once, and the bounds of numbers; raise what a value would raise."""
    for level in (*_CARRIED, "source", "referred_by"):
        for name in _distinct_names(part, level):
            named: Any = {level: name}
            Interaction("any", "any", _SOME_TIME, **named)
    for name in _distinct_names(part, "touchpoint"):
        Interaction("any", name, _SOME_TIME)
    for role in ("emotion", "emotion_after", "cost", "duration"):
        column = part.number(role)
        if column is None:
            continue
        numbers = column[column != np.iinfo(column.dtype).min]
        for one in (numbers.min() / SCALE, numbers.max() / SCALE) if len(numbers) else ():
            value: Any = timedelta(seconds=float(one)) if role == "duration" else float(one)
            Interaction("any", "any", _SOME_TIME, **{role: value})


def _distinct_names(part: Part, level: str) -> Iterator[str]:
    if part.knows(level):
        names = part.names(level)
        for code in distinct(part.codes(level)).tolist():
            if names[code] is not None:
                yield str(names[code])


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


def _read(part: Part, make: Callable[..., Interaction]) -> Iterator[Interaction]:
    """Make the interactions of a part."""
    names = {level: _names(part, level) for level in (*LEVELS, "touchpoint")}
    ids = part.ids.gather(part.journey.astype(np.uint32)).to_list()
    times = pl.Series(part.at).cast(pl.Datetime("us")).to_list()
    lengths = [None if one is None else timedelta(seconds=one)
               for one in _numbers(part, "duration")]  # fmt: skip
    return map(
        make, ids, names["touchpoint"], (at.replace(tzinfo=UTC) for at in times), repeat(None),
        names["source"], *(names[level] for level in _CARRIED),
        _numbers(part, "emotion"), _numbers(part, "emotion_after"),
        read_scores(part), _values(part), lengths,
        _numbers(part, "cost"), names["referred_by"], _extras(part),
    )  # fmt: skip


def _names(part: Part, level: str) -> list[str | None]:
    """Read the names of interactions at a level (None: there is none)."""
    if not part.knows(level):
        return [None] * len(part)
    names = [None if name is None else str(name) for name in part.names(level)]
    return [names[code] for code in part.codes(level).tolist()]


def _numbers(part: Part, role: str) -> list[float | None]:
    """Read the numbers of interactions (None: there is none)."""
    column = part.number(role)
    if column is None:
        return [None] * len(part)
    missing = (-(2 ** (8 * column.dtype.itemsize - 1)), NO_NUMBER)
    return [None if one in missing else one / SCALE for one in column.tolist()]


def read_scores(part: Part) -> list[Score | None]:
    """Read the answers of interactions, each distinct one made once."""
    if part.number("score") is None:
        return [None] * len(part)
    made: dict[tuple[float, str], Score] = {}
    found: list[Score | None] = []
    for number, kind in zip(_numbers(part, "score"), _names(part, "score_kind"), strict=True):
        if number is None:
            found.append(None)
            continue
        key = (number, kind or "")
        if key not in made:
            low, high = part.scope.scales[key[1]]
            plain = plain_kind(key[1])
            named = plain if key[1] == kind_on_scale(plain, low, high) else key[1]
            made[key] = Score(named, number, low, high)
        found.append(made[key])
    return found


def _values(part: Part) -> list[Money | None]:
    """Read the amounts of interactions, exactly."""
    column, fractions = part.number("value"), part.number("value_fraction")
    if column is None:
        return [None] * len(part)
    missing = (-(2 ** (8 * column.dtype.itemsize - 1)), NO_NUMBER)
    left = [0] * len(part) if fractions is None else fractions.tolist()
    rows = zip(column.tolist(), left, _names(part, "currency"), strict=True)
    return [
        None if whole in missing
        else Money(Decimal(whole * FRACTION + rest) / (SCALE * FRACTION), currency or "")
        for whole, rest, currency in rows
    ]  # fmt: skip


def _extras(part: Part) -> Iterator[tuple[tuple[str, Any], ...]]:
    """Read what else is carried, ordered by name."""
    columns = [name for name in part.recorded_levels if name not in _DESIGNED]
    if not columns:
        return repeat((), len(part))
    carried = sorted((carried_name(name), name) for name in columns)
    rows = zip(*(_names(part, name) for _, name in carried), strict=True)
    return (
        tuple((name, value) for (name, _), value in zip(carried, row, strict=True)
              if value is not None)
        for row in rows
    )  # fmt: skip
