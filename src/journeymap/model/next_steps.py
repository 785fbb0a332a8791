"""The table of likely next steps: learned from a log, consulted wherever a customer stands."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from attrs import field, frozen

from journeymap.exceptions import ElementError, StateError
from journeymap.model.rules import as_length

__all__ = ["END", "START", "Likely", "NextSteps", "Waits", "read_count", "wait_class"]

START, END = "(start)", "(end)"
Followers: TypeAlias = Mapping[str, tuple[int, int, int]]
"""How often each element followed, how often it is known how long it took, and how long in all,
in microseconds."""
Waits: TypeAlias = Mapping[str, Mapping[str, Mapping[int, int]]]
"""How many waits from one element to the next fell in each class (see `wait_class`)."""


@frozen
class Likely:
    """An element that may come next.

    Attributes:
        element: The element, or ``(end)`` for nothing more.
        probability: How probable it is, from 0 to 1.
        wait: The mean wait until it comes, in seconds (None: not known).
        n: How many journeys that knowledge comes from.
    """

    element: str
    probability: float
    wait: float | None
    n: int


@frozen(repr=False)
class NextSteps:
    """A table of the steps that follow each path of elements.

    Where a longer memory knows little, a shorter one is mixed in: the interpolation of Witten and
    Bell (1991), in which the weight of a path is n / (n + number of distinct followers).

    Attributes:
        by: The level of the elements.
        memory: The longest path, in elements.
        contexts: The followers of each path, with count, how many have a wait, and their sum in
            microseconds.
        weights: The counts of followers, in which later journeys weigh more (None: all alike).
        waits: The waits from each element to those that followed, by class.

    Raises:
        ElementError: The table is none that `NextStep` learns.

    >>> anything = {"a": (2, 0, 0), "b": (3, 0, 0), "(end)": (2, 0, 0)}
    >>> table = NextSteps("touchpoint", 1, {(): anything, ("a",): {"b": (2, 2, 8_000_000)}})
    >>> [(one.element, round(one.probability, 2), one.wait) for one in table.after(["a"], top=2)]
    [('b', 0.8, 4.0), ('(end)', 0.1, None)]
    """

    by: str
    memory: int
    contexts: Mapping[tuple[str, ...], Followers] = field(repr=False)
    weights: Mapping[tuple[str, ...], Mapping[str, float]] | None = field(
        default=None, repr=False, kw_only=True
    )
    waits: Waits = field(factory=dict, repr=False, kw_only=True)

    @property
    def elements(self) -> tuple[str, ...]:
        """Everything that was ever seen to follow."""
        return tuple(sorted(self.contexts.get((), {})))

    def after(
        self,
        trail: Sequence[str],
        *,
        top: int | None = None,
        begun: bool = False,
        waited: timedelta | str | None = None,
    ) -> tuple[Likely, ...]:
        """Predict the elements that come next.

        Args:
            trail: The elements so far, the latest at the end.
            top: How many to give at most (None: all).
            begun: Whether the trail is the whole of the journey so far.
            waited: How long nothing has come since the latest (None: that is not considered).
                What used to come sooner becomes less probable, and the end more.

        Returns:
            The elements, the most probable first; all probabilities sum to 1.

        Raises:
            ElementError: ``waited`` is below zero.
        """
        last = (START, *trail) if begun else tuple(trail)
        chances, waits, n = self._blended(last)
        if waited is not None:
            length: Any = as_length(waited)
            if not isinstance(length, timedelta):
                message = "a length of time is expected, such as '3 days'"
                raise ElementError("NextSteps", "waited", waited, message)
            micros = length // timedelta(microseconds=1)
            if micros < 0:
                raise ElementError("NextSteps", "waited", waited, "a wait is not below zero")
            chances, waits = self._after_wait(last[-1:], chances, micros)
        order = sorted(chances, key=lambda name: (-chances[name], name))[:top]
        return tuple(Likely(name, chances[name], waits.get(name), n) for name in order)

    def _blended(self, last: tuple[str, ...]) -> tuple[dict[str, float], dict[str, float], int]:
        base = self.contexts.get((), {})
        chances = dict.fromkeys(base, 1 / len(base)) if base else {}
        waits: dict[str, float] = {}
        n = 0
        for length in range(min(self.memory, len(last)) + 1):
            path = last[len(last) - length :]
            followers = self.contexts.get(path)
            if followers is None:
                break  # what was never seen shorter was never seen longer
            n, kinds = sum(count for count, _, _ in followers.values()), len(followers)
            counts: Mapping[str, float] = {name: one[0] for name, one in followers.items()}
            if self.weights is not None:
                counts = self.weights[path]
            total = math.fsum(counts.values()) + kinds
            for name in chances:
                chances[name] = (counts.get(name, 0) + kinds * chances[name]) / total
            for name, (_, timed, micros) in followers.items():
                if timed:
                    waits[name] = micros / timed / 1e6
        return chances, waits, n

    def _after_wait(
        self, last: tuple[str, ...], chances: dict[str, float], micros: int
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Weigh each element by the share of its waits that were longer (Bayes)."""
        known = self.waits.get(last[0], {}) if last else {}
        left: dict[str, float] = {}
        for name, chance in chances.items():
            share, rest = _longer(known.get(name, {}), micros)
            chances[name] = chance if name == END else chance * share
            if rest is not None:
                left[name] = rest
        total = math.fsum(chances.values())
        return {name: chance / total for name, chance in chances.items()}, left

    def to_json(self) -> str:
        """Write the table as one line of JSON.

        Returns:
            The text.
        """
        contexts = [
            [list(last), [[name, *sums] for name, sums in followers.items()]]
            for last, followers in self.contexts.items()
        ]
        data: dict[str, Any] = {"by": self.by, "memory": self.memory, "contexts": contexts}
        if self.weights is not None:
            data["weights"] = [[list(last), [*mine.items()]] for last, mine in self.weights.items()]
        data["waits"] = [
            [last, [[name, [*counts.items()]] for name, counts in mine.items()]]
            for last, mine in self.waits.items()
        ]
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str) -> NextSteps:
        """Read a table.

        Args:
            text: What ``to_json`` wrote.

        Returns:
            The table.

        Raises:
            StateError: The text is no table.
        """
        try:
            return cls(**_read_table(json.loads(text)))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise StateError("this is not a table of next steps") from None

    def __repr__(self) -> str:
        return (
            f"<NextSteps by {self.by}: {len(self.contexts):,} contexts of up to {self.memory}, "
            f"{len(self.elements)} elements>"
        )


