"""Metrics measured: each measure against an independent count, verdicts, periods, engines."""

from __future__ import annotations

import random
import statistics
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import journeymap as jm
from journeymap import (
    Absence,
    AmountOf,
    At,
    Count,
    DeviationRate,
    Dormancy,
    Frequency,
    Interaction,
    Metric,
    Money,
    Of,
    Rating,
    Repurchase,
    RetentionAfter,
    Score,
    ShareOf,
    TimeBetween,
    TimeIn,
)
from journeymap.analysis import (
    Breakdown,
    Columns,
    Compare,
    Deviations,
    Dwell,
    Log,
    Revenue,
    Satisfaction,
    Scorecard,
    ScorecardRow,
    Trend,
    Where,
)
from journeymap.analysis.measuring.intervals import nps_interval
from journeymap.analysis.question import merge_all
from journeymap.exceptions import AnswerError, ElementError, MapError, UnknownName
from journeymap.simulation import broadband, broadband_customers
from journeymap.testing import interactions
from tests.analysis import plain
from tests.factories import DAY, HOUR, JOURNEY, T0

EVERYTHING = Of("journey", "m")
B = Of("touchpoint", "b")
METRICS = [
    Metric("nps", EVERYTHING, measure=Rating("nps"), target=10),
    Metric("mood", Of("stage", "want"), measure=Rating("emotion"), target=0.1),
    Metric("wait", EVERYTHING, measure=TimeBetween("a", "b", statistic="mean"), unit="h",
           target=30, direction="down"),
    Metric("median_wait", EVERYTHING, measure=TimeBetween("a", "b"), unit="h", target=20),
    Metric("in_time", EVERYTHING, measure=TimeBetween("a", "b", statistic="share", within="40 h"),
           unit="%", target=50),
    Metric("stay", Of("stage", "want"), measure=TimeIn(statistic="p90"), unit="h"),
    Metric("failures", B, measure=ShareOf(At("outcome", ["failed"])), direction="down", target=0.1),
    Metric("buyers", Of("stage", "want"), measure=ShareOf(At("touchpoint", ["b"]), of="customers"),
           target=0.5),
    Metric("again", B, measure=ShareOf(Count("b", 2, "60 h"), of="journeys"), target=0.5),
    Metric("visits", EVERYTHING, measure=Frequency(), target=3),
    Metric("calls", B, measure=Frequency(per="week"), target=3),
    Metric("revenue", EVERYTHING, measure=AmountOf("revenue", "EUR"), unit="EUR", target=50),
    Metric("worth", EVERYTHING, measure=AmountOf("net", "EUR", per="customer"), unit="EUR"),
    Metric("kept", EVERYTHING, measure=RetentionAfter("100 h"), unit="%", target=60),
    Metric("rebuy", EVERYTHING, measure=Repurchase("b", within="100 h")),
    Metric("churn", EVERYTHING, measure=Dormancy(), direction="down", target=0.2),
    Metric("astray", Of("key_journey", "ab"), measure=DeviationRate(), target=0.5),
]  # fmt: skip
MEASURED = JOURNEY.add(*METRICS)
WHOLE = Interaction(
    "zoe", "a", T0, channel="web", product="kettle", outcome="ok", emotion=0.5,
    score=Score("nps", 7, 0, 10), value=Money(Decimal(1), "EUR"),
)  # fmt: skip
happened = st.lists(
    interactions(customers=("ada", "ben", "cyd", "dan")), min_size=1, max_size=40
).map(lambda given: [WHOLE, *given])


def rows(log: Log, **more: Any) -> dict[str, ScorecardRow]:
    return {row.metric: row for row in log.ask(Scorecard(**more))}


