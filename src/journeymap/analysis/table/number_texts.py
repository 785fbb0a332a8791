"""Columns of numbers as texts, read by the same rules as single ones."""

from __future__ import annotations

import polars as pl

from journeymap.adapters.reading.numbers import GROUPED, PLAIN, DecimalMark

__all__ = ["plain_numbers"]


def plain_numbers(texts: pl.Series, mark: DecimalMark | None) -> pl.Series:
    """Rewrite texts as plain numbers with a decimal point; null where they are none."""
    texts = texts.str.strip_chars()
    if mark is not None:
        whole, separator = GROUPED[mark]
        parts = texts.str.extract_groups(whole).struct.unnest()
        sign, digits, decimals = (pl.col(name) for name in parts.columns)
        plain = sign + digits.str.replace_all(separator, "") + "." + decimals.fill_null("0")
        texts = parts.select(plain).to_series().str.replace(r"\.$", ".0")
    good = texts.str.contains(f"^{PLAIN.pattern}$").fill_null(False)
    return texts.zip_with(good, pl.Series([None], dtype=pl.String))
