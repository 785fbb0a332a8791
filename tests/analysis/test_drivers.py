"""Drivers: found where they were planted, nowhere else; formulas against what is known."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import reduce
from math import erf, sqrt
from typing import Any

import numpy as np
import polars as pl
import pytest

from journeymap import At, Dormancy, JourneyMap, Not, Stage, Touchpoint
from journeymap.analysis import Breakdown, Columns, Compare, Driver, Drivers, Log, Where
from journeymap.analysis.measuring.risks import Risks, _OneFact, critical_chance
from journeymap.analysis.questions import drivers
from journeymap.analysis.questions.drivers import _times
from journeymap.exceptions import AnswerError, ElementError, UnknownName
from journeymap.simulation import broadband, broadband_customers
from tests.factories import T0, columns_of

pytestmark = pytest.mark.slow

Row = tuple[str, str, Any, str, str, str, float | None, str]
DAY = timedelta(days=1)
NAMES = ("search", "call", "invoice", "technician", "support", "delivery")


def _log(rows: list[Row]) -> Log:
    fields = ("customer", "touchpoint", "at", "via", "unit", "result", "mood", "segment")
    data = {
        name: list(column) for name, column in zip(fields, zip(*rows, strict=True), strict=True)
    }
    columns = Columns(channel="via", department="unit", outcome="result", emotion="mood",
                      extra=("segment",))  # fmt: skip
    return Log.from_frame(data, columns)


def _world(
    seed: int, cause: float = 1.0, customers: int = 1000, *, proxy: bool = False,
    at_end: bool = False, steps: int = 12,
) -> Log:  # fmt: skip
    """Customers who may leave after each interaction, more likely so after a wait of five days.

    With a proxy, those who waited come to another touchpoint, too, that changes nothing. Or they
    may leave at the end of their journey only: then a tenth does, or so many times as many.
    """
    chance, rows = random.Random(seed), []
    for number in range(customers):
        at, waited = T0 + chance.random() * 300 * DAY, False
        segment = chance.choice("abc")
        length = chance.randint(1, steps)
        for place in range(length):
            wait = chance.expovariate(1 / 2.5) * DAY
            name = chance.choice(NAMES)
            if proxy and waited and chance.random() < 0.4:
                name = "apology"
            waited |= name == "technician" and wait > 5 * DAY and place > 0
            at += wait
            mood = chance.choice([None, 0.5, -0.5])
            result = "failed" if chance.random() < 0.1 else "succeeded"
            rows.append((f"c{number}", name, at, chance.choice(["web", "shop"]),
                         chance.choice(["Sales", "Service"]), result, mood, segment))  # fmt: skip
            risk = 0.1 * (place == length - 1) if at_end else 0.05
            if chance.random() < risk * (cause if waited else 1):
                rows.append((f"c{number}", "leave", at + DAY / 8, "web", "", "", None, segment))
                rows.append((f"c{number}", "survey", at + DAY, "web", "", "", None, segment))
                break
    return _log(rows)


def test_a_planted_cause_comes_first_and_its_effect_is_right() -> None:
    """In a hundred worlds: first in 95 at least, and the interval has the truth in 90 at least."""
    first = inside = 0
    for seed in range(100):
        answer = _world(seed, cause=4.0, customers=1500, at_end=True).ask(Drivers("leave"))
        best = next(iter(answer), None)
        if best is not None and best.driver.startswith("waiting over 5 d"):
            assert (best.kind, best.element) == ("wait", "technician")
            first += 1
            inside += best.low <= 4.0 <= best.high
    assert first >= 95
    assert inside >= 90


def test_no_false_alarms() -> None:
    """In a hundred worlds without a driver, five alarms at most: who leaves has a short journey."""
    assert sum(len(_world(seed).ask(Drivers("leave"))) > 0 for seed in range(1000, 1100)) <= 5
    long = [_world(seed, customers=400, steps=60) for seed in range(2000, 2020)]
    assert sum(len(log.ask(Drivers("leave"))) > 0 for log in long) <= 2


def test_what_only_follows_the_cause_is_no_driver() -> None:
    for seed in range(5):
        answer = _world(seed, cause=3.0, customers=4000, proxy=True).ask(Drivers("leave"))
        found = [row.driver for row in answer]
        assert found[0] == "waiting over 5 d for technician"
        assert not [name for name in found if "apology" in name]


def test_what_comes_after_the_outcome_is_not_known() -> None:
    log = _world(1, cause=4.0)
    answer = log.ask(Drivers("leave"))
    assert not [row for row in answer if "survey" in row.driver]
    [best] = list(answer)[:1]
    shown = repr(answer)
    assert f"{best.ratio:.2g} times as likely to come to leave" in shown
    assert f"{answer.examined} facts were examined" in shown
    assert "need not cause it" in shown
    people = answer.customers(best)
    assert len(people) == best.customers
    assert len(answer.customers(best, "outcomes")) == best.outcomes
    assert len(answer.customers(best, "n")) == best.n


def test_a_lead_leaves_out_what_was_known_late() -> None:
    """All who leave call an hour before: a fact with a ratio, but none that was known a day ago."""
    chance = random.Random(4)
    rows: list[Row] = []
    for number in range(600):
        at = T0 + chance.random() * 300 * DAY
        for _ in range(chance.randint(2, 6)):
            at += DAY
            rows.append((f"c{number}", chance.choice(NAMES[:1]), at, "web", "Sales", "", None, "a"))
        if chance.random() < 0.3:
            for name, hours in (("goodbye", 1), ("leave", 2)):
                rows.append((f"c{number}", name, at + hours * DAY / 24, "web", "Sales", "", None,
                             "a"))  # fmt: skip
        elif chance.random() < 0.1:
            rows.append((f"c{number}", "goodbye", at + DAY, "web", "Sales", "", None, "a"))
    log = _log(rows)
    assert "coming to goodbye" in [row.driver for row in log.ask(Drivers("leave"))]
    assert not len(log.ask(Drivers("leave", lead="1 day")))


def test_a_silence_is_an_outcome() -> None:
    """Customers of the shop are silent for good more often; silence that is open is not known."""
    chance = random.Random(5)
    rows: list[Row] = []
    for number in range(1500):
        at, via = T0 + chance.random() * 200 * DAY, chance.choice(["web", "shop"])
        while at < T0 + 400 * DAY:
            rows.append((f"c{number}", chance.choice(NAMES), at, via, "Sales", "", None, "a"))
            at += chance.random() * 20 * DAY
            if chance.random() < (0.04 if via == "shop" else 0.016):
                break
    log = _log(rows)
    answer = log.ask(Drivers(Dormancy(), silent="45 days"))
    best = next(iter(answer))
    assert best.driver in ("by shop", "by web")
    ratio = best.ratio if best.driver == "by shop" else 1 / best.ratio
    assert 1.2 < ratio < 2.5
    assert "times as likely to go silent" in repr(answer)
    with pytest.raises(AnswerError, match="silent='60 days'"):
        log.ask(Drivers(Dormancy()))
    with pytest.raises(ElementError, match=r"only with Dormancy\(\)"):
        Drivers("leave", silent="45 days")
    mapped = Log.from_interactions(broadband_customers(400, seed=1), map=broadband())
    assert mapped.ask(Drivers(Dormancy())).outcomes > 0


def test_a_fact_that_takes_a_step_is_compared_fairly() -> None:
    """Word of a delay moves all that follows one step on; it is no protection, but a cause."""
    chance = random.Random(0)
    rows: list[Row] = []
    for number in range(2000):
        late = chance.random() < 0.3
        unhappy = chance.random() < (0.5 if late else 0.1)
        steps = ["ordered", *["delayed"] * late, "delivered", *["complaint"] * unhappy]
        rows += [(f"c{number}", name, T0 + place * DAY, "web", "Sales", "", None, "a")
                 for place, name in enumerate(steps)]  # fmt: skip
    [row] = _log(rows).ask(Drivers("complaint"))
    assert row.driver == "coming to delayed"
    assert row.ratio == pytest.approx(_ratio_of_shares(rows, row), rel=0.05)
    assert 3 < row.ratio < 6.5


def test_a_fact_that_goes_with_length_is_compared_fairly() -> None:
    """Long journeys have more occasions to complain: as many times as likely as the shares say."""
    chance = random.Random(1)
    rows: list[Row] = []
    for number in range(2000):
        plan = chance.choice(["long", "short"])
        for place in range(60 if plan == "long" else 6):
            rows.append((f"c{number}", "use", T0 + place * DAY, "web", "Sales", "", None, plan))
            if chance.random() < 0.02:
                rows.append((f"c{number}", "complaint", T0 + place * DAY + DAY / 9, "web", "Sales",
                             "", None, plan))  # fmt: skip
                break
    [row] = _log(rows).ask(Drivers("complaint"))
    assert row.ratio == pytest.approx(_ratio_of_shares(rows, row), rel=0.05)


def _ratio_of_shares(rows: list[Row], row: Driver) -> float:
    """The share of complaints of those of whom the fact is known, by that of the others."""
    others = sum(name == "complaint" for _, name, *_ in rows) - row.outcomes
    return (row.outcomes / row.customers) / (others / (row.n - row.customers))


def test_a_ratio_by_hand() -> None:
    """Of one fact in one cell, Firth's estimate adds half an outcome to either side."""
    for with_, without, n, m in ((30, 20, 100, 200), (0, 20, 50, 100), (50, 0, 50, 80)):
        came = np.r_[np.ones(with_), np.zeros(n - with_), np.ones(without), np.zeros(m - without)]
        fact = np.r_[np.ones(n), np.zeros(m)]
        ratio = ((with_ + 0.5) / n) / ((without + 0.5) / m)
        fit = _OneFact(came, np.ones(n + m), np.zeros(n + m, dtype=np.int64), fact)
        beta = fit.estimate()
        assert float(np.exp(beta)) == pytest.approx(ratio, rel=1e-4)
        # The robust error of a ratio of two shares is that of Katz and others (1978).
        if with_ and without:
            error = np.sqrt(1 / with_ - 1 / n + 1 / without - 1 / m)
            assert fit.standard_error(beta, np.arange(n + m)) >= 0.95 * error
        # The score test is that of two shares, pooled: with the variance of a Poisson outcome.
        risks = _risks(came, np.zeros(n + m, dtype=np.int64))
        pooled = (with_ + without) / (n + m)
        z = (with_ / n - without / m) / np.sqrt(pooled * (1 / n + 1 / m))
        [chance] = risks.test(fact[:, None] > 0, np.zeros((n + m, 0), dtype=bool))
        assert chance >= 2 * (1 - _normal(abs(z))) * 0.99