@settings(max_examples=150)
@given(happened)
def test_every_measure_is_what_is_counted_by_hand(given: list[Interaction]) -> None:
    log = Log.from_interactions(given, map=MEASURED)
    found = rows(log)
    journeys = list(plain.journeys(given).values())
    end = max(one.at for one in given)

    stage = {point.id: point.stage for point in MEASURED.touchpoints.values()}
    moods = [one.emotion for one in given if stage.get(one.touchpoint) == "want"
             and one.emotion is not None]  # fmt: skip
    _is(found["mood"], statistics.fmean(moods), len(moods))
    [nps] = [row for row in log.ask(Satisfaction(None)) if row.kind == "nps"]
    assert (found["nps"].value, found["nps"].n) == (nps.score, nps.n)
    asked = Counter(one.customer for one in given if one.score and one.score.kind == "nps")
    assert found["nps"].low is not None
    assert nps.low is not None
    if max(asked.values()) == 1:
        assert found["nps"].low == nps.low
    assert found["nps"].low - 1e-9 <= nps.score

    waits, hits = [], []
    for mine in journeys:
        for place, one in enumerate(mine):
            if one.touchpoint == "a":
                later = [x for x in mine[place + 1 :] if x.touchpoint == "b"]
                begun = one.at + (one.duration or timedelta(0))
                if later:
                    waits.append(max(later[0].at - begun, timedelta(0)))
                if end - begun >= 40 * HOUR:  # else its time is not over, came it or not
                    hits.append(bool(later) and waits[-1] <= 40 * HOUR)
    _is(found["wait"], statistics.fmean(w / HOUR for w in waits) if waits else None, len(waits))
    _is(found["median_wait"], statistics.median(w / HOUR for w in waits) if waits else None,
        len(waits))  # fmt: skip
    n = len(hits)
    _is(found["in_time"], 100 * sum(hits) / n if n else None, n)

    stays = {row.element: row for row in log.ask(Dwell("stage"))}
    want = stays["want"]
    _is(found["stay"], None if want.dwell_p90 is None else want.dwell_p90 / 3600, want.n)

    bs = [one for one in given if one.touchpoint == "b"]
    _is(found["failures"], _share(sum(one.outcome == "failed" for one in bs), len(bs)), len(bs))
    wanting = [mine for mine in journeys if any(one.touchpoint == "a" for one in mine)]
    buyers = sum(any(one.touchpoint == "b" for one in mine) for mine in wanting)
    _is(found["buyers"], _share(buyers, len(wanting)), len(wanting))
    _is(found["visits"], len(given) / len(journeys), len(journeys))

    euros = [one.value.amount for one in given if one.value and one.value.currency == "EUR"]
    earned = [amount for amount in euros if amount > 0]
    _is(found["revenue"], float(sum(earned)), len(earned))
    _is(found["worth"], float(sum(euros)) / len(journeys), len(journeys))

    known = [mine for mine in journeys if end - mine[0].at >= 100 * HOUR]
    kept = sum(mine[-1].at - mine[0].at >= 100 * HOUR for mine in known)
    _is(found["kept"], 100 * kept / len(known) if known else None, len(known))
    answer = log.ask(Deviations("ab"))
    n = answer[0].n if len(answer) else found["astray"].n
    _is(found["astray"], None if not n else 1 - answer.fitting["ab"] / n, n)


def _share(hits: int, n: int) -> float | None:
    return hits / n if n else None


def _is(row: ScorecardRow, value: float | None, n: int) -> None:
    assert row.note is None
    assert row.n == n
    assert row.value == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12))
    if row.low is not None and row.high is not None and row.value is not None:
        assert row.low - 1e-9 <= row.value <= row.high + 1e-9


@settings(max_examples=60)
@given(happened, st.sampled_from([None, "day", "week", "month"]), st.integers(0, 10**6))
def test_parts_merged_in_any_order(given: list[Interaction], every: Any, seed: int) -> None:
    log = Log.from_interactions(given, map=MEASURED)
    asked = Scorecard(every)
    pieces = [[asked.measure(part)] for part in log.parts(1)]
    while len(pieces) > 1:
        one, other = pieces.pop(seed % len(pieces)), pieces.pop(0)
        pieces.append(merge_all((asked,), one, other))
    assert asked.answer(pieces[0][0], log.scope) == log.ask(asked)


@settings(max_examples=60)
@given(happened, st.sampled_from(["day", "week", "month"]))
def test_periods_add_up(given: list[Interaction], every: Any) -> None:
    """What is counted by its own time is counted once; a period is what where shows of it."""
    log = Log.from_interactions(given, map=MEASURED)
    whole = rows(log)
    parts: dict[str, list[ScorecardRow]] = defaultdict(list)
    for row in log.ask(Scorecard(every)):
        parts[row.metric].append(row)
    for name in ("nps", "mood", "failures", "wait", "revenue", "calls"):
        assert sum(row.n for row in parts[name]) == whole[name].n
    for row in parts["nps"]:
        since = datetime.fromisoformat(f"{row.period}T00:00+00:00")
        until = since + {"day": DAY, "week": 7 * DAY, "month": 31 * DAY}[every]
        until = until.replace(day=1) if every == "month" else until
        alone = rows(log.where(since=since, until=until), metric="nps")["nps"]
        assert (row.value, row.n, row.low) == (alone.value, alone.n, alone.low)
    before = None
    for row in parts["nps"]:
        assert row.before == before
        before = row.value


