"""Columns of numbers as texts, read by the same rules as single ones."""

from __future__ import annotations

import polars as pl

from journeymap.adapters.reading.numbers import GROUPED, PLAIN, DecimalMark, read_length

__all__ = ["plain_lengths", "plain_numbers"]


def plain_lengths(texts: pl.Series, mark: DecimalMark | None) -> pl.Series:
    """Rewrite texts as plain numbers of seconds, those of lengths such as ``01:30:00`` too."""
    numbers = plain_numbers(texts, mark)
    if numbers.null_count() == texts.null_count():
        return numbers
    met = texts.filter(numbers.is_null()).drop_nulls().unique().to_list()
    seconds = {text: found for text in met if (found := read_length(text)) is not None}
    return numbers.fill_null(texts.replace_strict(seconds, default=None, return_dtype=pl.String))


def plain_numbers(texts: pl.Series, mark: DecimalMark | None) -> pl.Series:
    """Rewrite texts as plain numbers with a decimal point; null where they are none."""
    texts = texts.str.strip_chars()
    if mark is not None:
        whole, separator = GROUPED[mark]
        parts = texts.str.extract_groups(whole).struct.unnest()
        sign, digits, decimals, bare = (pl.col(name) for name in parts.columns)
        whole_part = digits.fill_null("0").str.replace_all(separator, "")
        plain = sign + whole_part + "." + pl.coalesce(bare, decimals, pl.lit("0"))
        texts = parts.select(plain).to_series().str.replace(r"\.$", ".0")
    good = texts.str.contains(f"^{PLAIN.pattern}$").fill_null(False)
    return texts.zip_with(good, pl.Series([None], dtype=pl.String))
