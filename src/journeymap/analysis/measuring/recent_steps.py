"""How long a memory, and how fast a forgetting, predicts the next step best.

Journeys are numbered by the period in which they began, from 0 to `PERIODS` - 1 over the span of
the log. What was learned from earlier journeys is asked of the latest fifth of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from attrs import Attribute

from journeymap.exceptions import ElementError
from journeymap.model.next_steps import START
from journeymap.model.rules import positive_duration

__all__ = [
    "MOST_PERIODS",
    "PERIODS",
    "Learned",
    "check_half_life",
    "check_memory",
    "choose_memory",
    "weigh_steps",
]

PERIODS = 128
"""Periods into which the span of a log is divided, to choose a half-life."""
MOST_PERIODS = 1 << 17
"""Periods into which it is divided at most, for a half-life that is given."""
MOST_MEMORY = 8
"""Elements back that are remembered at most: as many as a state of the tracker has."""
Path: TypeAlias = tuple[str, ...]
Learned: TypeAlias = dict[tuple[int, Path], dict[str, tuple[int, int, int]]]
"""The followers of each path, by the period in which journeys began: how often, how often it is
known how long it took, and how long in all, in microseconds."""
Counts: TypeAlias = Mapping[Path, Mapping[str, float]]
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

_HALVINGS = (None, 1.0, 0.5, 0.25, 0.125, 0.0625)  # half-lives, as shares of the span
_ASKED = 0.2  # of the journeys, the latest
_LEAST = 30  # journeys asked
_UNSEEN = 1e-4  # the probability of what was never seen
_SLIGHT = 0.002  # nats a step: a fifth of a percent of what is held probable
_NOISE = 2.0  # standard errors within which a loss is no worse than another


def check_memory(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a number of elements that a table may remember."""
    if type(value) is not int or not 0 <= value <= MOST_MEMORY:
        message = f"a whole number from 0 to {MOST_MEMORY}"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


def check_half_life(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a length of time above zero, the word ``chosen``, or nothing."""
    if value is not None and value != "chosen":
        positive_duration(instance, attribute, value)


def weigh_steps(
    learned: Learned, half_life: float | None, until: int = MOST_PERIODS + 1
) -> dict[Path, dict[str, float]]:
    """Sum the counts of journeys that began before a period; each half-life halves a weight."""
    last = max((period for period, _ in learned if period < until), default=0)
    found: dict[Path, dict[str, float]] = {}
    for (period, path), followers in learned.items():
        if period < until:
            mine = found.setdefault(path, {})
            weight = 1.0 if half_life is None else 2.0 ** ((period - last) / half_life)
            for name, (count, _, _) in followers.items():
                mine[name] = mine.get(name, 0.0) + weight * count
    return found


def choose_memory(learned: Learned, most: int) -> tuple[int, float | None]:
    """Choose how many elements are remembered, and the half-life of journeys, in periods.

    Each is asked of the latest fifth of the journeys, after learning from those before. The
    shortest memory, and then the longest half-life, is chosen that is not worse than the best by
    more than noise: two standard errors of the difference of their logarithmic losses,
    or 0.002 nats a step.
    """
    begun = np.zeros(PERIODS)
    for (period, path), followers in learned.items():
        if path == (START,):
            begun[period] += sum(count for count, _, _ in followers.values())
    total = begun.sum()
    later = np.cumsum(begun[::-1])[::-1]
    enough = np.flatnonzero(later >= max(_LEAST, _ASKED * total))
    cut = int(enough[-1]) if len(enough) else 0
    if not total or total - later[cut] < total / 2:  # too few journeys, or all of them at once
        return most, None
    counts, asked = _questions(learned, most, cut)
    span = float(np.flatnonzero(begun)[-1] - np.flatnonzero(begun)[0])
    losses: dict[tuple[int, float | None], Floats] = {}
    for share in _HALVINGS:
        half_life = None if share is None else share * span
        table = weigh_steps(learned, half_life, cut)
        for memory, loss in enumerate(_losses(table, asked, most)):
            losses[memory, half_life] = loss
    best = min(losses, key=lambda choice: float(losses[choice] @ counts))
    kept = [choice for choice in losses if _no_worse(losses[choice], losses[best], counts)]
    return min(kept, key=lambda choice: (choice[0], -(choice[1] or math.inf)))


def _questions(learned: Learned, most: int, cut: int) -> tuple[Floats, list[tuple[Path, str]]]:
    """Find what followed the longest paths of later journeys, and how often."""
    asked: dict[tuple[Path, str], int] = {}
    for (period, path), followers in learned.items():
        if period >= cut and (len(path) == most or (path[:1] == (START,) and len(path) < most)):
            for name, (count, _, _) in followers.items():
                asked[path, name] = asked.get((path, name), 0) + count
    return np.array(list(asked.values()), dtype=np.float64), list(asked)


def _losses(table: Counts, asked: list[tuple[Path, str]], most: int) -> Floats:
    """Compute the loss of each question, in nats, for each memory: the blend of `NextSteps`."""
    base = table.get((), {})
    totals = {path: (math.fsum(mine.values()), len(mine)) for path, mine in table.items()}
    found = np.empty((most + 1, len(asked)))
    for place, (path, name) in enumerate(asked):
        chance = 1 / len(base) if name in base else 0.0
        for length in range(most + 1):
            known = path[len(path) - length :] if length <= len(path) else None
            if known is not None and known in totals:
                total, kinds = totals[known]
                chance = (table[known].get(name, 0.0) + kinds * chance) / (total + kinds)
            found[length, place] = -math.log(max(chance, _UNSEEN))
    return found


def _no_worse(loss: Floats, best: Floats, counts: Floats) -> bool:
    """Check whether a loss exceeds another by no more than noise, or by nothing that matters."""
    gap = loss - best
    total = counts.sum()
    mean = float(gap @ counts) / total
    spread = float(np.square(gap - mean) @ counts) / total
    return bool(mean <= max(_SLIGHT, _NOISE * math.sqrt(spread / total)))