def scored(*answers: int, **more: Any) -> ScorecardRow:
    metric = Metric("csat", EVERYTHING, measure=Rating("csat"), **more)
    given = [Interaction(f"c{n}", "a", T0, score=Score("csat", answer, 1, 5))
             for n, answer in enumerate(answers)]  # fmt: skip
    return rows(Log.from_interactions(given, map=JOURNEY.add(metric)))["csat"]


def test_a_verdict_is_careful() -> None:
    good, bad = [5] * 90 + [1] * 10, [5] * 10 + [1] * 90
    assert scored(*good, target=0.8).verdict == "met"
    assert scored(*bad, target=0.8).verdict == "missed"
    assert scored(5, 5, 1, target=0.8).verdict == "not sure"
    assert scored(*bad, target=0.8, direction="down").verdict == "met"
    assert scored(*good, target=0.8, direction="down").verdict == "missed"
    assert scored(*good).verdict is None
    percent = scored(*good, target=80, unit="%")
    assert (percent.value, percent.verdict) == (90, "met")


def test_a_change_has_an_interval() -> None:
    metric = Metric("csat", EVERYTHING, measure=Rating("csat"))
    given = [
        Interaction(
            f"c{month}-{n}",
            "a",
            datetime(2026, month, 3, tzinfo=UTC),
            score=Score("csat", 5 if n < good else 1, 1, 5),
        )
        for month, good, size in ((1, 56, 70), (2, 48, 80), (4, 1, 2))
        for n in range(size)
    ]
    log = Log.from_interactions(given, map=JOURNEY.add(metric))
    january, february, march, april = list(log.ask(Scorecard("month", metric="csat")))
    assert january.change is None
    assert february.change == pytest.approx(-0.2)
    assert february.change_low == pytest.approx(-0.3339, abs=5e-5)  # Newcombe's own example
    assert february.change_high == pytest.approx(-0.0524, abs=5e-5)
    assert (march.value, march.n, march.change, march.verdict) == (None, 0, None, None)
    assert (april.before, april.complete) == (None, False)


def test_targets_of_processes_and_key_journeys_are_measured() -> None:
    log = Log.from_interactions(broadband_customers(500), map=broadband())
    found = rows(log)
    ordering = found["process ordering"]
    assert (ordering.unit, ordering.target, ordering.departments) == ("h", 8, ("sales", "finance"))
    assert ordering.value is not None
    onboarding = found["key_journey onboarding"]
    assert (onboarding.target, onboarding.departments) == (21, ("operations",))
    assert onboarding.verdict in ("met", "missed", "not sure")
    assert "targets:" in repr(log.ask(Scorecard()))
    over_time = log.ask(Scorecard("quarter", metric="key_journey onboarding"))
    assert over_time[0].complete
    by = log.ask(Breakdown(Scorecard(metric="key_journey onboarding"), by="product"))
    assert {row.segment for row in by} >= {"fibre"}


def test_what_cannot_be_measured_says_why() -> None:
    unmeasured = Metric("reach", EVERYTHING)
    personal = Metric("hers", Of("persona", "her"), measure=Frequency())
    journey = JOURNEY.add(jm.Persona("her"), *METRICS, unmeasured, personal)
    log = Log.from_frame({"customer": ["a"], "touchpoint": ["a"], "at": [1]}, Columns(at_unit="s"),
                         map=journey)  # fmt: skip
    found = rows(log)
    assert found["nps"].note == "this log knows no nps"
    assert found["revenue"].note == "this log knows no amounts"
    assert found["reach"].note == "it has no measure"
    assert found["hers"].note == "the persona 'her' names no products to know it by"
    assert found["churn"].note is None
    with pytest.raises(UnknownName, match="did you mean 'nps'"):
        log.ask(Scorecard(metric="npss"))
    with pytest.raises(AnswerError, match="read the log with map="):
        Log.from_frame({"customer": ["a"], "touchpoint": ["a"], "at": [1]},
                       Columns(at_unit="s")).ask(Scorecard())  # fmt: skip
    assert len(Log.from_interactions([]).ask(Scorecard())) == 0