@pytest.mark.slow
@pytest.mark.parametrize("silent", [False, True])
def test_what_goes_with_the_calendar_is_no_driver(silent: bool) -> None:
    """All leave at one rate; who came last had less time for it, and another form."""
    alarms = 0
    for seed in range(20):
        dice, rows, end = random.Random(seed), [], 365.0
        for customer in range(600):
            at = begin = dice.uniform(0, end)
            leaves = begin + dice.expovariate(1 / 300)
            form = "v1" if begin < end / 2 else "v2" if begin < 0.9 * end else "v3"
            while at < min(leaves, end):
                rows.append((customer, dice.choice("abc"), at, form))
                at += dice.expovariate(1 / 15)
            if leaves < end and not silent:
                rows.append((customer, "cancelled", leaves, form))
        question = Drivers(Dormancy(), silent="60 days") if silent else Drivers("cancelled")
        alarms += len(_forms(rows).ask(question)) > 0
    assert alarms <= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cause", "named"), [("call", "coming to call"), ("wait", "waiting over 5 d for call")]
)
def test_a_wait_is_named_where_it_is_the_cause(cause: str, named: str) -> None:
    """A wait for a touchpoint also stands for being there; among those who are, it says nothing."""
    first = 0
    for seed in range(20):
        chance, rows = random.Random(seed), []
        for number in range(1000):
            at, bad, wait = chance.uniform(0, 300), False, 0.0
            for _ in range(chance.randint(2, 9)):
                name = chance.choice(["visit", "call", "pay", "mail", "chat", "shop"])
                rows.append((f"c{number}", name, int(at * 86_400)))
                bad |= name == "call" and wait > 5
                wait = chance.expovariate(1 / 5)
                at += wait
                if chance.random() < (0.3 if bad or (cause, name) == ("call", "call") else 0.02):
                    rows.append((f"c{number}", "cancel", int(at * 86_400)))
                    break
                bad &= cause == "wait"
        frame = pl.DataFrame(rows, schema=["customer", "touchpoint", "at"], orient="row")
        found = Log.from_frame(frame, Columns(at_unit="s")).ask(Drivers("cancel"))
        first += bool(found) and found[0].driver == named
    assert first >= 19


