"""Columns of names, read by the same rules as the names of single interactions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from journeymap.adapters.reading.numbers import number_text
from journeymap.adapters.tables.calendar_bounds import mark_beyond, spell_times
from journeymap.analysis.table.coding import CodedNames
from journeymap.exceptions import ColumnsError
from journeymap.interactions.interaction import (
    MAX_KEY_BYTES,
    MAX_NAME_BYTES,
    TOO_LONG_KEY,
    TOO_LONG_NAME,
)
from journeymap.model.rules import LINE_ENDS, MAX_TEXT, RESERVED, UNCLEAN, fault_in_text
from journeymap.model.scores import SCORE_KINDS

__all__ = [
    "clean_names",
    "encode_clean",
    "find_long_keys",
    "holds_names",
    "name_faults",
    "read_names",
]


def read_names(frame: pl.DataFrame, column: str) -> pl.Series:
    """Read a column as names: as the texts of its values, by the rules for single ones."""
    found = frame[column]
    kind = found.dtype
    if not holds_names(kind):
        raise ColumnsError(f"column {column!r} holds {kind}, not names", None, ())
    if kind.is_float():
        return _write_numbers(found.cast(pl.Float64))
    if kind in (pl.Time, pl.Date) or isinstance(kind, pl.Datetime):
        return _write_times(found)
    return found.cast(pl.String)


def _write_numbers(found: pl.Series) -> pl.Series:
    """Write numbers: whole ones lose the point that a frame may have added."""
    found = found.set(~found.is_finite().fill_null(False), None)  # no name is infinite
    whole = found.cast(pl.Int64, strict=False)
    same = (whole.cast(pl.Float64) == found).fill_null(value=False)
    texts = whole.cast(pl.String).zip_with(same, found.cast(pl.String))
    # Which may have an exponent where they are very large, or very small.
    odd = ~same & ((found.abs() < 1e-3) | (found.abs() >= 2**53)).fill_null(False)
    spelled = pl.Series([number_text(one, None) for one in found.filter(odd)], dtype=pl.String)
    return texts.scatter(np.flatnonzero(odd.to_numpy()), spelled) if len(spelled) else texts


def _write_times(found: pl.Series) -> pl.Series:
    """Write times as ISO 8601 has them; what is finer than a microsecond is cut off."""
    kind = found.dtype
    if kind == pl.Time:
        return _without_zeros(found.dt.to_string("%H:%M:%S%.6f"))
    beyond = mark_beyond(found)
    known = found.zip_with(~beyond, pl.Series([None], dtype=kind))
    if isinstance(kind, pl.Datetime):
        zone = "" if kind.time_zone is None else "%:z"
        known = _without_zeros(known.dt.to_string(f"%Y-%m-%dT%H:%M:%S%.6f{zone}"))
    known = known.cast(pl.String)
    return known.zip_with(~beyond, spell_times(found)) if beyond.any() else known


def _without_zeros(times: pl.Series) -> pl.Series:
    return times.str.replace(".000000", "", literal=True)


def holds_names(kind: pl.DataType) -> bool:
    """Check whether values of a type have a text that can be a name."""
    if isinstance(kind, pl.Date | pl.Datetime | pl.Time | pl.Boolean | pl.Null):
        return True
    return kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Enum)


def clean_names(names: pl.Series) -> pl.Series:
    """Remove the blanks around names; ends of lines within become blanks."""
    return names.str.strip_chars().str.replace_all(LINE_ENDS, " ")


def encode_clean(
    names: pl.Series, coder: Callable[[pl.Series], CodedNames], role: str
) -> CodedNames:
    """Encode names as they are to be written: each distinct one is looked at once."""
    coded = coder(names)
    clean = read_word(clean_names(coded.names), role)
    if (clean == coded.names).all():
        return coded
    return coder(clean.gather(coded.codes))


def read_word(names: pl.Series, role: str) -> pl.Series:
    """Write currencies in capitals, and kinds of scores that are known in small letters."""
    if role == "currency":
        return names.str.to_uppercase()
    if role == "score_kind":
        small = names.str.to_lowercase()
        return small.zip_with(small.is_in(list(SCORE_KINDS)).fill_null(False), names)
    return names


def name_faults(role: str, coded: CodedNames) -> pl.Series | None:
    """Find what is wrong with names, as single interactions are judged; None: nothing."""
    names = coded.names
    most = MAX_NAME_BYTES if role == "customer" else MAX_TEXT
    size = names.str.len_bytes() if role == "customer" else names.str.len_chars()
    wrong = (size > most) | names.is_in(list(RESERVED)) | names.str.contains(UNCLEAN)
    if not wrong.any():
        return None
    reasons = [
        _fault(role, name) if bad else None
        for name, bad in zip(names.to_list(), wrong.to_list(), strict=True)
    ]
    return pl.Series(reasons, dtype=pl.String).gather(coded.codes)


def _fault(role: str, name: str) -> str:
    if name in RESERVED:
        if role == "touchpoint":
            return "a touchpoint named like where journeys begin or end"
        return f"{role}: this name is reserved for where journeys begin"
    return f"{role}: {fault_in_text(name) or TOO_LONG_NAME}"


def find_long_keys(ids: CodedNames, sources: CodedNames | None) -> pl.Series | None:
    """Find ids that are too long to be looked up, with their sources; None: there are none."""
    sizes = ids.names.str.len_bytes().cast(pl.Int64).gather(ids.codes) + 1
    if sources is not None:
        sizes += sources.names.str.len_bytes().cast(pl.Int64).gather(sources.codes)
    if not (sizes > MAX_KEY_BYTES).any():
        return None
    return pl.select(pl.when(sizes > MAX_KEY_BYTES).then(pl.lit(f"id: {TOO_LONG_KEY}"))).to_series()