def test_measures_are_checked_on_the_map() -> None:
    with pytest.raises(ElementError, match="bind the metric to one"):
        Metric("x", EVERYTHING, measure=DeviationRate())
    with pytest.raises(ElementError, match="a time is in one of"):
        Metric("x", EVERYTHING, measure=TimeIn(), unit="fortnights")
    with pytest.raises(ElementError, match="'within' goes with the statistic 'share'"):
        TimeIn(within="3 h")
    with pytest.raises(ElementError, match="a measure is expected"):
        Metric("x", EVERYTHING, measure="nps")  # type: ignore[arg-type]
    with pytest.raises(ElementError, match="a measure is of interactions"):
        ShareOf(jm.Consented("marketing"))
    with pytest.raises(MapError, match="there is no touchpoint 'bb'; did you mean"):
        JOURNEY.add(Metric("x", EVERYTHING, measure=TimeBetween("a", "bb")))
    with pytest.raises(MapError, match="there is no department 'saless'"):
        JOURNEY.add(Metric("x", EVERYTHING, departments=["saless"]))
    shared = Metric("x", B, departments=["sales", "billing"])
    journey = JOURNEY.add(shared)
    assert journey.departments_of(shared) == ("sales", "billing")
    assert journey.departments_of(evolve(shared, departments=())) == ("billing",)
    assert journey.departments_of(Metric("y", Of("phase", "acquire"))) == ("sales", "billing")


def test_a_document_writes_measures_plainly() -> None:
    text = """
id: shop
stages: [{id: use, phase: own}]
departments: [{id: sales}]
touchpoints: [{id: call, stage: use}, {id: solved, stage: use}]
metrics:
  - {id: nps, of: {stage: use}, measure: nps, target: 30, departments: [sales]}
  - {id: speed, of: {stage: use}, unit: h, measure: {time_between: {start: call, end: solved}}}
  - {id: once, of: {touchpoint: call}, measure: {share: {holds: {not: {count: {touchpoint: call,
      at_least: 2, within: 7 days}}}}}}
"""
    journey = jm.loads(text, format="yaml")
    assert journey.metrics["speed"].measure == TimeBetween("call", "solved")
    assert journey.metrics["nps"].measure == Rating("nps")
    assert jm.loads(jm.dumps(journey, format="yaml"), format="yaml") == journey
    with pytest.raises(jm.DocumentError, match="did you mean 'time_between'"):
        jm.loads(text.replace("time_between", "time_betwen"), format="yaml")


def visits(*rows: tuple[str, str, float], **more: Any) -> list[Interaction]:
    return [Interaction(who, what, T0 + day * DAY, **more) for who, what, day in rows]


def test_of_few_no_verdict_is_sure() -> None:
    """A quantile of few has no upper bound, and numbers that are all alike prove nothing."""
    slow = Metric("slow", EVERYTHING, unit="d", direction="down", target=99,
                  measure=TimeBetween("a", "b", statistic="p90"))  # fmt: skip
    often = Metric("often", EVERYTHING, target=1.5, measure=Frequency())
    for n, verdict in ((6, "not sure"), (35, "not sure"), (36, "met")):
        given = [
            one for k in range(n) for one in visits((f"c{k}", "a", 0), (f"c{k}", "b", 1 + k % 3))
        ]
        found = rows(Log.from_interactions(given, map=JOURNEY.add(slow, often)))
        assert found["slow"].verdict == verdict
        assert (found["slow"].high is None) == (n < 36)
        assert (found["often"].value, found["often"].verdict) == (2, "not sure")


