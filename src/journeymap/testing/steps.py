"""Steps: what happens to a customer in plain words, and what a map should make of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from attrs import evolve

from journeymap.exceptions import ElementError
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap
from journeymap.model.rules import as_length
from journeymap.tracking import Explanation, MomentReached, Signal, State, Tracker
from journeymap.tracking.fold_state import utc

__all__ = ["Steps", "given"]

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
"""A Monday morning: when steps begin, unless they say otherwise."""


class Steps:
    """A customer who walks along a map step by step, and what is expected on the way.

    Each call gives the steps back, so that they read like a sentence. An expectation that is not
    met raises an AssertionError, which explains the moment condition by condition.

    Attributes:
        signals: The signals since the last interaction, or since time was last let pass.

    >>> from journeymap.model import Absence, Moment, Stage, Touchpoint
    >>> week = timedelta(days=7)
    >>> shop = JourneyMap("shop", stages=[Stage("use", "own")],
    ...                   touchpoints=[Touchpoint("delivery", "use"), Touchpoint("use", "use")],
    ...                   moments=[Moment("unused", Absence("use", "delivery", week))])
    >>> steps = given(shop).at("delivery").expect_no("unused").wait("8 days").expect("unused")
    >>> steps = given(shop).at("delivery").wait("2 days").at("use").wait("9 days").expect_none()
    """

    def __init__(self, map: JourneyMap, begin: datetime = BEGIN) -> None:  # noqa: A002
        """Begin with a customer who has done nothing yet.

        Args:
            map: The map.
            begin: The time of the first step.

        Raises:
            InteractionError: The time has no zone.
        """
        utc(begin, "Steps", "begin")
        self._tracker = Tracker(map, None)
        self._now, self._number = begin, 0
        self._state: State | None = None
        self.signals: tuple[Signal, ...] = ()

    @property
    def state(self) -> State | None:
        """The customer's state (None: nothing happened yet)."""
        return self._state

    @property
    def now(self) -> datetime:
        """The time."""
        return self._now

    def at(
        self, touchpoint: str, *, outcome: str | None = None, channel: str | None = None,
        department: str | None = None, product: str | None = None, emotion: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Self:  # fmt: skip
        """Let the customer be at a touchpoint now.

        Args:
            touchpoint: The touchpoint.
            outcome: The outcome.
            channel: The channel.
            department: The department that took it.
            product: The product it was about.
            emotion: The customer's emotion, from −1 to +1.
            extra: Anything else.

        Returns:
            The steps.

        Raises:
            UnknownName: The map has no such touchpoint.
        """
        name = self._tracker.map.recorded_names.resolve(touchpoint)
        self._tracker.map.touchpoints[name]  # an unknown one is a mistake of the test
        one = Interaction(
            "customer", touchpoint, self._now, channel=channel, department=department,
            product=product, outcome=outcome, emotion=emotion, extra=dict(extra or {}),
        )  # fmt: skip
        return self.happens(one)

    def happens(self, interaction: Interaction) -> Self:
        """Let anything happen to the customer now.

        Args:
            interaction: What happens; its customer and its time are those of the steps.

        Returns:
            The steps.

        Raises:
            ElementError: It is no interaction.
        """
        given_: object = interaction
        if not isinstance(given_, Interaction):
            message = "an Interaction is expected; at(…) takes the name of a touchpoint"
            raise ElementError("Steps", "happens", given_, message)
        self._number += 1
        one = evolve(interaction, customer="customer", at=self._now, id=f"step {self._number}")
        self._state, self.signals = self._tracker.fold(self._state, one)
        return self

    def wait(self, length: str | timedelta) -> Self:
        """Let time pass, with all that comes due meanwhile.

        Args:
            length: How much: ``"8 days"``, ``"1 h 30 min"``, or a timedelta. What is awaited until
                exactly then is still in time.

        Returns:
            The steps.

        Raises:
            ElementError: The length is none, or below zero.
        """
        passed: Any = as_length(length)
        if not isinstance(passed, timedelta) or passed < timedelta(0):
            raise ElementError("Steps", "wait", length, "a length of time is expected")
        try:  # as time passes, and not as clocks show it: they are put forward and back
            self._now = (self._now.astimezone(UTC) + passed).astimezone(self._now.tzinfo)
        except OverflowError:
            raise ElementError("Steps", "wait", length, "it ends after the year 9999") from None
        if self._state is not None:
            self._state, self.signals = self._tracker.advance(self._state, self._now)
        return self

    def expect(self, *moments: str) -> Self:
        """Check that the last step reached some moments.

        Args:
            *moments: The moments.

        Returns:
            The steps.

        Raises:
            AssertionError: One was not reached; each of its conditions is explained.
            UnknownName: The map has no such moment.
        """
        return self._check(moments, reached=True)

    def expect_no(self, *moments: str) -> Self:
        """Check that the last step did not reach some moments.

        Args:
            *moments: The moments.

        Returns:
            The steps.

        Raises:
            AssertionError: One was reached; each of its conditions is explained.
            UnknownName: The map has no such moment.
        """
        return self._check(moments, reached=False)

    def expect_none(self) -> Self:
        """Check that the last step reached no moment.

        Returns:
            The steps.

        Raises:
            AssertionError: One was reached.
        """
        return self.expect_no(*self._reached())

    def expect_stage(self, stage: str, *, lap: int | None = None) -> Self:
        """Check where the customer stands.

        Args:
            stage: The stage.
            lap: How often they have begun the loop (None: any).

        Returns:
            The steps.

        Raises:
            AssertionError: They stand elsewhere.
            UnknownName: The map has no such stage.
        """
        wanted = self._tracker.map.stages[stage].id
        here = None if self._state is None else self._state.position
        if here is None or here.stage != wanted or (lap is not None and here.lap != lap):
            where = "nowhere" if here is None else f"in {here.stage!r}, lap {here.lap}"
            raise AssertionError(f"the customer stands {where}")
        return self

    def expect_signal(self, kind: str) -> Self:
        """Check that the last step gave a signal of some kind, such as ``went dormant``.

        Args:
            kind: The kind.

        Returns:
            The steps.

        Raises:
            AssertionError: There was none.
        """
        found = [signal.kind for signal in self.signals]
        if kind not in found:
            raise AssertionError(f"no {kind!r} among the signals: {', '.join(found) or 'none'}")
        return self

    def explain(self, moment: str) -> Explanation:
        """Explain why the last interaction reached a moment, or did not.

        Args:
            moment: The moment.

        Returns:
            Each of its conditions, with what was found.

        Raises:
            AssertionError: Nothing happened yet.
            UnknownName: The map has no such moment.
        """
        if self._state is None:
            raise AssertionError("nothing happened yet")
        return self._tracker.explain(self._state, moment)

    def _check(self, moments: tuple[str, ...], *, reached: bool) -> Self:
        for moment in moments:
            if (self._tracker.map.moments[moment].id in self._reached()) != reached:
                fact = "was not reached" if reached else "was reached"
                raise AssertionError(self._message(moment, fact))
        return self

    def _reached(self) -> tuple[str, ...]:
        return tuple(one.moment for one in self.signals if isinstance(one, MomentReached))

    def _message(self, moment: str, fact: str) -> str:
        message = f"moment {moment!r} {fact} at {self._now.isoformat()}"
        return message if self._state is None else f"{message}\n{self.explain(moment)}"


def given(map: JourneyMap, begin: datetime = BEGIN) -> Steps:  # noqa: A002
    """Begin with a customer who has done nothing yet.

    Args:
        map: The map.
        begin: The time of the first step.

    Returns:
        The steps.

    Raises:
        InteractionError: The time has no zone.
    """
    return Steps(map, begin)
