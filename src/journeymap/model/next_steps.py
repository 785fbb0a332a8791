"""The table of likely next steps: learned from a log, consulted wherever a customer stands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from journeymap.exceptions import StateError

__all__ = ["END", "START", "Likely", "NextSteps"]

START, END = "(start)", "(end)"
Followers = Mapping[str, tuple[int, int, int]]
"""How often each element followed, how often it is known how long it took, and how long in all,
in microseconds."""


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

    @property
    def elements(self) -> tuple[str, ...]:
        """Everything that was ever seen to follow."""
        return tuple(sorted(self.contexts.get((), {})))

    def after(
        self, trail: Sequence[str], *, top: int | None = None, begun: bool = False
    ) -> tuple[Likely, ...]:
        """Predict the elements that come next.

        Args:
            trail: The elements so far, the latest at the end.
            top: How many to give at most (None: all).
            begun: Whether the trail is the whole of the journey so far.

        Returns:
            The elements, the most probable first; all probabilities sum to 1.
        """
        last = (START, *trail) if begun else tuple(trail)
        chances, waits, n = self._blended(last)
        order = sorted(chances, key=lambda name: (-chances[name], name))[:top]
        return tuple(Likely(name, chances[name], waits.get(name), n) for name in order)

    def _blended(self, last: tuple[str, ...]) -> tuple[dict[str, float], dict[str, float], int]:
        base = self.contexts.get((), {})
        chances = dict.fromkeys(base, 1 / len(base)) if base else {}
        waits: dict[str, float] = {}
        n = 0
        for length in range(min(self.memory, len(last)) + 1):
            followers = self.contexts.get(last[len(last) - length :])
            if followers is None:
                break  # what was never seen shorter was never seen longer
            n, kinds = sum(count for count, _, _ in followers.values()), len(followers)
            for name in chances:
                count, timed, micros = followers.get(name, (0, 0, 0))
                chances[name] = (count + kinds * chances[name]) / (n + kinds)
                if timed:
                    waits[name] = micros / timed / 1e6
        return chances, waits, n

    def to_json(self) -> str:
        """Write the table as one line of JSON.

        Returns:
            The text.
        """
        contexts = [
            [list(last), [[name, *sums] for name, sums in followers.items()]]
            for last, followers in self.contexts.items()
        ]
        return json.dumps({"by": self.by, "memory": self.memory, "contexts": contexts})

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
            data: dict[str, Any] = json.loads(text)
            contexts = {
                tuple(map(str, last)): {
                    str(name): (_natural(count, 1), _natural(timed, 0), _natural(micros, 0))
                    for name, count, timed, micros in followers
                }
                for last, followers in data["contexts"]
            }
            if not all(contexts.values()):
                raise ValueError("a context that nothing follows")
            return cls(str(data["by"]), _natural(data["memory"], 0), contexts)
        except (ValueError, TypeError, KeyError, RecursionError):
            raise StateError("this is not a table of next steps") from None

    def __repr__(self) -> str:
        return (
            f"<NextSteps by {self.by}: {len(self.contexts):,} contexts of up to {self.memory}, "
            f"{len(self.elements)} elements>"
        )


def _natural(value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{value!r} is no count")
    return value