@pytest.mark.parametrize("mode", ["failed", "unhappy", "neither"])
def test_a_touchpoint_that_always_fails_is_found(mode: str) -> None:
    """Though to come there, and to fail there, are the same; and its opposite is to go on."""
    dice = random.Random(0)
    rows = []
    for number in range(1500):
        declined = dice.random() < 0.3
        leaves = dice.random() < (0.6 if declined else 0.1)
        steps = ["join", *(["declined"] if declined else []), "browse",
                 *(["quit"] if leaves else [])]  # fmt: skip
        for place, name in enumerate(steps):
            bad = name == "declined"
            rows.append((f"c{number}", name, number + 100 * place,
                         "failed" if bad and mode == "failed" else "succeeded",
                         -0.5 if bad and mode == "unhappy" else 0.5))  # fmt: skip
    columns = ["customer", "touchpoint", "at", "end", "felt"]
    log = Log.from_frame(pl.DataFrame(rows, schema=columns, orient="row"),
                         Columns(at_unit="s", outcome="end", emotion="felt"))  # fmt: skip
    [row] = log.ask(Drivers("quit"))
    assert row.driver == "coming to declined"
    assert 4.5 < row.ratio < 7.5


def test_numbers_that_are_names_are_found_too() -> None:
    """A product has a number; it is not more of anything than another."""
    dice = random.Random(1)
    rows = []
    for number in range(3000):
        product, at = dice.choice(range(10_251, 10_266)), dice.randint(0, 10**6)
        rows += [(f"c{number}", "buy", at, product), (f"c{number}", "use", at + 60, product)]
        if dice.random() < (0.6 if product == 10_259 else 0.1):
            rows.append((f"c{number}", "quit", at + 120, product))
    columns = ["customer", "touchpoint", "at", "product"]
    log = Log.from_frame(pl.DataFrame(rows, schema=columns, orient="row"),
                         Columns(at_unit="s", product="product"))  # fmt: skip
    assert log.ask(Drivers("quit"))[0].driver == "product is 10259"


