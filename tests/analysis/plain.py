"""Every question answered the slow and plain way, from lists of interactions: the oracle."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from statistics import mean
from typing import Any

from journeymap import Interaction, JourneyMap, KeyJourney
from journeymap.model import Plan

Journeys = dict[str, list[Interaction]]


def journeys(interactions: Iterable[Interaction]) -> Journeys:
    found: Journeys = defaultdict(list)
    for one in interactions:
        found[one.customer].append(one)
    for mine in found.values():
        mine.sort(key=lambda one: one.at)  # stable: ties keep the order of arrival
    return found


def level(journey: JourneyMap | None, by: str) -> Callable[[Interaction], str | None]:
    def read(one: Interaction) -> str | None:
        point = journey.touchpoints.get(one.touchpoint) if journey else None
        if by in ("stage", "phase"):
            if point is None or point.stage is None or journey is None:
                return None
            return point.stage if by == "stage" else journey.stages[point.stage].phase.value
        recorded: str | None = getattr(one, by)
        if recorded is not None or point is None:
            return recorded
        if by in ("department", "process"):
            designed: str | None = getattr(point, by)
            return designed
        if by == "channel" and len(point.channels) == 1:
            return point.channels[0]
        return None

    return read


def elements(
    interactions: Iterable[Interaction], read: Callable[[Interaction], str | None]
) -> dict[str, list[tuple[str, datetime, Interaction]]]:
    """The named interactions of each customer who has any at this level."""
    found = {}
    for customer, mine in journeys(interactions).items():
        named = [(name, one.at, one) for one in mine if (name := read(one)) is not None]
        if named:
            found[customer] = named
    return found


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def between(one: Interaction, begin: datetime) -> float:
    """The wait from the end of an interaction to the begin of the next, in seconds."""
    end = one.at + (one.duration or timedelta(0))
    return max((begin - end).total_seconds(), 0.0)


def transitions(
    interactions: Iterable[Interaction], read: Callable[[Interaction], str | None]
) -> dict[tuple[str, str], dict[str, Any]]:
    counts: Counter[tuple[str, str]] = Counter()
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    waits: dict[tuple[str, str], list[float]] = defaultdict(list)
    for customer, mine in elements(interactions, read).items():
        names = ["(start)", *(name for name, _, _ in mine), "(end)"]
        for pair in itertools.pairwise(names):
            counts[pair] += 1
            people[pair].add(customer)
        for (a, _, one), (b, t, _) in itertools.pairwise(mine):
            waits[a, b].append(between(one, t))
    leaving: Counter[str] = Counter()
    for (source, _), count in counts.items():
        leaving[source] += count
    return {
        pair: {
            "count": count,
            "customers": len(people[pair]),
            "share": count / leaving[pair[0]],
            "n": leaving[pair[0]],
            "wait_mean": mean(waits[pair]) if waits[pair] else None,
            "wait_median": quantile(waits[pair], 0.5) if waits[pair] else None,
            "wait_p90": quantile(waits[pair], 0.9) if waits[pair] else None,
        }
        for pair, count in counts.items()
    }


def variants(
    interactions: Iterable[Interaction],
    read: Callable[[Interaction], str | None],
    *,
    collapse: bool = False,
) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for mine in elements(interactions, read).values():
        names = [name for name, _, _ in mine]
        if collapse:
            names = [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]
        found[tuple(names)] += 1
    return found


def dwell(
    interactions: Iterable[Interaction], read: Callable[[Interaction], str | None],
    *, state: bool = True,
) -> dict[str, tuple[int, int, list[float]]]:  # fmt: skip
    stays: Counter[str] = Counter()
    people: dict[str, set[str]] = defaultdict(set)
    lengths: dict[str, list[float]] = defaultdict(list)
    for customer, mine in elements(interactions, read).items():
        for name, group in itertools.groupby(mine, key=lambda one: one[0]):
            stay = [one for _, _, one in group]
            people[name].add(customer)
            stays[name] += 1
            place = next(i for i, (_, _, one) in enumerate(mine) if one is stay[-1])
            if stay[-1].duration and not state:
                over = stay[-1].at + stay[-1].duration
            elif place + 1 < len(mine):
                over = mine[place + 1][1]
            else:
                continue
            lengths[name].append((over - stay[0].at).total_seconds())
    return {name: (n, len(people[name]), lengths[name]) for name, n in stays.items()}


def funnel_customers(
    mine: list[tuple[str, datetime]], steps: list[str], within: timedelta | None, order: str
) -> int:
    """The most steps that any attempt of one journey reaches, all starts tried."""
    best = 0
    for begin in range(len(mine)):
        limit = mine[begin][1] + within if within is not None else None
        if order == "any":
            met = {
                name
                for name, at in mine[begin:]
                if name in steps and (limit is None or at <= limit)
            }
            best = max(best, len(met) if mine[begin][0] in steps else 0)
            continue
        if mine[begin][0] != steps[0]:
            continue
        reached = 1
        for name, at in mine[begin + 1 :]:
            if reached == len(steps) or (limit is not None and at > limit):
                break
            if name == steps[reached]:
                reached += 1
            elif order == "strict":
                break
        best = max(best, reached)
    return best


def funnel_completions(
    mine: list[tuple[str, datetime]], steps: list[str], within: timedelta | None
) -> list[int]:
    """How far each attempt comes; an attempt lasts from a first step to the next first step."""
    starts = [i for i, (name, _) in enumerate(mine) if name == steps[0]]
    reached = []
    for begin, end in zip(starts, [*starts, len(mine)][1:], strict=True):
        far = 1
        # the first step of the next attempt may also be a later step of this one
        for name, at in mine[begin + 1 : end + 1]:
            if far < len(steps) and name == steps[far] and (
                within is None or at - mine[begin][1] <= within
            ):  # fmt: skip
                far += 1
        reached.append(far)
    return reached


def funnel_sets(
    mine: list[tuple[str, datetime]], steps: list[str], within: timedelta | None
) -> list[int]:
    """How many of the steps each attempt meets, attempts one after another."""
    mine = [(name, at) for name, at in mine if name in steps]
    reached, place = [], 0
    while place < len(mine):
        begin = mine[place][1]
        met: set[str] = set()
        while place < len(mine) and (within is None or mine[place][1] - begin <= within):
            met.add(mine[place][0])
            place += 1
            if len(met) == len(steps):
                break
        reached.append(len(met))
    return reached


def handoffs(
    interactions: Iterable[Interaction],
    read: Callable[[Interaction], str | None],
    journey: JourneyMap | None = None,
) -> dict[tuple[str, str], dict[str, float]]:
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    interactions = list(interactions)
    everything = journeys(interactions)
    over = max((one.at for one in interactions), default=None)
    for customer, mine in elements(interactions, read).items():
        before: tuple[str, str] | None = None
        whole = everything[customer]
        for place, (name, at, one) in enumerate(mine):
            so_far = whole[: next(i for i, other in enumerate(whole) if other is one) + 1]
            worth = sum(float(other.value.amount) for other in so_far if other.value)
            if place == 0 or mine[place - 1][0] == name:
                continue
            source, _, earlier = mine[place - 1]
            row = found[source, name]
            row["count"] += 1
            row["wait"] += between(earlier, at)
            row["bounced"] += before is not None and before[0] == name
            ended = one is whole[-1] and one.outcome != "succeeded"
            limit = _silence(whole, journey)
            silent = limit is None or (over is not None and over - one.at >= limit)
            dropped = ended and silent
            row["dropped"] += dropped
            row["open"] += ended and not silent
            row["risk"] += worth if dropped else 0.0
            if earlier.emotion is not None and one.emotion is not None:
                row["emotion"] += one.emotion - earlier.emotion
                row["emotion_n"] += 1
            if earlier.score is not None and one.score is not None:
                row["score"] += (one.score.value - earlier.score.value) / 10
                row["score_n"] += 1
            before = (source, name)
    return found


def _silence(whole: list[Interaction], journey: JourneyMap | None) -> timedelta | None:
    """The silence that the map allows where a journey ended."""
    if journey is None:
        return None
    stages = [level(journey, "stage")(one) for one in whole]
    last = next((stage for stage in reversed(stages) if stage), None)
    return (journey.stages[last].dormant_after if last else None) or journey.dormant_after


def loops(interactions: list[Interaction], journey: JourneyMap) -> dict[str, Any]:
    read = level(journey, "stage")
    laps: Counter[int] = Counter()
    times: list[float] = []
    spent = {"buy": 0.0, "own": 0.0}
    owners = back = 0
    silent: dict[str, set[str]] = defaultdict(set)
    returned: dict[str, set[str]] = defaultdict(set)
    still: dict[str, set[str]] = defaultdict(set)
    last = max((one.at for one in interactions), default=None)
    for customer, mine in journeys(interactions).items():
        lap, begun, position = 1, mine[0].at, None
        owned = False
        before: tuple[str, datetime] | None = None
        for one, following in zip(mine, [*mine[1:], None], strict=True):
            stage = read(one)
            if stage is not None:
                phase = journey.stages[stage].phase.value
                if before is not None:
                    spent[before[0]] += (one.at - before[1]).total_seconds()
                    if before[0] == "own" and phase == "buy":
                        times.append((one.at - begun).total_seconds())
                        lap, begun = lap + 1, one.at
                owned |= phase == "own"
                before, position = (phase, one.at), stage
            limit = journey.stages[position].dormant_after if position else None
            limit = limit or (journey.dormant_after if position else None)
            until = following.at if following else last
            if position and limit and until and until - one.at >= limit:
                silent[position].add(customer)
                if following:
                    returned[position].add(customer)
            elif position and limit and not following:
                still[position].add(customer)
        laps[lap] += 1
        owners += owned
        back += lap > 1
    return {"laps": laps, "times": times, "spent": spent, "owners": owners, "back": back,
            "silent": silent, "returned": returned,
            "open": {name: still[name] - silent[name] for name in still}}  # fmt: skip


def occurrences(
    mine: list[Interaction], span: KeyJourney, journey: JourneyMap, log_end: datetime
) -> list[tuple[list[Interaction], str, datetime]]:
    """Each occurrence in one customer's journey: its interactions, how it ended, and when."""
    plan = Plan.of(span)
    expecting = [s for s in plan.steps if span.start in s.one_of] if plan else []
    again = span.start == span.end or len(expecting) > 1 or any(s.repeatable for s in expecting)
    read = level(journey, "stage")
    found: list[tuple[list[Interaction], str, datetime]] = []
    current: list[Interaction] | None = None
    position: str | None = None

    def over(state: str, at: datetime) -> None:
        nonlocal current
        assert current is not None
        found.append((current, state, at))
        current = None

    for place, one in enumerate(mine):
        position = read(one) or position
        if current is not None and span.given_up_after is not None:
            deadline = current[0].at + span.given_up_after
            if one.at > deadline:
                over("given up", deadline)
        if current is not None and one.touchpoint == span.end:
            current.append(one)
            over("completed", one.at)
        elif one.touchpoint == span.start and (current is None or not again):
            if current is not None:
                over("given up", one.at)
            current = [one]
        elif current is not None:
            current.append(one)
        limit = (
            (journey.stages[position].dormant_after or journey.dormant_after) if position else None
        )
        until = mine[place + 1].at if place + 1 < len(mine) else log_end
        if current is not None and limit is not None and until - one.at >= limit:
            longest = span.given_up_after or timedelta(days=36_500)
            over("given up", min(current[0].at + longest, one.at + limit))
    if current is not None:
        due = current[0].at + span.given_up_after if span.given_up_after is not None else log_end
        over("given up" if log_end > due else "open", min(due, log_end))
    return found