def test_dormancy_is_judged_by_the_end_of_the_whole_log() -> None:
    journey = jm.JourneyMap(
        "m", dormant_after=30 * DAY, stages=[jm.Stage("x", "buy"), jm.Stage("y", "own")],
        touchpoints=[jm.Touchpoint("a", "x"), jm.Touchpoint("b", "y")],
        metrics=[Metric("churn", EVERYTHING, measure=Dormancy()),
                 Metric("first", Of("touchpoint", "a"), measure=Dormancy())],
    )  # fmt: skip
    early = visits(*((f"t{n}", name, day) for n in range(5) for day, name in enumerate("ab")),
                   channel="tel")  # fmt: skip
    late = visits(*((f"w{n}", name, 400 + day) for n in range(5) for day, name in enumerate("ab")),
                  channel="web")  # fmt: skip
    log = Log.from_interactions([*early, *late], map=journey)
    found = {name: (row.value, row.n) for name, row in rows(log).items()}
    assert found == {"churn": (1, 5), "first": (1, 5)}  # of the others it is not known yet
    by = {
        (row.segment, row.metric): row.value for row in log.ask(Breakdown(Scorecard(), "channel"))
    }
    assert by == {
        ("tel", "churn"): 1,
        ("tel", "first"): 1,
        ("web", "churn"): None,
        ("web", "first"): None,
    }
    assert rows(log.where(channel="tel"))["churn"].value == 1


def test_rates_and_totals() -> None:
    calls = Metric("calls", EVERYTHING, target=5, direction="down", measure=Frequency(per="day"))
    spent = Metric(
        "spent", EVERYTHING, target=50, direction="down", measure=AmountOf("cost", "EUR")
    )
    earned = Metric("earned", EVERYTHING, target=50, measure=AmountOf("revenue", "EUR"))
    journey = JOURNEY.add(calls, spent, earned)
    one = Log.from_interactions(visits(("a", "a", 0)), map=journey)
    assert (rows(one)["calls"].value, rows(one)["calls"].verdict) == (None, None)  # in no time
    daily = visits(*((f"c{n % 7}", "a", n) for n in range(60)), channel="web")
    log = Log.from_interactions([*daily, *visits(("z", "a", 59), channel="tel")], map=journey)
    some = log.where(since=T0 + 20 * DAY, until=T0 + 41 * DAY)
    assert rows(some)["calls"].value == pytest.approx(1)
    parts = {
        row.segment: row.value for row in log.ask(Breakdown(Scorecard(metric="calls"), "channel"))
    }
    assert sum(parts.values()) == pytest.approx(rows(log)["calls"].value)

    paid = [
        Interaction(
            "a", "a", datetime(2026, month, 3, tzinfo=UTC), value=Money(Decimal(euros), "EUR")
        )
        for month, euros in ((1, "-60"), (1, "70"), (2, "0.00003"), (3, "9"))
    ]
    months = {
        (row.metric, row.period): row
        for row in Log.from_interactions(paid, map=journey).ask(Scorecard("month"))
    }
    assert months["spent", "2026-01-01"].verdict == "missed"
    assert (months["spent", "2026-02-01"].value, months["spent", "2026-02-01"].verdict) == (
        0,
        "not sure",
    )
    assert months["earned", "2026-02-01"].value == pytest.approx(0.00003)
    assert months["earned", "2026-02-01"].verdict == "missed"
    assert months["earned", "2026-03-01"].verdict is None  # the month is not over
    assert months["earned", "2026-03-01"].change is None
    free = rows(Log.from_interactions(paid[1:], map=journey))["spent"]
    assert (free.value, free.verdict, free.note) == (
        0,
        "not sure",
        "there are no amounts below zero",
    )


def test_amounts_are_exact_and_totals_are_not_compared() -> None:
    coins = Metric("net", EVERYTHING, measure=AmountOf("net", "BTC"))
    given = [
        Interaction(
            f"c{n}",
            "a",
            T0 + n * HOUR,
            channel="web" if n % 2 else "tel",
            value=Money(Decimal(euros), "BTC"),
        )
        for n, euros in enumerate(["0.00003", "0.00004", "0.00015", "-0.00003", "-0.00003"])
    ]
    log = Log.from_interactions(given, map=JOURNEY.add(coins))
    assert rows(log)["net"].value == pytest.approx(0.00016, abs=1e-12)
    compared = log.ask(Compare(Scorecard(metric="net"), Where(channel="web"), Where(channel="tel")))
    assert len(compared) == 0


