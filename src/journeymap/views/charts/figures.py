"""Figures: what a chart plots, as a frame with labels, units and words for its numbers."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import polars as pl
from attrs import frozen

from journeymap.analysis.answers import Answer
from journeymap.views.text_fit import width_of

__all__ = [
    "MAX_ROWS",
    "Unit",
    "choose_time_unit",
    "cut_rows",
    "join_keys",
    "scale_of",
    "write_count",
]

Unit: TypeAlias = Literal["share", "seconds", "count", "amount", "number"]
MAX_ROWS = 15
"""Rows of bars that a chart shows; the title says how many there are."""
_LONG = 56  # characters of a way that are shown
_ROOM, _SIZE = 310.0, 12.0  # of a label, below what the theme cuts
_TIMES = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))


@frozen
class Scale:
    """How numbers of a unit are shown.

    Attributes:
        factor: What a number is divided by.
        format: How axis and labels write it, as D3 has it.
        words: The unit in words, for the axis.
        step: The least distance of two ticks.
    """

    factor: float
    format: str
    words: str
    step: float = 0.0


def choose_time_unit(seconds: pl.Series) -> tuple[float, str]:
    """Choose the unit in which times are shown: the largest that the greatest reaches twice."""
    most = float(seconds.abs().max() or 0)  # type: ignore[arg-type]
    return next(((size, name) for size, name in _TIMES if most >= 2 * size), _TIMES[-1])


def scale_of(unit: Unit, values: pl.Series, currency: str | None = None) -> Scale:
    """Choose how the numbers of a column are shown.

    Args:
        unit: What they are.
        values: The numbers.
        currency: The currency of amounts.

    Returns:
        The scale.
    """
    match unit:
        case "share":
            most = float(values.abs().max() or 0)  # type: ignore[arg-type]
            return Scale(1.0, ".0%" if most >= 0.1 else ".1%", "")
        case "seconds":
            factor, words = choose_time_unit(values)
            return Scale(factor, ",.3~r", words)
        case "amount":
            most = float(values.abs().max() or 0)  # type: ignore[arg-type]
            return Scale(1.0, ",.0f" if most >= 100 else ",.2f", currency or "")
        case "count":
            return Scale(1.0, ",.0f", "", 1.0)
        case "number":
            return Scale(1.0, ",.2~f", "")


def join_keys(frame: pl.DataFrame, names: tuple[str, ...], *, sized: bool) -> list[str]:
    """Write the keys of each row as one label; ``sized``: with n where rows differ in it.

    A step is written before its element; a name that is missing is left out, unless nothing
    else is there; of a long way or label, the middle is. No two labels are the same.
    """
    columns = [frame[name].to_list() for name in names]
    sizes = frame["n"].to_list() if sized and _differ(frame) else None
    found: list[str] = []
    for number, cells in enumerate(zip(*columns, strict=True)):
        step, parts = "", []
        for name, cell in zip(names, cells, strict=True):
            if name == "step" and isinstance(cell, int):
                step = f"{cell}. "
            elif isinstance(cell, list):
                parts.append(_shorten([str(one) for one in cell] or ["(anything)"]))
            elif cell is not None:
                parts.append(str(cell))
        label = step + (" → ".join(parts) or "(none)")
        size = sizes[number] if sizes is not None else None
        count = "" if size is None else f"  (n {size:,})"
        found.append(_fitted(label, _ROOM - width_of(count, _SIZE)) + count)
    return make_unique(found)


def _fitted(label: str, room: float) -> str:
    """Leave out the middle of a label that is too long: labels may differ at their ends."""
    if width_of(label, _SIZE) <= room:
        return label
    kept = min(len(label) - 1, 80)
    while kept > 8:
        begin, end = -(-2 * kept // 3), kept // 3
        made = f"{label[:begin].rstrip()} … {label[-end:].lstrip()}"
        if width_of(made, _SIZE) <= room:
            return made
        kept -= 1
    return label[:8]


def label_rows(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.Series:
    """Write the keys of each row as a label; rows of the same keys have the same one."""
    plain = frame.select(names).unique(maintain_order=True)
    labels = plain.with_columns(
        label=pl.Series(join_keys(plain, names, sized=False), dtype=pl.String)
    )
    found = frame.join(labels, on=names, how="left", nulls_equal=True, maintain_order="left")
    return found["label"]


def currency_of(answer: Answer[Any]) -> str | None:
    """Find the currency of an answer's amounts (None: it has none)."""
    found: str | None = getattr(answer, "currency", None)
    return found


def make_unique(labels: list[str]) -> list[str]:
    """Add a number to labels that are the same."""
    met: dict[str, int] = {}
    found = []
    for label in labels:
        met[label] = met.get(label, 0) + 1
        found.append(label if met[label] == 1 else f"{label} ({met[label]})")
    return found


def _differ(frame: pl.DataFrame) -> bool:
    return "n" in frame.columns and frame["n"].n_unique() > 1


def _shorten(path: list[str]) -> str:
    """Join the steps of a way; of a long one, leave out the middle."""
    whole = " → ".join(path)
    if len(whole) <= _LONG or len(path) <= 4:
        return whole
    return " → ".join([*path[:2], f"({len(path) - 4} more)", *path[-2:]])


def cut_rows(frame: pl.DataFrame, by: str | None) -> tuple[pl.DataFrame, str]:
    """Keep the rows that a chart has room for, and write of how many they are.

    Args:
        frame: The rows.
        by: The column of which the greatest are kept (None: the first rows).

    Returns:
        The rows, and the words for the subtitle ("": all are shown).
    """
    if len(frame) <= MAX_ROWS:
        return frame, ""
    kept = frame.head(MAX_ROWS)
    which = "first" if by is None else "greatest"
    if by is not None:
        greatest = pl.col(by).abs()
        places = frame.with_row_index("place").sort(
            greatest, descending=True, nulls_last=True, maintain_order=True
        )["place"]
        kept = frame[sorted(places.head(MAX_ROWS).to_list())]
    return kept, f"the {MAX_ROWS} {which} of {len(frame):,}"


def write_count(answer: Answer[Any], name: str = "n") -> str:
    """Write of how many the rows are, where all have the same number."""
    numbers = answer.frame[name].unique() if name in answer.frame.columns else pl.Series([])
    return f"n = {numbers[0]:,}" if len(numbers) == 1 and numbers[0] is not None else ""
