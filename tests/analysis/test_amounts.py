"""Amounts: kept exactly, however small, in every reader and engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeymap import Between, Interaction, Money
from journeymap.analysis import Columns, Handoffs, Log
from journeymap.analysis.table.exact_amounts import (
    FRACTION,
    NO_NUMBER,
    SCALE,
    amount_of,
    split_amounts,
    split_bound,
)
from journeymap.engines import ParquetLog

COLUMNS = Columns(value="value", currency="USD", department="team", at_unit="s")


def impressions(count: int, value: float) -> pl.DataFrame:
    places = np.arange(count + 1)
    return pl.DataFrame({
        "customer": "c", "touchpoint": "ad", "at": places,
        "team": np.where(places == count, "sales", "ads"),
        "value": np.where(places == count, 0.0, value),
    })  # fmt: skip


def at_risk(log: Log | ParquetLog) -> float | None:
    [row] = log.ask(Handoffs(currency="USD"))
    return row.value_at_risk


@pytest.mark.parametrize(
    ("count", "value", "total"),
    [(10_000, 0.00003, 0.3), (10_000, 0.00000001, 0.0001), (1000, 0.1, 100.0),
     (10_000, 1e-14, 1e-10), (3, 123_456_789.000001, 370_370_367.000003)],
)  # fmt: skip
def test_small_amounts_are_kept(count: int, value: float, total: float, tmp_path: Path) -> None:
    frame = impressions(count, value)
    log = Log.from_frame(frame, COLUMNS)
    assert at_risk(log) == total
    frame.write_csv(tmp_path / "a.csv")
    assert at_risk(Log.read(tmp_path / "a.csv", COLUMNS)) == total
    frame.write_parquet(tmp_path / "a.parquet")
    assert at_risk(ParquetLog.read(tmp_path / "a.parquet", COLUMNS)) == total
    start = datetime(2026, 1, 1, tzinfo=UTC)
    happened = [
        Interaction("c", "ad", start + timedelta(seconds=place), department=team,
                    value=Money(amount, "USD"))
        for place, (team, amount) in enumerate(frame.select("team", "value").rows())
    ]  # fmt: skip
    lived = Log.from_interactions(happened)
    assert at_risk(lived) == total
    one = lived.history("c")[0].value
    assert one is not None
    assert one.amount == Decimal(repr(value))
    assert log.where(Between("value", at_least=value, currency="USD")).interactions == count
    assert log.where(Between("value", at_most=value / 2, currency="USD")).interactions == 1


DECIMALS = st.decimals(-(9 * 10**11) + 1, 9 * 10**11 - 1, places=4) | st.decimals(
    -1000, 1000, places=10
)


@given(st.lists(DECIMALS, min_size=1, max_size=30))
def test_a_sum_is_the_sum_of_what_a_person_sees(amounts: list[Decimal]) -> None:
    seen = [
        Decimal(repr(float(one))) for one in amounts if len(one.normalize().as_tuple().digits) <= 15
    ]
    whole, left = split_amounts(np.array([float(one) for one in seen]))
    total = int(whole.sum()) * FRACTION + int(left.sum())
    assert Decimal(total) / (SCALE * FRACTION) == sum(seen, Decimal(0))
    for amount, one, rest in zip(seen, whole.tolist(), left.tolist(), strict=True):
        assert amount_of(one * FRACTION + rest) == float(amount)
        assert split_bound(float(amount)) == (one, rest)


def test_a_missing_amount_is_none() -> None:
    whole, left = split_amounts(np.array([np.nan, 1.5]))
    assert (whole.tolist(), left.tolist()) == ([NO_NUMBER, 15_000], [0, 0])
