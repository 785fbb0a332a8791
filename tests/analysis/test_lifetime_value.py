"""Lifetime value: published answers, counts in plain Python, and data without an answer."""

from __future__ import annotations

import csv
import json
import math
import random
import warnings
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from journeymap import Interaction
from journeymap.analysis import Breakdown, Columns, Compare, LifetimeValue, Log, Retention, Where
from journeymap.analysis.measuring.fitted_purchases import choose_segments
from journeymap.analysis.measuring.likelihood import fit
from journeymap.analysis.measuring.purchase_models import MODELS, GammaGamma, Histories
from journeymap.exceptions import AnswerError, ElementError, UnknownName
from journeymap.model.buying import Worth
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import DAY, T0

pytestmark = pytest.mark.slow

HEADER = ["master", "who", "day", "units", "usd"]
COLUMNS = Columns(
    customer="who", touchpoint="units", at="day", at_format="%Y%m%d", timezone="UTC",
    value="usd", currency="USD", rename={"*": "purchase"},
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(data: Path) -> Log:
    place = data / "cdnow" / "CDNOW_sample.txt"
    return Log.read(place, COLUMNS, header=HEADER, delimiter=" ")


@pytest.fixture(scope="module")
def facts(data: Path) -> Any:
    return json.loads((data / "cdnow" / "facts.json").read_text())


def one(x: float, t_x: float, end: float) -> Histories:
    return Histories(*(np.array([number]) for number in (x, t_x, end, 1.0)))


@pytest.mark.parametrize("model", MODELS)
def test_an_online_shop_as_published(shop: Log, facts: Any, model: Any) -> None:
    fitted = shop.ask(LifetimeValue("purchase", model, spend="gamma-gamma", holdout="39 weeks",
                                    horizon="39 weeks"))  # fmt: skip
    name = model.replace("-", "").replace("nbd", "nbd_mle")
    published = facts["published"]["BG/NBD" if model == "bg-nbd" else "Pareto/NBD"]
    for parameter, value in fitted.parameters.items():
        assert value == pytest.approx(facts[name][parameter], rel=1e-3)
        assert value == pytest.approx(published[parameter], abs=6e-4)
        low, high = fitted.intervals[parameter]
        assert low < value < high
    assert fitted.log_likelihood == pytest.approx(published["LL"], abs=0.05)
    for parameter, value in fitted.spend_parameters.items():
        assert value == pytest.approx(facts["gammagamma_mle"][parameter], rel=1e-3)
    [row] = fitted
    known = facts["sample_rfm_39_weeks"]
    assert (row.n, row.repeaters, row.purchases) == (2357, known["repeaters"], known["sum_x"])
    held = fitted.holdout
    assert held is not None
    assert held.purchases == known["holdout_sum"]
    assert row.low is not None
    assert row.high is not None
    assert row.expected is not None
    assert row.low < row.expected < row.high
    assert held.expected == pytest.approx(row.expected * row.n)
    if model == "pareto-nbd":
        assert held.rmse <= 1.603
        assert held.weekly_error is not None
        assert held.weekly_error <= 0.0132


def test_its_customers_are_those_of_the_published_summary(shop: Log, data: Path) -> None:
    fitted = shop.ask(LifetimeValue("purchase", holdout="39 weeks", horizon="39 weeks"))
    frame = fitted.per_customer()
    with (data / "cdnow" / "sample_rfm_39w.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert frame["customer"].to_list() == [row["id"] for row in rows]
    for column, key in (("frequency", "x"), ("recency", "tx"), ("T", "T")):
        assert frame[column].to_list() == pytest.approx([float(row[key]) for row in rows])
    first = frame.row(0, named=True)
    assert first["expected"] == pytest.approx(1.226, abs=5e-4)
    assert frame.filter(frequency=0)["alive"].unique().to_list() == [1.0]


def test_expectations_as_published(facts: Any) -> None:
    more = facts["published_more"]
    bg, pareto = MODELS["bg-nbd"], MODELS["pareto-nbd"]
    values = np.array([facts["bgnbd_mle"][name] for name in bg.names])
    curve = more["BG/NBD E[X(t)] at published params"]
    found = bg.expected_anew(values, np.array(curve["t"]))
    assert found == pytest.approx(curve["value"], rel=2e-3, abs=5e-5)
    values = np.array([facts["paretonbd_mle"][name] for name in pareto.names])
    found = pareto.expected_anew(values, np.arange(10.0))
    assert found == pytest.approx(more["Pareto/NBD E[X(t)] t=0..9"], rel=1e-2, abs=1e-9)
    for model, at in ((bg, [0.24, 4.4, 0.79, 2.4]), (pareto, [0.55, 10.6, 0.61, 11.7])):
        for t in (0.5, 10, 200):  # a new customer is one of whom nothing is known
            new = model.expected(np.array(at), one(0, 0, 0), t)
            assert new == pytest.approx(model.expected_anew(np.array(at), np.array([t])))
    values, busy = np.array([0.5534, 10.5802, 0.6061, 11.6562]), one(26, 30.86, 31)
    assert pareto.alive(values, busy)[0] == pytest.approx(0.9979, abs=5e-5)
    assert pareto.expected(values, busy, 52)[0] == pytest.approx(25.46, abs=0.01)
    spends = more[
        "Gamma-Gamma conditional mean spend first 10 sample customers (p=6.25,q=3.74,v=15.44)"
    ]
    nothing = GammaGamma().expected(np.array([6.25, 3.74, 15.44]), np.zeros(1), np.zeros(1))
    assert nothing[0] == pytest.approx(spends[2], abs=0.06)


def plain_likelihood(r: float, alpha: float, a: float, b: float, x: int, t_x: float, end: float,
                     ) -> float:  # fmt: skip
    """The likelihood of BG/NBD as the paper writes it (equation 6), in logarithms."""
    beta = math.lgamma(b + x) + math.lgamma(a + b) - math.lgamma(a + b + x) - math.lgamma(b)
    stays = beta + math.lgamma(r + x) + r * math.log(alpha) - math.lgamma(r)
    found = math.exp(stays - (r + x) * math.log(alpha + end))
    if x:
        found += math.exp(stays + math.log(a) - math.log(b + x - 1)
                          - (r + x) * math.log(alpha + t_x))  # fmt: skip
    return math.log(found)


@settings(max_examples=80)
@given(
    st.tuples(*[st.floats(0.05, 20)] * 4), st.integers(0, 30), st.floats(0.1, 50),
    st.floats(0.1, 50),
)  # fmt: skip
def test_likelihood_and_gradient(
    values: tuple[float, ...], x: int, t_x: float, more: float
) -> None:
    t_x = t_x if x else 0.0
    model, seen, at = MODELS["bg-nbd"], one(x, t_x, t_x + more), np.array(values)
    found, gradient = model.log_likelihood(at, seen)
    r, alpha, a, b = values
    assert found[0] == pytest.approx(plain_likelihood(r, alpha, a, b, x, t_x, t_x + more), abs=1e-7)
    assert gradient is not None
    for place in range(4):
        step = np.zeros(4)
        step[place] = 1e-5 * at[place]
        up, down = (model.log_likelihood(at + side * step, seen)[0][0] for side in (1, -1))
        slope = (up - down) / (2 * step[place])
        assert gradient[place][0] == pytest.approx(slope, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_ten_thousand_purchases_overflow_nothing(model: str) -> None:
    made, values = MODELS[model], np.array([0.5, 5.0, 0.8, 3.0])
    for seen in (one(1e4, 38.9, 38.9), one(1e4, 1, 500), one(0, 0, 0)):
        numbers = [made.log_likelihood(values, seen)[0], made.alive(values, seen),
                   made.expected(values, seen, 52)]  # fmt: skip
        assert all(np.isfinite(number).all() for number in numbers), numbers
    assert made.expected(values, one(1e4, 38.9, 38.9), 1)[0] == pytest.approx(1e4 / 40, rel=0.2)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 3)), max_size=12),
    st.sampled_from(sorted(MODELS)),
)
def test_histories_together_are_as_each_alone(drawn: list[tuple[int, ...]], model: str) -> None:
    """Also where many share their purchases, and the time of the last, or of the end."""
    pairs = [(float(n), n and last / 7, 1.0 + end) for n, last, end in drawn]
    x, t_x, end = np.array(pairs).reshape(-1, 3).T
    seen = Histories(x, t_x, end, np.ones(len(pairs)))
    values, how = np.array([0.6, 5.0, 0.9, 8.0]), MODELS[model]
    found, slopes = how.log_likelihood(values, seen)
    alive, expected = how.alive(values, seen), how.expected(values, seen, 4.0)
    for place, pair in enumerate(pairs):
        alone = one(*pair)
        own, own_slopes = how.log_likelihood(values, alone)
        assert np.isclose(found[place], own[0])
        assert np.isclose(alive[place], how.alive(values, alone)[0])
        assert np.isclose(expected[place], how.expected(values, alone, 4.0)[0])
        if slopes is not None and own_slopes is not None:
            assert np.allclose(slopes[:, place], own_slopes[:, 0])


