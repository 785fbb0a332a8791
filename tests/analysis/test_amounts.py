"""Amounts: kept exactly, however small, in every reader and engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeymap import Between, Interaction, Money
from journeymap.analysis import (
    Attribution,
    Columns,
    Distribution,
    Handoffs,
    Log,
    Recommendation,
    Revenue,
    Rfm,
    Scorecard,
)
from journeymap.analysis.table.exact_amounts import (
    FRACTION,
    NO_NUMBER,
    SCALE,
    amount_of,
    split_amounts,
    split_bound,
)
from journeymap.engines import ParquetLog
from journeymap.model import AmountOf, JourneyMap, Metric, Of, Stage, Touchpoint

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


PAID = Columns(at_unit="s", value="v", currency="IDR", channel="via", department="team",
               referred_by="by")  # fmt: skip
MODELS = ("first", "linear", "time-decay", "markov", "shapley")


def sums_of(log: Log) -> dict[str, list[float]]:
    """What each question makes of the amounts of a log."""
    found = {
        "revenue": [row.net for row in log.ask(Revenue("channel"))],
        "rfm": [row.total or 0.0 for row in log.ask(Rfm("buy"))],
        "won": [row.value or 0.0 for row in log.ask(Recommendation())],
        "mean": [log.ask(Distribution("value")).mean or 0.0],
        "risk": [row.value_at_risk or 0.0 for row in log.ask(Handoffs())],
    }
    for model in MODELS:
        answer = log.ask(Attribution("buy", model))  # type: ignore[arg-type]
        found[model] = [row.value or 0.0 for row in answer]
    return found


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 99), st.sampled_from(["web", "app", None]),
                  st.sampled_from(["sales", "care"]), st.booleans(), st.integers(1, 90)),
        min_size=1, max_size=25,
    ),
    st.sampled_from([1e-9, 1e-6, 1e-3, 8e9]),
)  # fmt: skip
def test_amounts_of_any_size_sum_alike(drawn: list[tuple[Any, ...]], scale: float) -> None:
    """Far below a ten-thousandth, and so large that sums do not fit into 64 bits."""

    drawn = [(1, 0, "web", "sales", True, 5), *drawn]

    def paid(by: float) -> Log:
        copies = 40  # of each customer, so that sums become large
        return Log.from_frame({
            "customer": [f"{who}-{n}" for who, *_ in drawn for n in range(copies)],
            "touchpoint": [place for _, _, _, _, bought, _ in drawn
                           for place in ["buy" if bought else "see"] * copies],
            "at": [at for _, at, *_ in drawn for _ in range(copies)],
            "via": [via for _, _, via, *_ in drawn for _ in range(copies)],
            "team": [team for _, _, _, team, *_ in drawn for _ in range(copies)],
            "by": [None if who == 0 else f"0-{n}" for who, *_ in drawn for n in range(copies)],
            "v": [amount * by for *_, amount in drawn for _ in range(copies)],
        }, PAID)  # fmt: skip

    plain, other = sums_of(paid(1.0)), sums_of(paid(scale))
    for name, numbers in plain.items():
        assert np.allclose(np.array(other[name]) / scale, numbers, rtol=1e-9, atol=1e-12 / scale), (
            name
        )


def test_sums_beyond_64_bits_do_not_depend_on_the_parts() -> None:
    size = 1200
    frame = {
        "customer": ["c0"] + [f"c{n % 5}" for n in range(size)], "touchpoint": ["buy"] * (size + 1),
        "at": list(range(size + 1)), "v": [8e11] * (size + 1), "via": ["web"] * (size + 1),
        "team": ["sales"] * (size + 1), "by": [None] + ["c0"] * size,
    }  # fmt: skip
    log = Log.from_frame(frame, PAID)
    whole = 8e11 * (size + 1)
    asked: list[Any] = [Revenue(), Rfm("buy"), Distribution("value"), Attribution("buy", "last"),
                        Recommendation()]  # fmt: skip
    for question in asked:
        parts = [question.measure(part) for part in log.parts(200)]
        merged: Any = question.answer(reduce(question.merge, parts), log.scope)
        assert merged == log.ask(question), question
    [row] = log.ask(Revenue())
    assert row.revenue == whole
    assert sum(row.total or 0 for row in log.ask(Rfm("buy"))) == whole
    measure = AmountOf("revenue", "IDR", per="customer")
    journey = JourneyMap(
        "m", stages=[Stage("use", "own")], touchpoints=[Touchpoint("buy", "use")],
        metrics=[Metric("spent", of=Of("touchpoint", "buy"), measure=measure)],
    )  # fmt: skip
    mapped = Log.from_frame(frame, PAID, map=journey)
    card = mapped.ask(Scorecard())
    assert card[0].value == whole / 5


def test_the_value_of_one_long_journey_is_not_bounded() -> None:
    size = 1200
    log = Log.from_frame(
        {"customer": ["c"] * size, "touchpoint": ["ad"] * size, "at": list(range(size)),
         "team": ["ads"] * (size - 1) + ["sales"], "v": [8.9e11] * size},
        Columns(at_unit="s", value="v", currency="IDR", department="team"),
    )  # fmt: skip
    assert log.ask(Handoffs())[0].value_at_risk == 8.9e11 * size
    assert log.ask(Distribution("value")).mean == 8.9e11 * size