def test_the_calendar_of_a_process_and_what_is_awaited_in_working_time() -> None:
    friday = datetime(2026, 3, 6, 16, tzinfo=UTC)
    journey = jm.JourneyMap(
        "m", stages=[jm.Stage("x", "own")], calendars=[jm.Calendar("office")],
        departments=[jm.Department("d", calendar="office")],
        processes=[jm.Process("p", departments=["d"], target="8 h", calendar="office")],
        touchpoints=[jm.Touchpoint("a", "x", process="p"),
                     jm.Touchpoint("b", "x", process="p", department="d")],
        metrics=[Metric("soon", Of("journey", "m"), measure=TimeBetween(
            "a", "b", statistic="share", within="8 h", working_time=True))],
    )  # fmt: skip
    done = [Interaction("c", "a", friday), Interaction("c", "b", friday + 66 * HOUR)]
    later = Interaction("other", "b", friday + 7 * 24 * HOUR)
    found = rows(Log.from_interactions([*done, later], map=journey))
    assert rows(Log.from_interactions(done, map=journey))["soon"].n == 0  # six hours are left
    assert (found["process p"].value, found["process p"].unit) == (2, "h")
    assert (found["soon"].value, found["soon"].n) == (1, 1)
    waiting = [done[0], Interaction("other", "b", friday + 42 * HOUR)]
    assert rows(Log.from_interactions(waiting, map=journey))["soon"].n == 0  # one hour has passed


def test_scales_names_and_logs_without_times() -> None:
    csat = Metric("csat", EVERYTHING, measure=Rating("csat"))
    mine = Metric("key_journey ab", Of("key_journey", "ab"), measure=Frequency())
    journey = JOURNEY.add(csat, mine)
    given = [Interaction(f"c{n}", "a", T0, score=Score("csat", 5, 1, high))
             for n, high in enumerate([5, 5, 7])]  # fmt: skip
    found = rows(Log.from_interactions(given, map=journey))
    assert (found["csat"].n, found["csat"].note) == (
        2, "answers on other scales are not counted: csat (1 to 7)"
    )  # fmt: skip
    assert found["key_journey ab"].target is None  # the map's own metric
    untimed = Log.from_frame(
        {"customer": ["a"], "touchpoint": ["a"]}, Columns(at=None), map=journey
    )
    with pytest.raises(AnswerError, match="no times"):
        untimed.ask(Scorecard("month"))
    with pytest.raises(ElementError, match="metric"):
        Scorecard(metric=["csat"])  # type: ignore[arg-type]


def test_needs_are_judged_by_their_metrics() -> None:
    def need(name: str, *metrics: str) -> jm.Need:
        return jm.Need(name, f"I need {name}", metrics=metrics)

    journey = JOURNEY.add(
        Metric("good", EVERYTHING, target=1, measure=AmountOf("revenue", "EUR")),
        Metric("bad", EVERYTHING, target=9000, measure=AmountOf("revenue", "EUR")),
        Metric("drawn", EVERYTHING, target=1),
        jm.Persona("her", needs=[need("both", "good", "bad"), need("part", "good", "drawn")]),
    )
    journey = journey.replace(
        evolve(
            journey.stages["want"], needs=[need("speed", "good"), need("calm", "drawn"), need("x")]
        )
    )
    log = Log.from_interactions([WHOLE], map=journey)
    found = {(one.of, one.need): one.verdict for one in log.ask(Scorecard()).needs}
    assert found == {
        ("stage want", "speed"): "met", ("stage want", "calm"): None, ("stage want", "x"): None,
        ("persona her", "both"): "missed", ("persona her", "part"): "not sure",
    }  # fmt: skip
    said = [problem.message for problem in journey.check() if "need" in problem.message]
    assert "nobody measures its need 'calm'" in said
    assert "nobody measures its need 'speed'" not in said
    assert said.count("it does not say what the customer needs there") == 2
    assert not any("need" in problem.message for problem in JOURNEY.check())
    assert jm.loads(jm.dumps(journey, format="yaml"), format="yaml") == journey
    with pytest.raises(MapError, match="there is no metric 'goood'; did you mean 'good'"):
        journey.replace(evolve(journey.stages["use"], needs=[need("y", "goood")]))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_interval_of_a_net_promoter_score_holds_it(up: int, down: int, neither: int) -> None:
    n = up + down + neither
    if not n:
        return
    low, high = nps_interval(up, down, n)
    assert -100 <= low <= 100 * (up - down) / n <= high <= 100


DAYS = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("ab"), st.integers(0, 20)))