def test_planted_parameters_are_found() -> None:
    dice, size = np.random.default_rng(5), 4000
    rate, leave = dice.gamma(0.8, 1 / 6, size), dice.beta(1.2, 4, size)
    x, last = np.zeros(size), np.zeros(size)
    for person in range(size):
        now = 0.0
        while True:
            now += dice.exponential(1 / rate[person])
            if now > 60:
                break
            x[person], last[person] = x[person] + 1, now
            if dice.random() < leave[person]:
                break
    seen = Histories(x, last, np.full(size, 60.0), np.ones(size))
    model = MODELS["bg-nbd"]
    found = fit(lambda values: model.log_likelihood(values, seen), seen.count, np.ones(4))
    low, high = np.array(found.bounds()).T
    planted = np.array([0.8, 6, 1.2, 4])
    wide = (high / low) ** 0.5  # half as wide again as 95 %
    assert ((low / wide < planted) & (planted < high * wide)).all()


@settings(max_examples=60)
@given(st.lists(interactions(customers=("ada", "ben", "cyd")), max_size=30), st.integers(1, 9))
def test_histories_are_those_counted_plainly(sent: list[Interaction], held: int) -> None:
    log = Log.from_interactions(sent)
    if not any(each.touchpoint == "a" for each in sent):
        return
    answer = log.ask(LifetimeValue("a", holdout=held * DAY))
    cut = max(each.at for each in sent).date() - timedelta(days=held)
    expected = {}
    for name, mine in plain.journeys(sent).items():
        days = sorted({each.at.date() for each in mine if each.touchpoint == "a"})
        early = [day for day in days if day <= cut]
        if early:
            expected[name] = (len(early) - 1, (early[-1] - early[0]).days / 7,
                              (cut - early[0]).days / 7)  # fmt: skip
    frame = answer.per_customer().select("customer", "frequency", "recency", "T")
    assert {row[0]: row[1:] for row in frame.iter_rows()} == expected
    assert [row.n for row in answer] == ([len(expected)] if expected else [])


