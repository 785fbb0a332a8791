"""Rules by which touches earn the credit of conversions, from paths and how often each was walked.

A path is the elements that were met before a conversion, in order; one without a conversion counts
where a rule compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

__all__ = [
    "Credits",
    "MarkovChain",
    "Path",
    "Walked",
    "credit_by_place",
    "credit_by_set",
    "shapley",
]

_SOLVED = 400  # states up to which the equations are solved; of more, walks are followed
_LEFT, _STEPS = 1e-15, 2000  # the share of walks that is followed no further, and how far
_DENSE = 3000  # states up to which the equations are solved as a full matrix

Path: TypeAlias = tuple[str, ...]
Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Walked: TypeAlias = "Mapping[Path, Floats]"
"""Of each path: the conversions, the times it led to none, and the amounts, group by group."""
Credits: TypeAlias = "dict[str, Floats]"
"""Of each element: the conversions and the amounts that it earns, group by group."""


def credit_by_place(walked: Walked, rule: str) -> Credits:
    """Credit touches by their places: the first, the last, all alike, or 40-20-40."""
    found: Credits = {}
    for path in sorted(walked):
        earned = walked[path][[0, 2]]
        for name, share in zip(path, _weights(len(path), rule), strict=True):
            found[name] = found.get(name, 0.0) + earned * share
    return found


def _weights(size: int, rule: str) -> list[float]:
    if rule == "first":
        return [1.0, *[0.0] * (size - 1)]
    if rule == "last":
        return [*[0.0] * (size - 1), 1.0]
    if rule == "linear" or size == 1:
        return [1 / size] * size
    if size == 2:
        return [0.5, 0.5]
    return [0.4, *[0.2 / (size - 2)] * (size - 2), 0.4]


def credit_by_set(walked: Walked) -> Credits:
    """Credit elements by Shapley's value: a set of them is worth what paths of it alone brought.

    Such a game is a sum of games that all of a path's elements win together, so that each earns
    an equal part, exactly, however many there are.
    """
    found: Credits = {}
    for path in sorted(walked):
        members = sorted(set(path))
        earned = walked[path][[0, 2]] / len(members)
        for name in members:
            found[name] = found.get(name, 0.0) + earned
    return found


class MarkovChain:
    """A chain of touches that remembers some of them, with its moves counted group by group.

    The removal effect of an element is the share of conversions that are lost when whoever comes
    to it is lost (Anderl, Becker, von Wangenheim and Schumann 2016); the chain is solved exactly.
    """

    def __init__(self, walked: Walked, order: int, *, null_paths: bool) -> None:
        moves: dict[tuple[Path, Path], Floats] = {}
        ends: dict[Path, Floats] = {}
        states: dict[Path, int] = {(): 0}
        total: Any = 0.0
        for path in sorted(walked):
            conversions, lost, _ = numbers = walked[path]
            total = total + numbers[[0, 2]]
            walks = conversions + lost if null_paths else conversions
            at: Path = ()
            for name in path:
                to = (*at, name)[-order:]
                states.setdefault(to, len(states))
                moves[at, to] = moves.get((at, to), 0.0) + walks
                at = to
            ends[at] = ends.get(at, 0.0) + np.stack([conversions, walks])
        self.names = sorted({name for path in walked for name in path})
        self._total = total
        self._last = np.array([state[-1] if state else "" for state in states], dtype=object)
        self._from = np.array([states[one] for one, _ in moves], dtype=np.int64)
        self._to = np.array([states[to] for _, to in moves], dtype=np.int64)
        self._moves = np.array(list(moves.values()))
        self._ends = np.zeros((len(states), 2, total.shape[1]))
        for state, number in ends.items():
            self._ends[states[state]] = number

    def credit(self, groups: list[int]) -> dict[str, tuple[float, float]]:
        """Credit elements by the conversions and amounts of some groups."""
        conversions, amounts = self._total[:, groups].sum(axis=1).tolist()
        if not conversions:
            return dict.fromkeys(self.names, (0.0, 0.0))
        ends = self._ends[:, :, groups].sum(axis=2)
        moves, size = self._moves[:, groups].sum(axis=1), len(ends)
        out = np.bincount(self._from, moves, size) + ends[:, 1]
        out = np.maximum(out, 1e-300)  # a state that no one came to
        chances = moves / out[self._from]
        kept = self._last[:, None] != np.array([None, *self.names], dtype=object)
        chain = sparse.csr_matrix((chances, (self._from, self._to)), shape=(size, size))
        won = ends[:, 0] / out
        found = None if size <= _SOLVED else _reach_by_walking(chain, won, kept)
        if found is None:
            found = _reach_by_solving(chain, won, kept)
        whole, *without = found.tolist()
        effects = {
            name: max(0.0, 1 - one / whole) for name, one in zip(self.names, without, strict=True)
        }
        together = sum(effects.values())
        return {
            name: (conversions * effect / together, amounts * effect / together + 0.0)  # no -0
            for name, effect in effects.items()
        }


def _reach_by_solving(chain: Any, won: Floats, kept: Any) -> Floats:
    """Compute how probable an end is from the first state, for each set of states kept."""
    if len(won) <= _DENSE:
        dense, eye = chain.toarray(), np.eye(len(won))
        return np.array([np.linalg.solve(eye - dense * some[None, :], won)[0] for some in kept.T])
    found = []
    for some in kept.T:
        system = sparse.eye_array(len(won)) - chain @ sparse.diags_array(some.astype(np.float64))
        found.append(spsolve(system.tocsc(), won)[0])
    return np.array(found)


def _reach_by_walking(chain: Any, won: Floats, kept: Any) -> Floats | None:
    """Compute the same for many states: by walking on until hardly any walk is left.

    None where walks do not end soon.
    """
    # To stay is to go on from there a little later.
    stays = np.minimum(chain.diagonal(), 1 - 1e-15)
    chain = sparse.diags_array(1 / (1 - stays)) @ (chain - sparse.diags_array(chain.diagonal()))
    won = won / (1 - stays)
    there = np.zeros(kept.shape)
    there[0] = 1.0
    found = np.zeros(kept.shape[1])
    back = chain.T.tocsr()
    for _ in range(_STEPS):
        found += won @ there
        there = (back @ there) * kept
        if float(there.sum(axis=0).max()) <= _LEFT:
            return found
    return None


def shapley(worth: Mapping[frozenset[str], float], players: Sequence[str]) -> dict[str, float]:
    """Compute Shapley's value of each player from what each set of them is worth (Shapley 1953).

    >>> worth = {"A": 7, "B": 6, "C": 4, "AB": 15, "AC": 7, "BC": 9, "ABC": 19}
    >>> found = shapley({frozenset(name): value for name, value in worth.items()}, "ABC")
    >>> {name: round(6 * value) for name, value in found.items()}
    {'A': 46, 'B': 49, 'C': 19}
    """
    size = len(players)
    found = dict.fromkeys(players, 0.0)
    for name in players:
        others = [one for one in players if one != name]
        for count in range(size):
            weight = factorial(count) * factorial(size - count - 1) / factorial(size)
            for chosen in combinations(others, count):
                before, after = frozenset(chosen), frozenset((*chosen, name))
                found[name] += weight * (worth.get(after, 0.0) - worth.get(before, 0.0))
    return found