@given(DAYS)
def test_a_share_in_time_counts_no_one_whose_time_is_not_over(
    events: list[tuple[str, str, int]],
) -> None:
    """Whether it came or not: who is counted only when it came makes the last days look good."""
    within, last = 5, max((day for *_, day in events), default=0)
    when = timedelta(days=within)
    journey = jm.JourneyMap(
        "m", stages=[jm.Stage("s", "own")],
        touchpoints=[jm.Touchpoint("a", "s"), jm.Touchpoint("b", "s")],
        metrics=[
            Metric("soon", Of("journey", "m"),
                   measure=TimeBetween("a", "b", statistic="share", within=when)),
            Metric("again", Of("journey", "m"), measure=Repurchase("a", within=when)),
            Metric("silent", Of("journey", "m"),
                   measure=ShareOf(Absence("b", "a", when), among=[At("touchpoint", ["a"])])),
        ],
    )  # fmt: skip
    given_ = [Interaction(who, what, T0 + timedelta(days=day)) for who, what, day in events]
    found = rows(Log.from_interactions(given_, map=journey)) if given_ else {}
    order = sorted(range(len(events)), key=lambda n: (events[n][2], n))
    starts = [(n, *events[i][::2]) for n, i in enumerate(order) if events[i][1] == "a"]
    over = [(n, who, day) for n, who, day in starts if last - day >= within]

    def next_of(n: int, who: str, what: str, after: int = -1) -> int | None:
        later = (events[i] for i in order[n + 1 :])
        return next((d for w, t, d in later if (w, t) == (who, what) and d > after), None)

    hits = [(end := next_of(n, who, "b")) is not None and end - day <= within
            for n, who, day in over]  # fmt: skip
    _same(found.get("soon"), hits)
    silent = [hit for hit, (_, _, day) in zip(hits, over, strict=True) if last - day > within]
    _same(found.get("silent"), [not hit for hit in silent])
    firsts = {who: (n, day) for n, who, day in reversed(starts)}
    known = {who: one for who, one in firsts.items() if last - one[1] >= within}
    _same(found.get("again"), [
        (end := next_of(n, who, "a", day)) is not None and end - day <= within
        for who, (n, day) in known.items()
    ])  # fmt: skip


def _same(row: Any, hits: list[bool]) -> None:
    assert (0 if row is None else row.n) == len(hits)
    if hits:
        scale = 100 if row.unit == "%" else 1
        assert row.value == pytest.approx(scale * sum(hits) / len(hits))


@given(DAYS)
def test_a_share_of_stays_in_time_counts_those_that_go_on(
    events: list[tuple[str, str, int]],
) -> None:
    within, last = 5, max((day for *_, day in events), default=0)
    stay = TimeIn(statistic="share", within=timedelta(days=within))
    journey = jm.JourneyMap(
        "m", stages=[jm.Stage("s", "buy"), jm.Stage("t", "own")],
        touchpoints=[jm.Touchpoint("a", "s"), jm.Touchpoint("b", "t")],
        metrics=[Metric("stay", Of("stage", "s"), measure=stay)],
    )  # fmt: skip
    given_ = [Interaction(who, what, T0 + timedelta(days=day)) for who, what, day in events]
    found = rows(Log.from_interactions(given_, map=journey)) if given_ else {}
    hits = []
    for who in "xyz":
        mine = [(day, what) for one, what, day in events if one == who]
        mine.sort(key=lambda pair: pair[0])
        runs = [
            pair for place, pair in enumerate(mine) if not place or mine[place - 1][1] != pair[1]
        ]
        for place, (day, what) in enumerate(runs):
            end = runs[place + 1][0] if place + 1 < len(runs) else None
            over = last - day >= within if end is not None else last - day > within
            if what == "a" and over:
                hits.append(end is not None and end - day <= within)
    _same(found.get("stay"), hits)


def test_a_first_period_of_a_few_days_is_not_complete() -> None:
    revenue = Metric("rev", EVERYTHING, target=280, measure=AmountOf("revenue", "EUR"), unit="EUR")
    begin = datetime(2026, 1, 25, tzinfo=UTC)
    paid = [
        Interaction(f"c{n}", "a", begin + n * DAY, value=Money(Decimal(10), "EUR"))
        for n in range(40)
    ]
    log = Log.from_interactions(paid, map=JOURNEY.add(revenue))
    for view in (log, log.where(since=begin)):
        months = [row for row in view.ask(Scorecard("month")) if row.metric == "rev"]
        assert [row.complete for row in months] == [False, True, False]
        assert [row.verdict for row in months] == [None, "met", None]
        assert [row.change for row in months] == [None, None, None]
        assert [row.complete for row in view.ask(Trend(Revenue(None), "month"))][0] is False  # noqa: RUF015