def test_numbers_of_a_column_are_compared_by_size() -> None:
    """One fact, and not one for each number; columns of a few numbers are taken for names."""
    found = []
    for seed in range(5):
        chance, rows = random.Random(seed), []
        for number in range(2000):
            at, age = chance.uniform(0, 300), chance.randint(18, 90)
            for _ in range(chance.randint(2, 6)):
                rows.append((f"c{number}", "visit", int(at * 86_400), age, number % 4))
                at += chance.expovariate(1 / 5)
                if chance.random() < (0.2 if age > 60 else 0.03):
                    rows.append((f"c{number}", "cancel", int(at * 86_400), age, number % 4))
                    break
        columns = ["customer", "touchpoint", "at", "age", "tier"]
        log = Log.from_frame(pl.DataFrame(rows, schema=columns, orient="row"),
                             Columns(at_unit="s", extra=("age", "tier")))  # fmt: skip
        found.append([row.driver for row in log.ask(Drivers("cancel"))])
    limits = {float(one[0].removeprefix("age over ")) for one in found}
    assert limits <= {60, 61, 62}
    assert all(len(one) <= 2 for one in found)


@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_new_does_not_protect_from_silence(mapped: bool) -> None:
    """Who came last cannot be silent yet; leaving has nothing to do with the form."""
    names = ("visit", "call", "buy")
    journey = JourneyMap("m", stages=[Stage("s", "own", dormant_after="60 days")],
                         touchpoints=[Touchpoint(name, "s") for name in names])  # fmt: skip
    alarms = 0
    for seed in range(8):
        chance, rows = random.Random(seed), []
        for number in range(1000):
            at = chance.uniform(0, 365)
            form = "new" if at > 315 else "old"
            while at < 365:
                rows.append((f"c{number}", chance.choice(names), int(at * 86_400), form))
                if chance.random() < 0.25:
                    break
                at += chance.expovariate(1 / 3)
        frame = pl.DataFrame(rows, schema=["customer", "touchpoint", "at", "form"], orient="row")
        log = Log.from_frame(frame, Columns(at_unit="s", extra=("form",)),
                             map=journey if mapped else None)  # fmt: skip
        question = Drivers(Dormancy()) if mapped else Drivers(Dormancy(), silent="60 days")
        alarms += bool(log.ask(question))
    assert alarms <= 1


