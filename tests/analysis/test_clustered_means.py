"""Means, quantiles and ratings of customers who have several: intervals hold the truth."""

from __future__ import annotations

import statistics
from collections import defaultdict
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import journeymap as jm
from journeymap.analysis import Columns, Log, Scorecard
from journeymap.analysis.measuring import clustered_levels
from journeymap.analysis.measuring.clustered_levels import ClusteredLevels
from journeymap.analysis.measuring.clusters import Clusters, square_sum, whole_sum
from tests.factories import columns_of

USE = jm.Of("stage", "use")
NAMES = ("mean", "median", "p90", "nps", "csat", "mood", "basket")


def _map(targets: dict[str, float]) -> jm.JourneyMap:
    between: dict[str, Any] = {
        name: jm.TimeBetween("order", "delivered", statistic=name)
        for name in ("mean", "median", "p90")
    }
    measures = between | {
        "nps": jm.Rating("nps"), "csat": jm.Rating("csat"), "mood": jm.Rating("emotion"),
        "basket": jm.AmountOf("revenue", "EUR", per="interaction"),
    }  # fmt: skip
    return jm.JourneyMap(
        "shop", stages=[jm.Stage("use", "own")],
        touchpoints=[jm.Touchpoint("order", "use"), jm.Touchpoint("delivered", "use")],
        metrics=[jm.Metric(name, USE, unit="d" if name in between else "", target=targets[name],
                           measure=measure)
                 for name, measure in measures.items()],
    )  # fmt: skip


def _scored(seed: int, targets: dict[str, float], people: int = 60) -> dict[str, Any]:
    """Customers of whom each has a usual wait, mood and basket, and 1 to 23 orders."""
    dice, rows = np.random.default_rng(seed), list[tuple[Any, ...]]()
    for n in range(people):
        usual, mood, basket = dice.lognormal(0, 0.8), dice.normal(0, 1), dice.lognormal(3, 0.4)
        at = float(dice.uniform(0, 3))
        for turn in range(int(dice.integers(1, 24))):
            wait = float(usual * dice.lognormal(0, 0.4))
            paid = round(float(basket * dice.lognormal(0, 0.2)), 2)
            felt = mood + dice.normal(0, 0.5)
            kind = "nps" if turn % 2 else "csat"
            answer = np.clip(round(8 + felt * 1.5), 0, 10) if turn % 2 else np.clip(
                round(4 + felt), 1, 5)  # fmt: skip
            rows.append((f"c{n}", "order", int(at * 86_400), None, None, None, paid))
            rows.append((f"c{n}", "delivered", int((at + wait) * 86_400), int(answer), kind,
                         float(np.clip(felt / 4, -1, 1)), None))  # fmt: skip
            at += wait + 1
    frame = columns_of("customer touchpoint at score kind mood paid", rows)
    columns = Columns(at_unit="s", score="score", score_kind="kind", emotion="mood", value="paid",
                      currency="EUR")  # fmt: skip
    return {row.metric: row for row in Log.from_frame(frame, columns, map=_map(targets)).ask(
        Scorecard())}  # fmt: skip


@pytest.mark.slow
def test_intervals_hold_the_truth_and_verdicts_are_no_chance() -> None:
    """Where the target is the truth itself, a verdict is right in one of twenty at the most."""
    truth = {name: row.value for name, row in _scored(999, dict.fromkeys(NAMES, 1.0), 6000).items()}
    inside = dict.fromkeys(NAMES, 0)
    for seed in range(40):
        for name, row in _scored(seed, truth).items():
            assert row.low is not None
            inside[name] += row.low <= truth[name] <= row.high
    assert min(inside.values()) >= 32, inside  # of baskets and waits few are very large
    assert sum(inside.values()) >= 0.9 * 40 * len(NAMES), inside


groups = st.lists(
    st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=4), min_size=1, max_size=6
)


def _flat(values: list[list[int]]) -> tuple[Any, Any]:
    owners = [number for number, mine in enumerate(values) for _ in mine]
    return np.array(owners), np.array([one for mine in values for one in mine])


@given(groups)
def test_sums_by_hand(values: list[list[int]]) -> None:
    owner, flat = _flat(values)
    found = Clusters.of(owner, flat)
    sums, many = [sum(mine) for mine in values], [len(mine) for mine in values]
    assert found == Clusters(
        len(values), sum(n * n for n in many),
        sum(n * s for n, s in zip(many, sums, strict=True)), sum(s * s for s in sums),
    )  # fmt: skip
    assert found == Clusters.of(owner, flat.tolist())
    assert Clusters.of(owner, flat > 0) == Clusters.of(owner, (flat > 0).astype(np.int64))
    assert whole_sum(flat) == sum(flat.tolist())
    assert square_sum(flat) == sum(one * one for one in flat.tolist())
    halves = [_flat(part) for part in (values[::2], values[1::2]) if part]
    merged = Clusters()
    for owners, part in halves:
        merged = merged.merge(Clusters.of(owners, part))
    assert merged == found
    n, total = len(flat), sum(sums)
    mean = Fraction(total, n)
    alone = Fraction(n * square_sum(flat) - total * total, n * (n - 1)) / n if n > 1 else 0
    effect = found.effect(n, total, square_sum(flat))
    if max(many) == 1 or len(values) < 2 or not alone:
        assert effect == 1
        return
    spread = sum((s - mean * k) ** 2 for s, k in zip(sums, many, strict=True))
    by_customer = spread * len(values) / (len(values) - 1) / n**2
    assert effect == pytest.approx(max(1.0, float(by_customer / alone)))


@given(groups)
def test_levels_by_hand(values: list[list[int]]) -> None:
    owner, flat = _flat([[abs(one) for one in mine] for mine in values])
    found = ClusteredLevels.of(owner, flat)
    merged = ClusteredLevels.of(owner[:0], flat[:0])
    for number in range(len(values)):
        merged = merged.merge(ClusteredLevels.of(owner[owner == number], flat[owner == number]))
    assert merged == found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustered_levels, "_AT_ONCE", 2)
        assert ClusteredLevels.of(owner, flat) == found
    assert found.below[-1] == len(flat)
    assert found.effect(len(flat), 0.5) >= 1
    alone = ClusteredLevels.of(np.arange(len(flat)), flat)
    assert alone.effect(len(flat), 0.5) == 1


def test_twice_the_same_is_worth_once() -> None:
    """Each value twice: as sure as each once."""
    dice = np.random.default_rng(2)
    values = dice.integers(1, 10**9, 400)
    owner = np.arange(400)
    twice = np.repeat(values, 2)
    sums = Clusters.of(np.repeat(owner, 2), twice)
    assert sums.effect(800, int(twice.sum()), square_sum(twice)) == pytest.approx(2, rel=0.01)
    levels = ClusteredLevels.of(np.repeat(owner, 2), twice)
    assert levels.effect(800, 0.5) == pytest.approx(2, rel=0.01)
    by_owner: dict[int, list[int]] = defaultdict(list)
    for who, value in zip(np.repeat(owner, 2).tolist(), twice.tolist(), strict=True):
        by_owner[who].append(value)
    assert statistics.mean(len(mine) for mine in by_owner.values()) == 2
