"""Hypothesis strategies: consistent maps, and interactions that could have happened on them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import factorial, prod
from typing import Any

from hypothesis import strategies as st

from journeymap.interactions import Interaction, Money, Score
from journeymap.model import (
    Absence,
    All,
    AmountOf,
    AnyOf,
    At,
    Between,
    Calendar,
    Channel,
    Condition,
    Consented,
    ContactLimit,
    Count,
    Department,
    Dormancy,
    Frequency,
    HasTrait,
    Hours,
    Investment,
    JourneyMap,
    KeyJourney,
    Measure,
    Metric,
    Moment,
    Need,
    Not,
    Of,
    Offer,
    Persona,
    Process,
    Product,
    Rating,
    Repurchase,
    RetentionAfter,
    Sequence,
    ShareOf,
    Stage,
    Step,
    TimeBetween,
    TimeIn,
    Touchpoint,
    Wait,
    Weight,
)
from journeymap.model.conditions import Occurrence
from journeymap.model.elements import MAX_ORDERS
from journeymap.model.instants import MICROSECOND

__all__ = ["interactions", "maps", "names"]

_lengths = st.timedeltas(MICROSECOND, timedelta(days=4000))
_numbers = st.floats(-1e9, 1e9, allow_nan=False)
_shares, _amounts = st.floats(0, 1), st.floats(0, 1e6)


_letters = st.characters(
    exclude_categories=("Cc", "Cs"), exclude_characters="\u2028\u2029\ufeff\ufffe\uffff"
)


def names() -> st.SearchStrategy[str]:
    """Make names that a map may hold, odd ones among them.

    Returns:
        A Hypothesis strategy.
    """
    reserved = ("(start)", "(end)", "(any)")
    return st.text(_letters, min_size=1, max_size=12).filter(
        lambda text: bool(text.strip()) and text not in reserved
    )


def _texts() -> st.SearchStrategy[str]:
    return st.text(_letters | st.sampled_from("\n\t"), max_size=30)


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _some(pool: list[str], least: int = 0) -> st.SearchStrategy[list[str]]:
    if not pool:
        return st.just([])
    return st.lists(st.sampled_from(pool), unique=True, min_size=least, max_size=min(3, len(pool)))


def _one(pool: list[str]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(pool) if pool else st.none()


def _conditions(points: list[str], *, facts: bool = False) -> st.SearchStrategy[Condition]:
    """Draw conditions; of facts, only an offer asks."""
    point = st.sampled_from(points)
    steps = st.lists(point, min_size=1, max_size=3)
    simple: st.SearchStrategy[Condition] = st.one_of(
        st.builds(At, st.just("touchpoint"), _some(points, 1)),
        st.builds(At, st.just("outcome"), st.lists(names(), min_size=1, max_size=2, unique=True)),
        st.builds(Between, st.sampled_from(["emotion", "nps"]), at_most=_numbers),
        st.builds(Between, st.just("value"), _numbers, currency=st.just("EUR")),
        st.builds(Count, point, st.integers(1, 9), _maybe(_lengths)),
        st.builds(Wait, point, _lengths),
        st.builds(Absence, point, point, _lengths),
        *([st.builds(Consented, names()), st.builds(HasTrait, names(), _some(["gold", "5"], 1))]
          if facts else [st.builds(_sequence, steps, point, _maybe(_lengths),
                                   st.sampled_from(["any", "first"]), st.booleans())]),
    )  # fmt: skip

    def deeper(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(inner, min_size=1, max_size=3)
        return st.builds(All, several) | st.builds(AnyOf, several) | st.builds(Not, inner)

    return st.recursive(simple, deeper, max_leaves=5)


def _sequence(
    steps: list[str], last: str, within: timedelta | None, occurrence: Occurrence,
    consecutive: bool,
) -> Sequence:  # fmt: skip
    """Make a sequence; of several steps that do not follow directly, the first must not come."""
    if consecutive or len(steps) == 1:
        return Sequence(*steps, last, within=within, occurrence=occurrence, consecutive=consecutive)
    return Sequence(steps[0], *map(Not, steps[1:]), last, within=within, occurrence=occurrence)


def _measures(points: list[str]) -> st.SearchStrategy[Measure]:
    point, asked = st.sampled_from(points), _conditions(points)
    statistics = st.sampled_from(["mean", "median", "p90"])
    flags, several = st.booleans(), st.lists(asked, max_size=2)
    return st.one_of(
        st.builds(Rating, st.sampled_from(["nps", "csat", "ces", "emotion", "emotion_after"])),
        st.builds(TimeBetween, point, point, statistic=statistics, working_time=flags),
        st.builds(TimeIn, statistic=st.just("share"), within=_lengths),
        st.builds(ShareOf, asked, among=several, of=st.sampled_from(["journeys", "customers"])),
        st.builds(Frequency, where=several, per=st.sampled_from(["customer", "day", "month"])),
        st.builds(AmountOf, st.sampled_from(["revenue", "cost", "net"]), st.just("EUR"),
                  per=st.sampled_from(["total", "customer"])),
        st.builds(RetentionAfter, _lengths),
        st.builds(Repurchase, point, within=_maybe(_lengths)),
        st.just(Dormancy()),
    )  # fmt: skip


def _calendars(ids: list[str]) -> st.SearchStrategy[list[Calendar]]:
    clock = st.times().map(lambda t: time(t.hour, t.minute))
    rules = st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=MONTHLY;BYMONTHDAY=1"])
    made = [
        st.builds(
            Calendar,
            st.just(name),
            st.lists(st.builds(Hours, rules, clock, clock, instead=st.booleans()), max_size=2),
            st.lists(st.dates(date(2000, 1, 1), date(2040, 1, 1)), max_size=2),
            st.just(()),
            st.sampled_from(["UTC", "Europe/Paris", "America/New_York"]),
        )
        for name in ids
    ]
    return st.tuples(*made).map(list)


@st.composite
def maps(draw: st.DrawFn) -> JourneyMap:
    """Make maps with elements of every kind.

    Returns:
        A Hypothesis strategy.
    """
    stages, channels, calendars = _ids(draw, 1, 4), _ids(draw, 0, 3), _ids(draw, 0, 2)
    departments, processes, products = _ids(draw, 0, 3), _ids(draw, 0, 3), _ids(draw, 0, 2)
    points = _ids(draw, 1, 5)
    words = {"name": _texts(), "description": _texts()}
    phase = st.sampled_from(["buy", "own"])
    invests = st.builds(Investment, st.sampled_from(["systems", "training"]), names(),
                        stages=_some(stages), amount=_maybe(_numbers),
                        since=_maybe(st.dates()))  # fmt: skip
    designed = JourneyMap(
        draw(names()),
        name=draw(_texts()),
        dormant_after=draw(_maybe(_lengths)),
        contact_limits=draw(st.lists(st.builds(ContactLimit, st.integers(0, 9), _lengths),
                                     max_size=2)),
        stages=_each(draw, stages, Stage, phase=phase, customer_does=_texts(),
                     company_does=_texts(), dormant_after=_maybe(_lengths),
                     needs=st.lists(st.builds(Need, names(), _texts(), why=_texts()), max_size=2),
                     ends=st.booleans(), optional=st.booleans(), **words),
        channels=_each(draw, channels, Channel, kind=st.sampled_from(["digital", "phone"]),
                       cost=_maybe(st.integers(0, 99)),
                       **words),
        calendars=draw(_calendars(calendars)),
        departments=_each(draw, departments, Department, calendar=_one(calendars),
                          invests=st.lists(invests, max_size=2), **words),
        processes=_each(draw, processes, Process, departments=_some(departments),
                        target=_maybe(_lengths), calendar=_one(calendars)),
        products=_each(draw, products, Product, kind=st.sampled_from(["product", "service"])),
        personas=_each(draw, _ids(draw, 0, 2), Persona, products=_some(products),
                       goals=st.lists(names(), unique=True, max_size=2)),
        touchpoints=_each(draw, points, Touchpoint, stage=_one(stages),
                          department=_one(departments), process=_one(processes),
                          channels=_some(channels), products=_some(products), **words),
    )  # fmt: skip
    return _watched(draw, designed)


def _watched(draw: st.DrawFn, journey: JourneyMap) -> JourneyMap:
    """Add metrics, moments and key journeys to a map."""
    points, departments = list(journey.touchpoints), list(journey.departments)
    point, metrics = st.sampled_from(points), _ids(draw, 0, 3)
    asked = _conditions(points, facts=True)
    return journey.add(
        *_each(draw, metrics, Metric, of=st.builds(Of, st.just("touchpoint"), point),
               kind=st.sampled_from(["nps", "time"]), unit=_texts(),
               departments=_some(departments),
               direction=st.sampled_from(["up", "down"]), target=_maybe(_numbers)),
        *_each(draw, [f"measured-{n}" for n in range(draw(st.integers(0, 2)))], Metric,
               of=st.builds(Of, st.just("touchpoint"), point), measure=_measures(points)),
        *_each(draw, _ids(draw, 0, 2), Moment, when=_conditions(points), owner=_one(departments),
               action=_texts(), deadline=_maybe(_lengths), metric=_one(metrics),
               per=_maybe(st.sampled_from(["product", "order"])), cool_down=_maybe(_lengths)),
        *_each(draw, _ids(draw, 0, 2), KeyJourney, start=point, end=point,
               steps=st.lists(_steps(points), max_size=4).filter(_in_few_orders),
               within=_maybe(_lengths), given_up_after=_maybe(_lengths),
               owner=_one(departments)),
        *_each(draw, _ids(draw, 0, 2), Offer, touchpoint=point, leads_to=_maybe(point),
               owner=_one(departments), eligible=st.lists(asked, max_size=2),
               propensity=_maybe(_shares), value=_amounts, lever=_amounts,
               weights=st.lists(st.builds(Weight, asked, _amounts), max_size=2),
               limits=st.lists(st.builds(ContactLimit, st.integers(0, 9), _lengths), max_size=2),
               hold_out=_shares, action=_texts(), purpose=_maybe(names())),
    )  # fmt: skip


def _ids(draw: st.DrawFn, least: int, most: int) -> list[str]:
    return draw(st.lists(names(), min_size=least, max_size=most, unique=True))


def _each(
    draw: st.DrawFn, ids: list[str], make: Any, /, **parts: st.SearchStrategy[Any]
) -> list[Any]:
    return [draw(st.builds(make, st.just(name), **parts)) for name in ids]


def _steps(points: list[str]) -> st.SearchStrategy[Step]:
    flags: Any = {"optional": st.booleans(), "repeatable": st.booleans()}
    one = st.builds(Step, _some(points, 1), **flags)
    if len(set(points)) < 2:
        return one
    several = st.lists(st.sampled_from(points), min_size=2, max_size=3, unique=True)
    return one | st.builds(Step, all_of=several, **flags)


def _in_few_orders(steps: list[Step]) -> bool:
    return prod(factorial(len(step.all_of)) for step in steps) <= MAX_ORDERS


def interactions(
    *,
    customers: tuple[str, ...] = ("ada", "ben", "cyd"),
    touchpoints: tuple[str, ...] = ("a", "b", "c", "d"),
    departments: tuple[str, ...] = ("sales", "support", "care"),
    channels: tuple[str, ...] = ("web", "phone"),
    products: tuple[str, ...] = ("fibre", "mobile"),
    durations: tuple[timedelta, ...] = (),
) -> st.SearchStrategy[Interaction]:
    """Make interactions.

    Args:
        customers: The customers' names.
        touchpoints: The touchpoints.
        departments: The departments.
        channels: The channels.
        products: The products.
        durations: The durations that some of them have (none: they have none).

    Returns:
        A Hypothesis strategy.
    """
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    hours = st.integers(0, 400).map(lambda n: begin + timedelta(hours=n))
    scores = st.builds(Score, st.just("nps"), st.integers(0, 10))
    amounts = st.decimals(0, 500, places=2).map(lambda amount: Money(amount, "EUR"))
    return st.builds(
        Interaction,
        st.sampled_from(customers),
        st.sampled_from(touchpoints),
        hours,
        channel=_maybe(st.sampled_from(channels)),
        product=_maybe(st.sampled_from(products)),
        department=_maybe(st.sampled_from(departments)),
        outcome=_maybe(st.sampled_from(["succeeded", "failed", "abandoned"])),
        emotion=_maybe(st.integers(-100, 100).map(lambda n: n / 100)),
        duration=_maybe(st.sampled_from(durations)) if durations else st.none(),
        score=_maybe(scores),
        value=_maybe(amounts),
        cost=_maybe(st.integers(0, 900).map(lambda n: n / 10)),
        referred_by=_maybe(st.sampled_from(customers)),
    )