def deviations(
    interactions: list[Interaction], span: KeyJourney, journey: JourneyMap
) -> tuple[dict[Any, list[float]], int]:
    """Count, occurrences, time and value of each deviation; and how many were looked at."""
    log_end = max((one.at for one in interactions), default=None)
    told: dict[Any, list[float]] = defaultdict(lambda: [0, 0, 0.0, 0.0])
    looked = 0
    plan = Plan.of(span)
    department = level(journey, "department")
    for mine in journeys(interactions).values():
        assert log_end is not None
        for walk, state, at in occurrences(mine, span, journey, log_end):
            late = at - walk[0].at - span.within if span.within else timedelta(0)
            if state == "open" and late <= timedelta(0):
                continue
            looked += 1
            places = next(i for i, one in enumerate(mine) if one is walk[-1])
            worth = sum(float(one.value.amount) for one in mine[: places + 1] if one.value)
            match = plan.match(tuple(one.touchpoint for one in walk)) if plan else None
            here: list[tuple[Any, float]] = []

            def wait(place: int, walk: list[Interaction] = walk) -> float:
                return between(walk[place - 1], walk[place].at) if place else 0.0

            for deviation in match.deviations if match and state != "open" else ():
                step = None if deviation.step is None else deviation.step + 1
                if deviation.place is None:
                    assert plan is not None
                    assert step is not None
                    names = plan.steps[step - 1].one_of
                    owner = journey.touchpoints[names[0]].department
                    here.append((("missing", step, " / ".join(names), owner), 0.0))
                else:
                    one = walk[deviation.place]
                    cell = (deviation.kind, step, one.touchpoint, department(one))
                    here.append((cell, wait(deviation.place)))
            for place, one in enumerate(walk):
                if one.outcome in ("failed", "abandoned"):
                    met = match.steps[place] if match else None
                    step = None if met is None else met + 1
                    here.append((("failed", step, one.touchpoint, department(one)), wait(place)))
            if late > timedelta(0):
                owner = span.owner or journey.touchpoints[span.end].department
                here.append((("late", None, span.end, owner), late.total_seconds()))
            for cell, lost in here:
                told[cell][0] += 1
                told[cell][2] += lost
            for cell in {cell for cell, _ in here}:
                told[cell][1] += 1
                told[cell][3] += worth
    return told, looked
