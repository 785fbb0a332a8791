"""What a view, an end or a repeat must not make of numbers: worlds in which nothing differs."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from journeymap import (
    Investment,
    JourneyMap,
    KeyJourney,
    Metric,
    Of,
    Rating,
    Repurchase,
    RetentionAfter,
    Stage,
    TimeBetween,
    TimeIn,
    Touchpoint,
)
from journeymap.analysis import (
    Columns,
    EffortAndCost,
    Investments,
    Log,
    Loops,
    Overview,
    Recommendation,
    Retention,
    Satisfaction,
    Scorecard,
)
from journeymap.model import Department, Dormancy

DAY = 86_400


def log_of(
    rows: list[tuple[Any, ...]], names: tuple[str, ...], journey: JourneyMap | None = None
) -> Log:
    """A log of customers, touchpoints and seconds, and what else the rows hold."""
    every = ("customer", "touchpoint", "at", *names)
    data = {name: [row[place] for row in rows] for place, name in enumerate(every)}
    known = {name: name for name in names if name != "score"}
    score = {"score": "score", "score_kind": "nps"} if "score" in names else {}
    return Log.from_frame(data, Columns(at_unit="s", **known, **score), map=journey)  # type: ignore[arg-type]


def steady(seed: int) -> Log:
    """Half of the customers order once, half every twelve days; nothing changes on 1 April."""
    training = Investment("training", "school", stages=["use"], since=date(1970, 4, 1))
    use = Of("stage", "use")
    journey = JourneyMap(
        "shop", stages=[Stage("use", "own")],
        departments=[Department("support", invests=[training])],
        touchpoints=[Touchpoint("order", "use", department="support")],
        metrics=[Metric("retention", use, measure=RetentionAfter(after="20 days")),
                 Metric("repurchase", use, measure=Repurchase("order", within="30 days"))],
    )  # fmt: skip
    dice, rows = np.random.default_rng(seed), []
    for number in range(400):
        at, loyal = dice.uniform(0, 180), dice.random() < 0.5
        while at < 180:
            rows.append((str(number), "order", int(at * DAY)))
            at += dice.exponential(12) if loyal else 1_000
    return log_of(rows, (), journey)


def test_who_came_before_a_view_is_not_new_in_it() -> None:
    """Loyal customers, who are in every window, were taken for new ones: a change each time."""
    told = [row for seed in range(10) for row in steady(seed).ask(Investments())]
    assert len(told) == 20
    wrong = [row for row in told if not (row.change_low or 0) <= 0 <= (row.change_high or 0)]
    assert len(wrong) <= 3
    log = steady(0)
    later = log.where(since=datetime(1970, 4, 1, tzinfo=UTC)).ask(Scorecard())
    quarters = [row for row in log.ask(Scorecard("quarter")) if row.period == "1970-04-01"]
    assert [(row.value, row.n) for row in later] == [(row.value, row.n) for row in quarters]


def test_a_share_in_time_counts_what_never_ends() -> None:
    claim = KeyJourney("claim", "start", "end", given_up_after=timedelta(days=30))
    share: Any = {"statistic": "share", "within": "10 days"}
    of = Of("key_journey", "claim")
    journey = JourneyMap(
        "desk", stages=[Stage("a", "own")], touchpoints=[Touchpoint("start", "a"),
        Touchpoint("end", "a")], key_journeys=[claim],
        metrics=[Metric("in", of, measure=TimeIn(**share)),
                 Metric("between", of, measure=TimeBetween("start", "end", **share))],
    )  # fmt: skip
    dice, rows = np.random.default_rng(1), []
    for number in range(600):  # every second claim is never settled
        begun = dice.uniform(0, 40)
        rows.append((str(number), "start", int(begun * DAY)))
        if number % 2 and begun < 35:
            rows.append((str(number), "end", int((begun + dice.uniform(0, 5)) * DAY)))
    inside, between = log_of(rows, (), journey).ask(Scorecard())
    assert (inside.value, inside.n) == (between.value, between.n)
    assert 0.4 < (inside.value or 0) < 0.6


def test_errors_that_few_customers_repeat_differ_nowhere() -> None:
    """One customer in twenty has a broken card; the channels are drawn at random."""
    found = []
    for seed in range(12):
        dice, rows = np.random.default_rng(seed), []
        for number in range(400):
            channel = f"browser {dice.integers(4)}"
            chance = 0.6 if dice.random() < 0.05 else 0.002
            for hour in range(1 + dice.poisson(40)):
                name = "payment_failed" if dice.random() < chance else "visit"
                rows.append((f"c{number}", name, hour * 3600 + number, channel))
        [step] = Overview.of(log_of(rows, ("channel",))).failing
        found.append(step.level)
    assert found.count(None) >= 11


def test_answers_of_one_customer_are_alike() -> None:
    journey = JourneyMap(
        "s", stages=[Stage("a", "own")], touchpoints=[Touchpoint("call", "a")],
        metrics=[Metric("nps", Of("touchpoint", "call"), measure=Rating("nps"))],
    )  # fmt: skip

    def world(seed: int, people: int) -> Log:
        dice = np.random.default_rng(seed)
        means = dice.normal(7.5, 2, people)
        rows = [(f"c{one}", "call", day * DAY + one, int(np.clip(round(mean + noise), 0, 10)))
                for one, mean in enumerate(means)
                for day, noise in enumerate(dice.normal(size=10))]  # fmt: skip
        return log_of(rows, ("score",), journey)

    truth = world(999, 5_000).ask(Satisfaction())[0].score
    held = 0
    for seed in range(40):
        log = world(seed, 100)
        [answer], [metric] = log.ask(Satisfaction()), log.ask(Scorecard())
        assert (answer.score, answer.low, answer.high) == (metric.value, metric.low, metric.high)
        held += (answer.low or 0) <= truth <= (answer.high or 0)
    assert held >= 34


def test_cohorts_of_a_view_are_of_its_time() -> None:
    start = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    rows = [(f"c{n:02}", "x", start + day * DAY) for n in range(31) for day in range(n, 31)]
    cut = datetime(2026, 3, 4, tzinfo=UTC)
    early = log_of([row for row in rows if row[2] < cut.timestamp()], ())
    asked = (Retention(every="month"), Retention(every="day"), Retention(every="day", back="x"))
    for question in (*asked, Retention(every="day", rolling=True)):
        seen = log_of(rows, ()).where(until=cut).ask(question)
        assert [(row.cohort, row.period, row.customers, row.n) for row in seen] == [
            (row.cohort, row.period, row.customers, row.n) for row in early.ask(question)
        ]
    more = [*rows, ("late", "x", start + 70 * DAY)]
    middle = log_of(more, ()).where(since=datetime(2026, 3, 15, tzinfo=UTC))
    for row in middle.ask(Retention(every="month")):
        assert (row.cohort, row.period) != ("2026-03-01", 0)
        assert row.share == 1.0 if row.period == 0 else row.share < 1
    whole = log_of(more, ())
    for question in (Retention(every="day"), Retention(every="week", rolling=True)):
        known = {(row.cohort, row.period): row for row in whole.ask(question)}
        for row in middle.ask(question):
            assert row == known[row.cohort, row.period]


def test_who_recommended_is_known_at_the_beginning() -> None:
    """The voucher is entered at the third order: only who comes back can enter one."""
    dice, rows = np.random.default_rng(0), []
    for number in range(600):
        at, order = dice.uniform(0, 365), 0
        voucher = dice.integers(20) if dice.random() < 0.4 and number >= 20 else None
        while at < 730:
            by = f"c{voucher:03}" if voucher is not None and order == 2 else None
            rows.append((f"c{number:03}", "order", int(at * DAY), by))
            order += 1
            if dice.random() < 0.25:
                break
            at += dice.exponential(40)
    answer = log_of(rows, ("referred_by",)).ask(Recommendation())
    told, others = answer.acquired
    assert told.n + others.n == 600
    assert answer.named_late > 60
    assert told.n < 20


def test_of_many_channels_some_are_better_by_chance() -> None:
    moved = 0
    for seed in range(12):
        dice, rows = np.random.default_rng(seed), []
        for number in range(250):
            for visit in range(6):
                rows.append((f"c{number}", f"t{dice.integers(12)}", visit * 5 * DAY + number * 60,
                             f"c{dice.integers(4)}"))  # fmt: skip
        moved += bool(log_of(rows, ("channel",)).ask(EffortAndCost()).moves)
    assert moved <= 3


def test_what_ends_the_silence_after_a_session_is_the_next_one() -> None:
    journey = JourneyMap(
        "s", dormant_after=timedelta(days=20), stages=[Stage("a", "buy"), Stage("b", "own")],
        touchpoints=[Touchpoint("x", "a"), Touchpoint("y", "b")],
        metrics=[Metric("churn", Of("stage", "b"), measure=Dormancy())],
    )  # fmt: skip
    rows: list[tuple[Any, ...]] = [
        (f"c{one}", name, day * DAY + minute * 60)
        for one in range(40) for day in range(100) for minute, name in ((0, "x"), (5, "y"))
    ]  # fmt: skip
    daily = log_of(rows, (), journey)
    for log in (daily, daily.sessions("1 h")):
        assert [row.dormant for row in log.ask(Loops())] == [0, 0]
        assert [row.value for row in log.ask(Scorecard())] == [0.0]
    gone = log_of([*rows, ("end", "x", 130 * DAY)], (), journey).sessions("1 h")
    [_, owned] = gone.ask(Loops())
    assert (owned.dormant, owned.returned) == (40, 0)
    away = log_of([*rows, *((f"c{n}", "x", 130 * DAY) for n in range(40))], (), journey)
    [_, owned] = away.sessions("1 h").ask(Loops())
    assert (owned.dormant, owned.returned) == (40, 40)
