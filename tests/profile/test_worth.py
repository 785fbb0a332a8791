"""What a customer is worth, from fitted parameters: equal to the question's, live and past."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta

from journeymap import BuyingModel, Customer, Interaction, Live, Money, StateError
from journeymap.analysis import Columns, LifetimeValue, Log
from journeymap.analysis.measuring.purchase_models import BgNbd, GammaGamma, Histories
from journeymap.exceptions import ElementError
from tests.factories import JOURNEY

CDNOW = {"r": 0.242595, "alpha": 4.41360, "a": 0.792920, "b": 2.42590}
above = st.floats(0.05, 20)


@given(above, above, above, above, st.integers(0, 40), st.integers(0, 300), st.integers(0, 300),
       st.integers(1, 100))  # fmt: skip
def test_equal_to_the_model_that_is_fitted(
    r: float, alpha: float, a: float, b: float, x: int, recency: int, rest: int, weeks: int
) -> None:
    """The chance to be alive and the purchases expected, by plain numbers and by arrays."""
    recency = max(recency, x) if x else 0
    first = date(2024, 1, 1)
    days = [first + timedelta(days=one) for one in range(x)]
    days += [first + timedelta(days=recency)]
    model = BuyingModel(
        "buy", {"r": r, "alpha": alpha, "a": a, "b": b}, horizon=timedelta(weeks=weeks)
    )
    found = model.worth_of(days, today=first + timedelta(days=recency + rest))
    assert found is not None
    numbers = (float(x), recency / 7, (recency + rest) / 7, 1.0)
    seen = Histories(*(np.array([one]) for one in numbers))
    values = np.array([r, alpha, a, b])
    assert found.alive == pytest.approx(BgNbd().alive(values, seen)[0], rel=1e-9)
    if abs(a - 1) > 0.01:
        expected = BgNbd().expected(values, seen, float(weeks))[0]
        assert found.expected == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.5), (0.5, 0.5), (0.5, 0.49999999), (0.3, 0.2)])
def test_a_single_purchase_where_the_series_has_no_sum(a: float, b: float) -> None:
    """The series of the formula has a pole where a + b is 1, and the expectation has none."""
    age, weeks, r, alpha = 30.0, 52.0, 0.5, 4.0
    model = BuyingModel("buy", {"r": r, "alpha": alpha, "a": a, "b": b},
                        horizon=timedelta(weeks=weeks))  # fmt: skip

    def bought(u: float) -> float:
        p = u ** (1 / a)
        rate = 1 - ((alpha + age) / (alpha + age + p * weeks)) ** r
        return float(rate / p * (1 - p) ** (b - 1) / beta(a, b) / a)

    exact = quad(bought, 0, 0.5)[0] + quad(bought, 0.5, 1, limit=500)[0]
    first = date(2026, 1, 1)
    found = model.worth_of([first], today=first + timedelta(weeks=age))
    seen = Histories(np.zeros(1), np.zeros(1), np.array([age]), np.ones(1))
    assert found is not None
    assert found.expected == pytest.approx(exact, rel=1e-4)
    batch = BgNbd().expected(np.array([r, alpha, a, b]), seen, weeks)[0]
    assert batch == pytest.approx(found.expected, rel=1e-5)


def test_the_published_expectation_and_long_histories() -> None:
    model = BuyingModel("buy", CDNOW, horizon=timedelta(weeks=39))
    first = date(1997, 1, 1)
    days = [first, first + timedelta(days=100), first + timedelta(days=213)]
    found = model.worth_of(days, today=first + timedelta(days=272))
    assert found is not None
    assert found.expected == pytest.approx(1.226, abs=0.003)
    busy = model.worth_of([first + timedelta(days=n) for n in range(10_000)],
                          today=first + timedelta(days=10_000))  # fmt: skip
    assert busy is not None
    assert 0 < busy.expected < 39 * 7.1
    assert model.worth_of([], today=first) is None
    assert model.worth_of([first], today=first - timedelta(days=1)) is None


def test_spend_is_gamma_gammas() -> None:
    spend = {"p": 6.25, "q": 3.744, "v": 15.44}
    model = BuyingModel("buy", CDNOW, spend, margin=0.3)
    first = date(1997, 1, 1)
    found = model.worth_of([first, first + timedelta(days=9)], today=first + timedelta(days=99),
                           amounts=[22.35])  # fmt: skip
    assert found is not None
    whole = GammaGamma().expected(
        np.array([6.25, 3.744, 15.44]), np.array([1.0]), np.array([22.35])
    )
    assert found.spend == pytest.approx(whole[0])
    assert found.value == pytest.approx(found.expected * whole[0] * 0.3)
    assert BuyingModel.from_json(model.to_json()) == model


def test_a_customer_carries_what_the_question_says() -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    happened = [
        Interaction(f"c{who}", "b", begin + timedelta(days=who + day),
                    value=Money(10 + who % 5 + day % 7, "EUR"))
        for who in range(60) for day in (0, 9, 12, 40, 55, 80, 120)[: 1 + who * who % 7]
    ]  # fmt: skip
    log = Log.from_interactions(happened, map=JOURNEY)
    answer = log.ask(LifetimeValue("b", spend="gamma-gamma"))
    assert answer.model is not None
    assert log.ask(LifetimeValue("b", model="pareto-nbd")).model is None
    end = max(one.at for one in happened)
    with Live(JOURNEY) as live:
        live.record_many(happened)
        frame = answer.per_customer()
        for row in frame.iter_rows(named=True):
            for recorded in (live, log):
                view = Customer.of(row["customer"], recorded, worth=answer.model, as_of=end)
                assert view.worth is not None
                assert view.worth.alive == pytest.approx(row["alive"])
                assert view.worth.expected == pytest.approx(row["expected"], rel=1e-5)
                if row["value"] is not None:
                    assert view.worth.value == pytest.approx(row["value"], rel=1e-5)
        assert set(view.to_dict()["worth"]) == {"alive", "expected", "spend", "value"}
        assert Customer.of("c1", live).worth is None


def test_bad_input() -> None:
    wrongs: list[Any] = [
        {}, {**CDNOW, "a": 0}, {**CDNOW, "r": "x"}, {**CDNOW, "b": float("nan")}
    ]  # fmt: skip
    for wrong in wrongs:
        with pytest.raises(ElementError, match="above zero"):
            BuyingModel("buy", wrong)
    good = BuyingModel("buy", CDNOW).to_json()
    for text in ("", "[]", good.replace("UTC", "Nowhere"), good.replace("0.242595", "-1"),
                 good.replace('"alpha"', '"beta"')):  # fmt: skip
        with pytest.raises(StateError, match="not a model of repeat buying"):
            BuyingModel.from_json(text)


@pytest.mark.parametrize("discount", [0.0, 0.5])
def test_a_model_values_as_the_question_does(discount: float) -> None:
    dice = np.random.default_rng(1)
    rows: list[tuple[str, int, float]] = []
    for person in range(200):
        rate, mean, now = dice.gamma(1, 1 / 30), dice.gamma(3, 10), int(dice.integers(0, 100))
        while now < 300:
            rows.append((f"c{person:03}", now, round(float(dice.gamma(5, mean / 5)) + 0.5, 2)))
            now += max(1, int(dice.exponential(1 / (rate + 1e-3))))
            if dice.random() < 0.2:
                break
    who, day, paid = zip(*rows, strict=True)
    log = Log.from_frame({"customer": who, "touchpoint": ["buy"] * len(rows), "v": paid,
                          "at": [86_400 * one for one in day]},
                         Columns(at_unit="s", value="v", currency="EUR"))  # fmt: skip
    fit = log.ask(LifetimeValue("buy", spend="gamma-gamma", discount=discount))
    first = date(1970, 1, 1)
    assert fit.model is not None
    model = BuyingModel.from_json(fit.model.to_json())
    assert model == fit.model
    for one in fit.per_customer().head(20).iter_rows(named=True):
        mine = [row for row in rows if row[0] == one["customer"]]
        worth = model.worth_of(
            [first + timedelta(days=row[1]) for row in mine],
            today=first + timedelta(days=max(day)), amounts=[row[2] for row in mine][1:],
        )  # fmt: skip
        assert worth is not None
        assert worth.value == pytest.approx(one["value"], rel=1e-4)


@pytest.mark.parametrize("discount", [-0.1, 1.0, True, "half"])
def test_a_discount_is_a_share(discount: Any) -> None:
    with pytest.raises(ElementError, match="share"):
        BuyingModel("buy", CDNOW, discount=discount)