def test_by_segment_and_compared(shop: Log) -> None:
    halves = {"early": Where(started=(None, "1997-02-15"))}
    question = LifetimeValue("purchase", spend="gamma-gamma")
    split = shop.ask(Breakdown(question, by=halves))
    for name, view in (("early", shop.where(started=(None, "1997-02-15"))),
                       ("(rest)", shop.where(started=("1997-02-16", None)))):  # fmt: skip
        [row] = [row for row in split if row.segment == name]
        [alone] = view.ask(question)
        assert (row.n, row.expected, row.total) == (alone.n, alone.expected, alone.total)
        assert split.answers[name].parameters == view.ask(question).parameters
    compared = shop.ask(Compare(question, Where(started=(None, "1997-02-15")),
                                Where(started=("1997-02-16", None))))  # fmt: skip
    assert {row.measure for row in compared} >= {"alive", "expected", "value"}


def test_discount_and_margin(shop: Log) -> None:
    def total(**more: Any) -> float:
        [row] = shop.ask(LifetimeValue("purchase", spend="gamma-gamma", **more))
        assert row.total is not None
        return row.total

    whole = total()
    assert total(margin=0.3) == pytest.approx(0.3 * whole)
    assert 0.9 * whole < total(discount=0.1) < 0.97 * whole
    assert total(discount=1e-9) == pytest.approx(whole)


def rows(*given: tuple[str, float, float]) -> Log:
    frame = pl.DataFrame(given, schema=["customer", "at", "value"], orient="row")
    frame = frame.with_columns(touchpoint=pl.lit("buy"), at=pl.col("at") * 86_400)
    return Log.from_frame(frame, Columns(at_unit="s", value="value", currency="EUR"))