def test_trends_of_money_say_where_amounts_count() -> None:
    data = {"customer": ["a", "a", "b"], "touchpoint": ["visit", "buy", "buy"],
            "at": [1_296_000, 3_456_000, 3_888_000], "v": [None, 100.0, 10.0]}  # fmt: skip
    log = Log.from_frame(data, Columns(at_unit="s", value="v", currency="EUR"))
    first = log.ask(Trend(Revenue(None), "month")).notes()
    each = log.ask(Trend(Revenue(None), "month", attribute="each")).notes()
    assert any("attribute='each'" in note for note in first)
    assert not any("attribute='each'" in note for note in each)


@pytest.mark.parametrize(
    "measure",
    [RetentionAfter("30 days"), Repurchase("a"), TimeBetween("a", "b", statistic="mean"),
     TimeBetween("a", "b"), TimeIn()],
)  # fmt: skip
def test_what_may_come_at_any_time_is_not_judged_while_it_may(measure: Any) -> None:
    """Customers behave alike all year: the newest months look worse, or faster, and are not."""
    judged = fallen = 0
    for seed in range(4):
        dice = random.Random(seed)
        given = []
        for n in range(1200):
            day = dice.uniform(0, 365)
            while day < 365:
                given.append(Interaction(f"c{n}", "a", T0 + day * DAY))
                done = day + dice.expovariate(1 / 20)
                if done < 365:
                    given.append(Interaction(f"c{n}", "b", T0 + done * DAY))
                if dice.random() < 0.3:
                    break
                day += dice.expovariate(1 / 60)
        of = Of("touchpoint", "a") if isinstance(measure, TimeIn) else EVERYTHING
        metric = Metric("m", of, measure=measure, target=0.0)
        log = Log.from_interactions(given, map=JOURNEY.add(metric))
        months = [row for row in log.ask(Scorecard(every="month")) if row.metric == "m"]
        whole = [row for row in months if row.complete]
        assert 3 <= len(whole) < len(months)
        newer = months[months.index(whole[-1]) + 1 :]
        assert all((row.verdict, row.change) == (None, None) for row in newer)
        known = [row for row in whole if row.change_low is not None and row.change_high is not None]
        judged += len(known)
        fallen += sum(not (row.change_low or 0) <= 0 <= (row.change_high or 0) for row in known)
        [row] = [row for row in log.ask(Scorecard(last="30 days")) if row.metric == "m"]
        assert (row.complete, row.verdict, row.change) == (False, None, None)
    assert judged >= 8
    assert fallen <= 3


def test_a_month_is_a_month_and_what_is_not_over_is_not_judged() -> None:
    """As many calls in each month, and on a day of 25 hours; less than a month gives no verdict."""

    def counted(per: Any, target: float, days: list[datetime], **more: Any) -> list[Any]:
        metric = Metric("calls", EVERYTHING, target=target, measure=Frequency(per=per))
        given = [Interaction(f"c{n % 9}", "b", one) for n, one in enumerate(days)]
        zone = more.pop("zone", "UTC")
        log = Log.from_interactions(given, map=JOURNEY.add(metric), calendar_zone=zone)
        return [(row.period, row.value, row.verdict)
                for row in log.ask(Scorecard(**more, metric="calls"))]  # fmt: skip

    firsts = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 6)]
    months = [one + (two - one) * part / 100 for one, two in pairwise(firsts)
              for part in range(100)]  # fmt: skip
    found = counted("month", 100, [*months, firsts[-1] + timedelta(minutes=30)], every="month")
    assert [row[1:] for row in found[:-1]] == [(100, "met")] * 4
    assert found[-1][1:] == (None, None)
    quarters = counted("month", 100, [*months, firsts[-1]], every="quarter")
    assert quarters[0][1:] == (100, "met")
    ten_a_day = [firsts[0] + timedelta(hours=2.4 * n) for n in range(1800)]
    [(_, value, verdict)] = counted("month", 400, ten_a_day, last="7 days")
    assert value == pytest.approx(304.4, rel=0.02)
    assert verdict is None
    autumn = [datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(hours=n) for n in range(31)]
    day = counted("day", 25, autumn, every="day", zone="Europe/Paris")[0]
    assert day == ("2026-10-25", 25, "met")