def test_a_lead_cuts_journeys_with_and_without_the_outcome() -> None:
    """All are closed, and some complain an hour later, by chance: closing protects no one."""
    alarms = 0
    for seed in range(20):
        dice, rows = random.Random(seed), []
        for customer in range(600):
            at = dice.random() * 10
            for _ in range(dice.randint(1, 5)):
                at += dice.expovariate(1 / 2)
                rows.append((customer, dice.choice("abc"), at, "v1"))
            at += dice.expovariate(1 / 2)
            rows.append((customer, "closed", at, "v1"))
            if dice.random() < 0.3:
                rows.append((customer, "complained", at + 1 / 24, "v1"))
        alarms += len(_forms(rows).ask(Drivers("complained", lead="1 day"))) > 0
    assert alarms <= 2


def _forms(rows: list[tuple[int, str, float, str]]) -> Log:
    customers, points, days, forms = zip(*rows, strict=True)
    data = {"customer": [f"c{one}" for one in customers], "touchpoint": points,
            "at": [int(86_400 * day) for day in days], "form": forms}  # fmt: skip
    return Log.from_frame(data, Columns(at_unit="s", extra=["form"]))


@pytest.mark.parametrize(("ratio", "words"), [
    (152.1, "150"), (2.14, "2.1"), (1234.5, "1,200"), (1e6, "over 10,000"), (0.0123, "0.012"),
    (1e-7, "under 0.001"), (99.9, "100"),
])  # fmt: skip
def test_ratios_are_written_in_plain_figures(ratio: float, words: str) -> None:
    assert _times(ratio) == words


def _risks(came: Any, stratum: Any) -> Risks:
    rows = np.arange(len(came))
    return Risks(came, stratum, rows, np.ones(len(came), dtype=bool), rows * 0)


def _normal(z: float) -> float:
    return (1 + erf(z / sqrt(2))) / 2


def test_strata_are_compared_within() -> None:
    """A fact that is frequent where the risk is high is no driver (Mantel and Haenszel 1959)."""
    chance = np.random.default_rng(3)
    stratum = np.repeat([0, 1], 4000)
    fact = (chance.random(8000) < np.where(stratum, 0.8, 0.1))[:, None]
    came = (chance.random(8000) < np.where(stratum, 0.4, 0.05)).astype(float)
    none = np.zeros((8000, 0), dtype=bool)
    assert _risks(came, stratum).test(fact, none)[0] > 0.01
    assert _risks(came, np.zeros(8000, dtype=np.int64)).test(fact, none)[0] < 1e-12
    alike = (stratum > 0)[:, None]  # or beside a driver that goes with it
    assert _risks(came, np.zeros(8000, dtype=np.int64)).test(fact, alike)[0] > 0.01


def test_false_discoveries_by_hand() -> None:
    harmonic = 1 + 1 / 2 + 1 / 3
    assert critical_chance(1, 3, 0.05) == pytest.approx(0.05 / (3 * harmonic))
    assert critical_chance(3, 3, 0.05) == pytest.approx(0.05 / harmonic)