@pytest.mark.parametrize("model", MODELS)
def test_data_without_an_answer_say_so(model: Any) -> None:
    question = LifetimeValue("buy", model, spend="gamma-gamma", holdout="2 days")
    cases = {
        "one customer": rows(("a", 0, 5), ("a", 3, 5), ("a", 9, 5)),
        "nobody again": rows(*((str(n), n, 5.0) for n in range(30))),
        "one day": rows(*((str(n % 5), 0, 5.0) for n in range(30))),
        "all alive": rows(*((str(n % 9), n // 9, 5.0) for n in range(200))),
        "nothing spent": rows(*((str(n % 9), n // 7, 0.0) for n in range(90))),
        "taken back": rows(*((str(n % 9), n // 7, -5.0) for n in range(90))),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, log in cases.items():
            answer = log.ask(question)
            for number in answer.frame.row(0) if len(answer) else ():
                assert number is None or math.isfinite(number), name
            frame = answer.per_customer()
            for column in ("alive", "expected", "spend", "value"):
                numbers = frame[column].drop_nulls()
                assert numbers.is_finite().all(), name
            assert name == "all alive" or answer.note, name
            assert name not in ("nothing spent", "taken back") or answer[0].value is None


def test_whose_purchases_they_are() -> None:
    log = rows(("a", 0, 5), ("a", 3, 5), ("b", 3, 5), ("c", 9, 5))
    answer = log.ask(LifetimeValue("buy"))
    assert answer.customers(answer[0], "n") == ("a", "b", "c")
    assert answer.customers(answer[0], "repeaters") == ("a",)
    held = log.ask(LifetimeValue("buy", holdout="2 days"))
    assert held.customers(held[0], "n") == ("a", "b")
    late = log.where(since="1970-01-03").ask(LifetimeValue("buy"))
    assert "before the view begins" in late.note
    frame = {"customer": ["a"] * 2, "touchpoint": ["t"] * 2, "at": [1, 99_999], "what": [None] * 2}
    empty = Log.from_frame(frame, Columns(at_unit="s", product="what"))
    assert len(empty.ask(LifetimeValue("coffee", by="product"))) == 0
    assert len(empty.ask(Retention("coffee", by="product"))) == 0


def test_what_cannot_be_asked() -> None:
    log = rows(("a", 0, 5), ("b", 3, 5))
    with pytest.raises(UnknownName, match="'buy'"):
        log.ask(LifetimeValue("bye"))
    with pytest.raises(AnswerError, match="no times"):
        Log.from_frame({"customer": ["a"], "touchpoint": ["buy"]}, Columns(at=None)).ask(
            LifetimeValue("buy")
        )
    for wrong in ({"model": "bgnbd"}, {"holdout": "1 h"}, {"discount": 1.0}, {"margin": -1},
                  {"horizon": "0 days"}, {"spend": "normal"}):  # fmt: skip
        with pytest.raises(ElementError):
            LifetimeValue("buy", **wrong)
    assert len(Log.from_interactions([]).ask(LifetimeValue("buy"))) == 0
    assert log.where(touchpoint="buy").ask(LifetimeValue("buy"))[0].n == 2
    sent = [Interaction("a", "x", T0)]
    with pytest.raises(UnknownName):
        Log.from_interactions(sent).ask(LifetimeValue("buy"))


def test_chances_that_are_nearly_alike_are_summed_by_points(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.array([0.7, 5.0, 90.0, 150.0])
    model = MODELS["bg-nbd"]
    exact = model.expected(values, one(3, 8, 10), 20)
    monkeypatch.setattr("journeymap.analysis.measuring.purchase_models._ALIKE", 1.0)
    assert model.expected(values, one(3, 8, 10), 20) == pytest.approx(exact, rel=1e-4)


def test_customers_who_leave_alike_are_answered_without_intervals() -> None:
    orders = [(str(who), who + day, 5.0) for who in range(40)
              for day in (0, 9, 12, 40, 55, 80, 120)[: 1 + who * who % 7]]  # fmt: skip
    [row] = rows(*orders).ask(LifetimeValue("buy"))
    assert row.alive is not None
    assert 0 < row.alive < 1
    assert row.low is None


def bought(
    seed: int, size: int, *, slower: float = 1.0, leaving: float = 1.0, weeks: float = 52.0
) -> Log:
    """Customers of two shops; those of the second buy more slowly, and are given to leaving."""
    dice = np.random.default_rng(seed)
    made: dict[str, list[Any]] = {"customer": [], "touchpoint": [], "at": [], "shop": []}
    for person in range(size):
        other = person % 3 == 0
        rate = dice.gamma(1.5, 1 / (4 * (slower if other else 1)))
        leave = dice.beta(1.2 * (leaving if other else 1), 4)
        begun = now = dice.uniform(0, 12)
        while now < weeks:
            made["customer"].append(str(person))
            made["at"].append(now * 604_800)
            made["shop"].append("south" if other else "north")
            if now > begun and dice.random() < leave:
                break
            now += dice.exponential(1 / rate)
    made["touchpoint"] = ["buy"] * len(made["at"])
    return Log.from_frame(made, Columns(at_unit="s", extra=("shop",)))


@pytest.mark.parametrize("model", MODELS)
def test_bounds_lie_where_the_likelihood_is_too_low(shop: Log, model: Any) -> None:
    """At a bound, the best that others can do is 1.92 below the greatest log-likelihood."""
    fitted = shop.ask(LifetimeValue("purchase", model))
    frame = fitted.per_customer()
    x, t_x, end = (frame[name].to_numpy().astype(float) for name in ("frequency", "recency", "T"))
    seen = Histories(x, t_x, end, np.ones(len(frame)))
    names = list(fitted.parameters)
    values = np.log(list(fitted.parameters.values()))
    for place, name in enumerate(names):
        for bound in fitted.intervals[name]:

            def loss(others: Any, place: int = place, bound: float = bound) -> float:
                at = np.exp(np.insert(others, place, np.log(bound)))
                return -float(MODELS[model].log_likelihood(at, seen)[0].sum())

            best = minimize(loss, np.delete(values, place), method="Nelder-Mead",
                            options={"maxiter": 900, "xatol": 1e-4, "fatol": 1e-4})  # fmt: skip
            assert -best.fun == pytest.approx((fitted.log_likelihood or 0) - 1.9207, abs=0.02)


def test_intervals_hold_what_was_planted() -> None:
    """In 30 worlds, 95 % intervals hold the truth at least 25 times."""
    held = wider = 0
    for seed in range(30):
        fitted = bought(seed, 500).ask(LifetimeValue("buy"))
        low, high = fitted.intervals["r"]
        held += low <= 1.5 <= high
        row = fitted.frame.row(0, named=True)
        assert row["low"] < row["expected"] < row["high"]
        assert row["alive_low"] < row["alive"] < row["alive_high"] <= 1
        each = fitted.per_customer()
        wider += row["high"] - row["low"] < (each["high"] - each["low"]).to_numpy().max()
        assert ((each["low"] <= each["expected"]) & (each["expected"] <= each["high"])).all()
    assert held >= 25
    assert wider == 30


@pytest.mark.parametrize("model", MODELS)
def test_segments_differ_in_one_model(model: Any) -> None:
    log = bought(1, 2400, slower=2.0, leaving=2.5)
    fitted = log.ask(LifetimeValue("buy", model, covariate="shop"))
    north: Any
    south: Any
    north, south = fitted.effects
    assert (north.segment, south.segment) == ("north", "south")
    assert (north.n, north.rate, north.leaving) == (1600, 1.0, 1.0)
    assert south.rate_low < south.rate < south.rate_high < 0.75
    if model == "bg-nbd":  # what was planted; by time, those who buy more slowly leave as late
        assert south.rate_low < 0.5 < south.rate_high
        assert 1.2 < south.leaving_low < south.leaving < south.leaving_high
    plain = log.ask(LifetimeValue("buy", model))
    assert (fitted.log_likelihood or 0) > (plain.log_likelihood or 0) + 20
    assert len(fitted.parameters) == len(plain.parameters) + (3 if model == "bg-nbd" else 2)
    assert fitted.model is None
    frame = fitted.per_customer()
    assert frame["segment"].value_counts().sort("segment").rows() == [
        ("north", 1600),
        ("south", 800),
    ]
    assert "south beside north" in " ".join(fitted.notes())
    held = log.ask(LifetimeValue("buy", model, covariate="shop", holdout="12 weeks")).holdout
    assert held is not None
    assert held.expected == pytest.approx(held.purchases, rel=0.15)


def test_two_segments_without_a_difference_have_none() -> None:
    fitted = bought(3, 900).ask(LifetimeValue("buy", covariate="shop"))
    south: Any = fitted.effects[1]
    assert south.rate_low < 1 < south.rate_high
    assert south.leaving_low < 1 < south.leaving_high


def test_small_segments_are_taken_together() -> None:
    orders = [(str(who), who + day, 5.0 + who % 3) for who in range(60)
              for day in (0, 9, 12, 40, 55, 80, 120)[: 1 + who * who % 7]]  # fmt: skip
    frame = {"customer": [who for who, _, _ in orders], "touchpoint": ["buy"] * len(orders),
             "at": [86_400 * day for _, day, _ in orders],
             "town": [f"t{int(who) // 2}" if int(who) < 24 else None if int(who) < 26 else "home"
                      for who, _, _ in orders]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", extra=("town",)))
    fitted = log.ask(LifetimeValue("buy", covariate="town"))
    assert [one.segment for one in fitted.effects] == ["home", "(others)"]
    assert set(fitted.per_customer()["segment"]) == {
        "home",
        "(none)",
        *(f"t{n}" for n in range(12)),
    }
    assert "too few repeat buyers of their own in (none), t0" in fitted.note
    with pytest.raises(UnknownName):
        log.ask(LifetimeValue("buy", covariate="towns"))


def test_a_segment_that_never_buys_again_keeps_its_name() -> None:
    frame: dict[str, list[Any]] = {"customer": [], "touchpoint": [], "at": [], "plan": []}
    dice = np.random.default_rng(2)
    for person in range(300):
        plan, begun = ("trial", "full")[person >= 100], dice.uniform(0, 50)
        days = [begun] if plan == "trial" else begun + np.cumsum(
            dice.exponential(dice.uniform(10, 90), dice.integers(1, 6)))  # fmt: skip
        for day in days:
            frame["customer"].append(str(person))
            frame["touchpoint"].append("order")
            frame["at"].append(86_400.0 * float(day))
            frame["plan"].append(plan)
    log = Log.from_frame(frame, Columns(at_unit="s", extra=("plan",)))
    fitted = log.ask(LifetimeValue("order", covariate="plan"))
    counts = dict(fitted.per_customer()["segment"].value_counts().iter_rows())
    assert counts == {"trial": 100, "full": 200}
    assert "of their own in trial: counted with full" in fitted.note


def test_names_that_segments_have_are_no_names_of_ours() -> None:
    values = ("(others)",) * 9 + ("(none)",) * 9 + (None,) * 9 + ("a", "b")
    chosen = choose_segments(values, np.array([1] * 27 + [0, 0]))
    assert set(chosen.segments) == {"(others)", "(none)", "(none)′"}
    assert chosen.own[18] == "(none)′"
    assert len(chosen.own) == len(values)


@pytest.mark.parametrize("seed", [0, 1, 6])
def test_a_number_has_bounds_where_a_parameter_has_none(seed: int) -> None:
    """On a ridge where a and b grow together, what is expected hardly changes."""
    log = bought(seed, 260, leaving=1.0)
    row: Any = log.ask(LifetimeValue("buy")).frame.row(0, named=True)
    assert row["low"] is None or row["low"] > 0.5 * row["expected"]
    assert row["high"] is None or row["high"] < 2 * row["expected"]


def test_the_value_has_an_interval(shop: Log) -> None:
    answer = shop.ask(LifetimeValue("purchase", spend="gamma-gamma", discount=0.1))
    row = answer.frame.row(0, named=True)
    assert row["value_low"] < row["value"] < row["value_high"]
    relative = (row["high"] - row["low"]) / row["expected"]
    assert (row["value_high"] - row["value_low"]) / row["value"] > relative
    low, high = answer.intervals["v"]
    assert low < answer.spend_parameters["v"] < high


def test_the_value_of_customers_won_is_a_column_of_its_own() -> None:
    orders = [(who, who + day) for who in range(40)
              for day in (0, 9, 12, 40, 55, 80, 120)[: 1 + who * who % 7]]  # fmt: skip
    by = [str(who // 10) if who % 10 else None for who, _ in orders]
    log = Log.from_frame(
        {"customer": [str(who) for who, _ in orders], "touchpoint": ["order"] * len(orders),
         "at": [86_400 * day for _, day in orders], "by": by,
         "paid": [10.0 + who % 5 + day % 7 for who, day in orders]},
        Columns(at_unit="s", referred_by="by", value="paid", currency="EUR"),
    )  # fmt: skip
    frame = log.ask(LifetimeValue("order", spend="gamma-gamma")).per_customer()
    value = dict(frame.select("customer", "value").iter_rows())
    for name, referral in frame.select("customer", "referral").iter_rows():
        won = [str(who) for who in range(40) if who % 10 and str(who // 10) == name != str(who)]
        assert referral == pytest.approx(sum(value[one] for one in won))


def _spenders(seed: int = 1) -> list[tuple[str, int, float]]:
    """Customers who buy, leave and pay as the models have it."""
    dice = np.random.default_rng(seed)
    rows = []
    for number in range(300):
        mean, rate, leaving = dice.gamma(6, 3), dice.gamma(1.0, 1 / 20), dice.beta(1.5, 4)
        day = float(dice.integers(0, 100))
        while day < 400:
            rows.append((f"c{number}", int(day), round(dice.gamma(4, mean / 4), 2)))
            if dice.random() < leaving:
                break
            day += 1 + dice.exponential(1 / rate)
    return rows


def _spending(rows: list[tuple[str, int, Any]], unit: float = 1, currency: str = "EUR") -> Any:
    log = Log.from_frame(
        {"customer": [name for name, _, _ in rows], "touchpoint": ["buy"] * len(rows),
         "at": [day * 86_400 for _, day, _ in rows],
         "paid": [None if paid is None else paid * unit for _, _, paid in rows]},
        Columns(at_unit="s", value="paid", currency=currency),
    )  # fmt: skip
    return log.ask(LifetimeValue("buy", spend="gamma-gamma"))


@pytest.mark.parametrize("unit", [1e-4, 1000, 1e6])
def test_the_unit_of_a_currency_does_not_matter(unit: float) -> None:
    """The likelihood of spend is the same in any: only v and the amounts are larger."""
    rows = _spenders()
    one, other = _spending(rows), _spending(rows, unit, "IDR")
    assert other[0].spend == pytest.approx(one[0].spend * unit, rel=1e-4)
    assert other[0].value_high == pytest.approx(one[0].value_high * unit, rel=1e-3)
    for name, scale in (("p", 1), ("q", 1), ("v", unit)):
        found, plain_ = other.spend_parameters[name], one.spend_parameters[name]
        assert found == pytest.approx(plain_ * scale, rel=1e-3)
        low, high = other.intervals[name]
        assert low < found < high


def test_what_is_not_known_is_not_nothing() -> None:
    """Amounts that are missing at random say nothing of what a purchase brings; live, too."""
    dice = random.Random(1)
    rows = _spenders()
    some = [(name, day, paid if dice.random() < 0.5 else None) for name, day, paid in rows]
    whole, half = _spending(rows), _spending(some)
    assert half[0].spend == pytest.approx(whole[0].spend, rel=0.06)  # and not half of it
    [busiest, *_] = Counter(name for name, _, _ in rows).most_common(1)[0]
    days = [(day, paid) for name, day, paid in some if name == busiest]
    live = half.model.worth_of(
        [T0.date() + day * DAY for day, _ in days],
        today=T0.date() + (max(day for _, day, _ in rows)) * DAY,
        amounts=[paid for _, paid in days[1:] if paid is not None],
    )
    [found] = half.per_customer().filter(pl.col("customer") == busiest).to_dicts()
    assert live.spend == pytest.approx(found["spend"])
    assert live.value == pytest.approx(found["value"])


@pytest.mark.parametrize("paid", [-3.0, 0.0, "USD"])
def test_who_is_known_to_bring_nothing_is_not_worth_the_mean_of_others(paid: float | str) -> None:
    """Refunded, free of charge, or paid in another currency: live, too."""
    rows = _spenders()
    names = sorted({name for name, _, _ in rows})
    free = set(names[::2])
    frame = {
        "customer": [name for name, _, _ in rows], "touchpoint": ["buy"] * len(rows),
        "at": [day * 86_400 for _, day, _ in rows],
        "paid": [paid if name in free and isinstance(paid, float) else amount
                 for name, _, amount in rows],
        "money": ["USD" if name in free and paid == "USD" else "EUR" for name, _, _ in rows],
    }  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s", value="paid", currency="money"))
    answer = log.ask(LifetimeValue("buy", spend="gamma-gamma", currency="EUR"))
    each = answer.per_customer()
    mine = each.filter(pl.col("customer").is_in(free))
    assert mine["spend"].to_list() == [0] * len(free)
    others = each.filter(~pl.col("customer").is_in(free))
    assert others["spend"].min() > 0  # type: ignore[operator]
    assert answer[0].value == pytest.approx(others["value"].sum() / len(names))
    first = T0.date()

    def worth(*amounts: float, began: float | None = None) -> Worth:
        assert answer.model is not None
        days = [first + n * DAY for n in range(len(amounts) + 1)]
        found = answer.model.worth_of(days, today=first + 9 * DAY, amounts=amounts, first=began)
        assert found is not None
        return found

    assert worth(0.0, began=0.0).value == 0
    usual, some = worth().spend, worth(0.0, began=9.0).spend  # of amounts nothing is known
    assert usual is not None
    assert some is not None
    assert 0 < some < usual


@pytest.mark.parametrize("model", ["bg-nbd", "pareto-nbd"])
def test_what_is_answered_briefly_is_the_same_but_for_intervals(model: Any) -> None:
    rows = _spenders()
    log = Log.from_frame(
        {"customer": [n for n, _, _ in rows], "touchpoint": ["buy"] * len(rows),
         "at": [day * 86_400 for _, day, _ in rows], "paid": [paid for _, _, paid in rows]},
        Columns(at_unit="s", value="paid", currency="EUR"),
    )  # fmt: skip
    question = LifetimeValue("buy", model, spend="gamma-gamma")
    [part] = log.parts(None)
    measured = question.measure(part)
    [brief] = question.answer_briefly(measured, log.scope).to_dicts()
    [whole] = question.answer(measured, log.scope).to_dicts()
    bounds = {name for name in whole if name.endswith(("low", "high"))}
    assert {name for name, cell in brief.items() if cell != whole[name]} == bounds
    assert all(brief[name] is None for name in bounds)


@pytest.mark.parametrize("turned", [False, True])
def test_recommendations_are_those_of_the_other_question(turned: bool) -> None:
    """Whoever came before they bought, and of two who name each other on one day."""
    from journeymap.analysis import Recommendation

    paid = _spenders()
    rows: list[tuple[str, str, int, str | None]] = [(n, "buy", day, None) for n, day, _ in paid]
    rows += [("a", "visit", 0, None), ("a", "buy", 30, None), ("a", "buy", 40, None),
             ("b", "buy", 5, "a"), ("b", "buy", 20, None), ("b", "buy", 33, None),
             ("p", "buy", 5, "q"), ("q", "buy", 5, "p"), ("p", "buy", 25, None),
             ("q", "buy", 35, None)]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["customer", "touchpoint", "day", "by"], orient="row",
                         infer_schema_length=None)  # fmt: skip
    sums = [amount for _, _, amount in paid]
    frame = frame.with_columns(at=pl.col("day") * 86_400,
                               paid=pl.Series(sums + [9.0] * (len(rows) - len(sums))))  # fmt: skip
    how = Columns(at_unit="s", referred_by="by", value="paid", currency="EUR")
    log = Log.from_frame(frame.reverse() if turned else frame, how)
    each = log.ask(LifetimeValue("buy", spend="gamma-gamma")).per_customer()
    winners = set(each.filter(pl.col("referral") > 0)["customer"])
    assert (
        winners == {row.recommender for row in log.ask(Recommendation()) if row.won} == {"a", "q"}
    )


def test_bounds_that_the_data_do_not_give_are_not_shown() -> None:
    """Where the likelihood is nearly flat, there is no number of hundreds of digits."""
    rows = [(f"c{n}", day) for n in range(50)
            for day in ((0, 3, 3000) if n == 0 else (n % 5, n % 5 + 3))]  # fmt: skip
    frame = {"customer": [who for who, _ in rows], "touchpoint": ["buy"] * len(rows),
             "at": [86_400 * day for _, day in rows]}  # fmt: skip
    log = Log.from_frame(frame, Columns(at_unit="s"))
    for model in MODELS:
        fitted = log.ask(LifetimeValue("buy", model))  # type: ignore[arg-type]
        for low, high in fitted.intervals.values():
            assert 0 <= low < 1e12
            assert high == math.inf or high < 1e12
        frame_ = fitted.per_customer()
        for name in ("low", "high"):
            numbers = frame_[name].drop_nulls()
            assert numbers.is_finite().all()
            assert (numbers < 1e9).all()
    plain = log.ask(LifetimeValue("buy"))
    assert (plain[0].low, plain[0].high) == (None, None)
    assert "too little for an interval" in plain.note


@pytest.mark.parametrize("seed", [79, 217])
def test_a_flat_likelihood_is_no_crash(seed: int) -> None:
    dice = random.Random(seed)
    rows = []
    count, end = dice.choice([20, 40, 100]), dice.choice([60, 200, 700])
    some = ([0.3, 1, 3], [2, 8, 30], [0.3, 1, 3], [0.5, 2, 6])
    r, alpha, a, b = (dice.choice(numbers) for numbers in some)
    for n in range(count):
        rate, leaves = dice.gammavariate(r, 1 / alpha) / 7, dice.betavariate(a, b)
        now, first = dice.randrange(end // 2 + 1), True
        dice.gammavariate(4, 10)
        while now < end:
            rows.append((f"c{n:03}", now))
            dice.gammavariate(6, 1)
            if not first and dice.random() < leaves:
                break
            first, now = False, now + max(1, int(dice.expovariate(rate + 1e-6)))
    frame = {"customer": [who for who, _ in rows], "touchpoint": ["buy"] * len(rows),
             "at": [86_400 * day for _, day in rows]}  # fmt: skip
    fitted = Log.from_frame(frame, Columns(at_unit="s")).ask(LifetimeValue("buy", "pareto-nbd"))
    assert len(fitted) == 1
