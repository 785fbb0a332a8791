"""Investments beside the metrics before and after them: values, bounds, what is missing."""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from journeymap import (
    AmountOf,
    Department,
    Frequency,
    Interaction,
    Investment,
    JourneyMap,
    Metric,
    Of,
    Rating,
    Repurchase,
    RetentionAfter,
    Score,
    Stage,
    TimeBetween,
    Touchpoint,
)
from journeymap.analysis import Investments, Log, Scorecard
from journeymap.exceptions import AnswerError, ElementError

_WORKS = date(2026, 3, 1)
_START = datetime(2026, 3, 1, tzinfo=UTC)


def _map(
    *metrics: Metric, since: date | None = _WORKS, stages: tuple[str, ...] = ("use",)
) -> JourneyMap:
    invested = Investment("training", "school", stages=stages, amount=900, since=since)
    return JourneyMap(
        "shop",
        stages=[Stage("try", "buy"), Stage("use", "own")],
        departments=[Department("support", invests=[invested])],
        touchpoints=[Touchpoint("see", "try"), Touchpoint("call", "use", department="support")],
        metrics=metrics,
    )


_RATED = Metric("rated", Of("touchpoint", "call"), measure=Rating("csat"))


def _log(journey: JourneyMap | None, before: list[int], after: list[int]) -> Log:
    """Make a log in which each rating is another customer's, hour by hour."""
    moments = [_START - timedelta(hours=n + 1) for n in range(len(before))]
    moments += [_START + timedelta(hours=n) for n in range(len(after))]
    return Log.from_interactions(
        [
            Interaction(f"c{n}", "call", at=at, score=Score("csat", rating, 1, 5))
            for n, (at, rating) in enumerate(zip(moments, [*before, *after], strict=True))
        ],
        map=journey,
    )


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = 1.959963984540054
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def test_values_before_and_after_are_those_of_the_scorecard_on_each_side() -> None:
    log = _log(_map(_RATED), [2, 5], [5])
    [row] = log.ask(Investments())
    assert (row.department, row.what, row.stage, row.metric) == (
        "support", "school", "use", "rated",
    )  # fmt: skip
    assert (row.n_before, row.n_after, row.amount, row.since) == (2, 1, 900, "2026-03-01")
    [then] = log.where(until=_WORKS).ask(Scorecard())
    [now] = log.where(since=_WORKS).ask(Scorecard())
    assert (row.before, row.after) == (then.value, now.value) == (0.5, 1.0)
    assert row.change == 0.5
    assert row.change_low is None
    assert "too few" in (row.note or "")


def test_a_change_over_enough_customers_has_bounds_that_combine_both_sides() -> None:
    log = _log(_map(_RATED), [2, 5] * 20, [5, 5, 5, 1] * 10)
    [row] = log.ask(Investments())
    # Wilson's intervals of 20 and of 30 of 40, combined as Newcombe (1998) does
    now, then = _wilson(0.75, 40), _wilson(0.5, 40)
    assert row.change_low == pytest.approx(0.25 - math.hypot(0.75 - now[0], then[1] - 0.5))
    assert row.change_high == pytest.approx(0.25 + math.hypot(now[1] - 0.75, 0.5 - then[0]))
    assert row.note is None


def test_a_longer_time_before_is_no_change() -> None:
    """In eleven months more is bought, and more customers come back, than in the one after."""
    journey = _map(
        Metric("calls", Of("stage", "use"), measure=Frequency(per="customer")),
        Metric("again", Of("stage", "use"), measure=Repurchase("call")),
        Metric("stayed", Of("stage", "use"), measure=RetentionAfter(after="7 days")),
        Metric("wait", Of("stage", "use"), measure=TimeBetween("see", "call", statistic="mean")),
    )
    told = []
    for seed in range(8):
        dice = random.Random(seed)
        met = [Interaction(f"c{n}", touchpoint, at=_START + timedelta(days=dice.uniform(-330, 30)))
               for n in range(200) for touchpoint in ("see", "call") * 8]  # fmt: skip
        rows = Log.from_interactions(met, map=journey).ask(Investments())
        assert all(29 < (row.days or 0) <= 30 for row in rows)
        told += [(row.change_low, row.change_high) for row in rows]
    known = [(low, high) for low, high in told if low is not None and high is not None]
    wrong = [(low, high) for low, high in known if not low <= 0 <= high]
    assert len(known) >= 10  # hardly anyone comes for the first time in these months
    assert len(wrong) <= 3


def test_without_a_day_only_the_value_of_the_whole_log_is_given() -> None:
    log = _log(_map(_RATED, since=None), [2], [5])
    [row] = log.ask(Investments())
    [whole] = log.ask(Scorecard())
    assert (row.before, row.n_before, row.change, row.after) == (None, 0, None, whole.value)
    assert "Investment.since" in (row.note or "")


def test_an_investment_in_all_stages_names_those_without_a_metric() -> None:
    log = _log(_map(_RATED, stages=()), [2], [5])
    assert [(row.stage, row.metric, row.note is None) for row in log.ask(Investments())] == [
        ("try", None, False), ("use", "rated", False),
    ]  # fmt: skip


def test_a_side_with_nothing_on_it_has_no_change() -> None:
    [row] = _log(_map(_RATED), [], [5]).ask(Investments())
    assert (row.before, row.n_before, row.change) == (None, 0, None)
    assert row.note


def test_sums_and_rates_are_given_without_a_judgement_where_they_have_no_bounds() -> None:
    journey = _map(
        Metric("calls", Of("stage", "use"), measure=Frequency(per="day")),
        Metric("spent", Of("stage", "use"), measure=AmountOf("revenue", "EUR")),
    )
    rows = _log(journey, [2], [5]).ask(Investments())
    assert [row.metric for row in rows] == ["calls", "spent"]
    assert all(row.change_low is None and row.note for row in rows)


def test_a_log_without_a_map_cannot_be_asked_for_investments() -> None:
    with pytest.raises(AnswerError, match="map="):
        _log(None, [2], [5]).ask(Investments())


def test_a_map_without_investments_answers_with_nothing() -> None:
    journey = JourneyMap("shop", stages=[Stage("use", "own")],
                         touchpoints=[Touchpoint("call", "use")])  # fmt: skip
    answer = _log(journey, [2], [5]).ask(Investments())
    assert len(answer) == 0
    assert answer.notes() == []


@pytest.mark.parametrize("since", ["2026-03-01", _START])
def test_the_day_of_an_investment_is_a_day(since: object) -> None:
    with pytest.raises(ElementError, match="a day is expected"):
        Investment("training", "school", since=since)  # type: ignore[arg-type]