def test_many_customers_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever parts they came in, the same customers are compared."""
    monkeypatch.setattr(drivers, "MAX_CUSTOMERS", 400)
    log, question = _world(1, cause=5.0), Drivers("leave")
    answer = log.ask(question)
    assert (answer.sampled, answer.n) == (True, 400)
    assert "learned from 400 customers" in repr(answer)
    for rows in (1, 300):
        pieces = [question.measure(part) for part in log.parts(rows)]
        pieces.reverse()
        merged = question.answer(reduce(question.merge, pieces), next(log.parts()).scope)
        assert merged == answer


def test_outcomes_before_anything_are_said() -> None:
    rows: list[Row] = [
        (f"c{number}", name, T0 + place * DAY, "web", "", "", None, "a")
        for number in range(100) for place, name in enumerate("xy" if number < 40 else "yz")
    ]  # fmt: skip
    answer = _log(rows).ask(Drivers("x"))
    assert (answer.at_once, answer.outcomes, answer.n) == (40, 0, 60)
    assert "40 more had the outcome before anything else" in repr(answer)


def test_segments_and_comparisons() -> None:
    log = _world(2, cause=5.0, customers=3000)
    split = log.ask(Breakdown(Drivers("leave"), "segment", attribute="first"))
    assert {one.segment for one in split} == {"a", "b", "c"}
    both = log.ask(Compare(Drivers("leave"), Where(channel="web"), Where(channel="shop")))
    assert len(both) >= 1


def test_bad_input() -> None:
    log = _world(3)
    with pytest.raises(UnknownName, match=r"'leaves'.*'leave'"):
        log.ask(Drivers("leaves"))
    with pytest.raises(ElementError):
        Drivers(3)  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="lead"):
        Drivers("leave", lead="soon")
    untimed = Log.from_frame({"customer": ["a"], "touchpoint": ["x"], "turn": [1]},
                             Columns(at=None, order="turn"))  # fmt: skip
    assert len(untimed.ask(Drivers("x"))) == 0
    for question in (Drivers("x", lead="1 day"), Drivers(Dormancy(), silent="1 day")):
        with pytest.raises(AnswerError, match="no times"):
            untimed.ask(question)


@pytest.mark.filterwarnings("error")
def test_data_without_an_answer() -> None:
    """No outcome, outcomes alone, one customer, and a fact that decides: no warning, no NaN."""

    def log(*journeys: str) -> Log:
        rows: list[Row] = [
            (f"c{number}", name, T0 + place * DAY, "web", "Sales", "", None, "a")
            for number, names in enumerate(journeys) for place, name in enumerate(names)
        ]  # fmt: skip
        return _log(rows)

    for journeys in (["x"], ["xy"], ["y"] * 50, ["xz"] * 50, ["xy"] * 50, ["yx"] * 50):
        made = log(*journeys, "q")
        assert len(made.ask(Drivers(Not(At("touchpoint", ["x"]))))) == 0
    decided = log(*["axy"] * 60, *["bxz"] * 60).ask(Drivers("y"))
    assert [row.driver for row in decided] in (["coming to a"], ["coming to b"])
    [row] = decided
    assert 0 < row.low < row.ratio < row.high < float("inf")
    assert row.chance < 1e-6


def test_what_broadband_customers_complain_of() -> None:
    """The simulation makes technicians fail with fibre, and complaints follow failures."""
    log = Log.from_interactions(broadband_customers(4000), map=broadband())
    found = {row.driver: row for row in log.ask(Drivers("complaint_made"))}
    assert found["failing at technician_came"].low > 1.5
    assert found["failing at support_asked"].low > 3
    assert found["product is fibre"].low > 1.2


@pytest.mark.parametrize("far", [None, 999_999, -999_999, 10**12])
def test_one_value_that_is_far_out_hides_no_threshold(far: int | None) -> None:
    dice = np.random.default_rng(4)
    rows = []
    for n in range(2000):
        income = int(dice.integers(1000, 9000))
        leaves = dice.random() < (0.24 if income > 5000 else 0.06)
        income = far if n == 0 and far is not None else income
        rows += [(f"c{n}", point, 60 * n + place, income)
                 for place, point in enumerate(["start", "use", *["leave"] * leaves])]  # fmt: skip
    frame = columns_of("customer touchpoint at income", rows)
    answer = Log.from_frame(frame, Columns(at_unit="s", extra=("income",))).ask(Drivers("leave"))
    assert answer[0].driver in ("income over 4900", "income over 5000", "income over 5100")
    assert answer.examined >= 8