def wait_class(micros: int) -> int:
    """Find the class of a wait in microseconds: two for each doubling; 0 for no wait.

    >>> wait_class(0), wait_class(1), wait_class(1_000_000)
    (0, 1, 40)
    """
    return 0 if micros <= 0 else 1 + math.floor(2 * math.log2(micros))


def _longer(counts: Mapping[int, int], micros: int) -> tuple[float, float | None]:
    """Compute the share of waits that are longer, and how much longer, in seconds, on average.

    Within a class they are spread evenly. Half a longer wait is added, so that nothing is
    impossible because it was not seen.
    """
    more = rest = 0.0
    for number, count in counts.items():
        low, high = (0.0, 0.0) if not number else (2 ** ((number - 1) / 2), 2 ** (number / 2))
        from_ = max(low, micros)
        if not number and not micros:
            more += count
        elif high > from_:
            part = count * (high - from_) / (high - low)
            more += part
            rest += part * ((from_ + high) / 2 - micros)
    n = sum(counts.values())
    return (more + 0.5) / (n + 0.5), rest / more / 1e6 if more else None


def _read_table(data: Mapping[str, Any]) -> dict[str, Any]:
    contexts = {
        tuple(map(str, last)): {
            str(name): (read_count(count, 1), read_count(timed, 0), read_count(micros, 0))
            for name, count, timed, micros in followers
        }
        for last, followers in data["contexts"]
    }
    if not all(contexts.values()):
        raise ValueError("a context that nothing follows")
    weights = None
    if data.get("weights") is not None:
        weights = {
            tuple(map(str, last)): {str(name): _weight(one) for name, one in mine}
            for last, mine in data["weights"]
        }
        if {last: set(mine) for last, mine in weights.items()} != {
            last: set(mine) for last, mine in contexts.items()
        }:
            raise ValueError("weights of other contexts")
    waits = {
        str(last): {
            str(name): {read_count(number, 0): read_count(count, 1) for number, count in counts}
            for name, counts in mine
        }
        for last, mine in data.get("waits", ())
    }
    return {"by": str(data["by"]), "memory": read_count(data["memory"], 0), "contexts": contexts,
            "weights": weights, "waits": waits}  # fmt: skip


def read_count(value: Any, least: int = 0) -> int:
    """Read a count of a table; raise ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{value!r} is no count")
    return value


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"{value!r} is no weight")
    return float(value)
