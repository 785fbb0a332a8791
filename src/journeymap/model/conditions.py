"""Conditions as data: what has to happen, or to fail to happen in time.

A condition is a small tree of values. It is read from a document, checked against a map, and
written in words; nothing here looks at an interaction. The simple ones are a closed family: who
walks them (the fold, a log, the single view) ends in ``assert_never``.

>>> print(All((At("touchpoint", ("call_support",)), Between("emotion", at_most=-0.5))))
touchpoint is 'call_support' and emotion is at most -0.5
"""

from __future__ import annotations

import json
from collections import abc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal, TypeAlias, assert_never, get_args

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.durations import duration_text
from journeymap.model.rules import (
    as_length,
    as_tuple,
    finite,
    identifier,
    maybe_length,
    names,
    of_type,
    one_of,
    optional_identifier,
    positive_duration,
    to_number,
)
from journeymap.model.scores import SCORE_KINDS, ScoreName

__all__ = [
    "AT_FIELDS",
    "BETWEEN_FIELDS",
    "NESTED",
    "Absence",
    "All",
    "AnyOf",
    "At",
    "Between",
    "Condition",
    "Consented",
    "Count",
    "HasTrait",
    "Not",
    "Sequence",
    "SimpleCondition",
    "Wait",
    "all_leaves",
    "is_condition",
    "leaves",
    "mentions",
    "needs_score",
    "plain_text",
    "touchpoints_of",
    "verdict",
]

AtField = Literal[
    "touchpoint", "stage", "phase", "channel", "department", "process", "product", "outcome"
]
AT_FIELDS: tuple[AtField, ...] = get_args(AtField)
BetweenField = Literal["emotion", "emotion_after", "value", ScoreName]
BETWEEN_FIELDS: tuple[BetweenField, ...] = get_args(BetweenField)


@frozen
class At:
    """The interaction has one of some names.

    Attributes:
        what: The kind of name, such as ``touchpoint`` or ``outcome``.
        values: The names.

    Raises:
        ElementError: A field has a value that it may not have.
    """

    what: AtField = field(validator=one_of(*AT_FIELDS))
    values: tuple[str, ...] = field(converter=as_tuple, validator=names)

    def __attrs_post_init__(self) -> None:
        if not self.values:
            raise ElementError("At", "values", self.values, "at least one value is needed")

    def __str__(self) -> str:
        return f"{self.what} is " + " or ".join(repr(value) for value in self.values)


@frozen
class Between:
    """A number of the interaction lies between two bounds, both included.

    Attributes:
        what: ``emotion``, ``emotion_after``, ``value``, or a kind of score.
        at_least: The lower bound (None: open).
        at_most: The upper bound (None: open).
        currency: The currency of a ``value``.

    Raises:
        ElementError: A field has a value that it may not have.
    """

    what: BetweenField = field(validator=one_of(*BETWEEN_FIELDS))
    at_least: float | None = field(
        default=None, converter=to_number, validator=validators.optional(finite)
    )
    at_most: float | None = field(
        default=None, converter=to_number, validator=validators.optional(finite)
    )
    currency: str | None = field(default=None, validator=optional_identifier)

    def __attrs_post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ElementError("Between", "at_least", None, "'at_least' or 'at_most' is needed")
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and low > high:
            raise ElementError("Between", "at_most", high, "is below 'at_least'")
        if (self.currency is not None) != (self.what == "value"):
            raise ElementError("Between", "currency", self.currency, "goes with 'value', always")

    def __str__(self) -> str:
        low = f"at least {self.at_least:.15g}" if self.at_least is not None else ""
        high = f"at most {self.at_most:.15g}" if self.at_most is not None else ""
        bounds = " and ".join(part for part in (low, high) if part)
        return f"{self.what} is {bounds}" + (f" {self.currency}" if self.currency else "")


@frozen
class Count:
    """The customer was at a touchpoint at least so often.

    Attributes:
        touchpoint: The touchpoint.
        at_least: How often.
        within: The time over which visits are counted back (None: any).

    Raises:
        ElementError: A field has a value that it may not have.
    """

    touchpoint: str = field(validator=identifier)
    at_least: int = field(validator=of_type(int))
    within: timedelta | None = field(
        default=None, converter=maybe_length, validator=validators.optional(positive_duration)
    )

    def __attrs_post_init__(self) -> None:
        if isinstance(self.at_least, bool) or not 1 <= self.at_least < 2**53:
            raise ElementError("Count", "at_least", self.at_least, "a whole number from 1 up")

    def __str__(self) -> str:
        window = f" within {duration_text(self.within)}" if self.within else ""
        return f"{self.touchpoint!r} at least {self.at_least} times{window}"


@frozen
class Wait:
    """The interaction came long enough after the last one at a touchpoint.

    Attributes:
        since: The touchpoint.
        at_least: How long after.
    """

    since: str = field(validator=identifier)
    at_least: timedelta = field(converter=as_length, validator=positive_duration)

    def __str__(self) -> str:
        return f"at least {duration_text(self.at_least)} after {self.since!r}"


@frozen
class Absence:
    """A touchpoint did not come in time after another.

    Attributes:
        touchpoint: The touchpoint that did not come.
        after: The touchpoint after which it should have.
        within: How soon.
    """

    touchpoint: str = field(validator=identifier)
    after: str = field(validator=identifier)
    within: timedelta = field(converter=as_length, validator=positive_duration)

    def __str__(self) -> str:
        return f"no {self.touchpoint!r} within {duration_text(self.within)} after {self.after!r}"


@frozen
class Consented:
    """The customer has consented to a purpose, and has not refused it since.

    It is asked of customers, in offers; a moment is asked of interactions, which know none.

    Attributes:
        purpose: The purpose.
    """

    purpose: str = field(validator=identifier)

    def __str__(self) -> str:
        return f"consent to {self.purpose!r}"


def _texts(values: Any) -> tuple[str, ...]:
    given = values if isinstance(values, (list, tuple, set, frozenset)) else (values,)
    return tuple(dict.fromkeys(map(plain_text, given)))


def plain_text(value: Any) -> str:
    """Write a value of a trait as documents write it: ``true``, ``5``, ``gold``; others as JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return f"{value:.15g}" if isinstance(value, float) else str(value)


@frozen
class HasTrait:
    """A trait of the customer has one of some values, compared as texts.

    It is asked of customers, in offers; in a log it is asked of the column of that name.

    Attributes:
        name: The trait.
        values: The values.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> print(HasTrait("segment", ["gold", "silver"]))
    trait 'segment' is 'gold' or 'silver'
    """

    name: str = field(validator=identifier)
    values: tuple[str, ...] = field(converter=_texts, validator=names)

    def __attrs_post_init__(self) -> None:
        if not self.values:
            raise ElementError("HasTrait", "values", self.values, "at least one value is needed")

    def __str__(self) -> str:
        return f"trait {self.name!r} is " + " or ".join(repr(value) for value in self.values)


MAX_DEPTH = 12
"""Levels of nested conditions: more, no one could read."""


def _depth(condition: object) -> int:
    if isinstance(condition, (All, AnyOf)):
        return 1 + max(map(_depth, condition.conditions))
    if isinstance(condition, Sequence):
        return 1 + max(map(_depth, condition.steps))
    return 1 + _depth(condition.condition) if isinstance(condition, Not) else 0


def is_condition(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validate a condition, or several, nested no deeper than anyone could read."""
    name = type(instance).__name__
    inner = value if isinstance(value, tuple) else (value,)
    if not inner:
        raise ElementError(name, attribute.name, value, "at least one condition is needed")
    for one in inner:
        if not isinstance(one, _CONDITIONS):
            raise ElementError(name, attribute.name, one, "a condition is expected")
        if _depth(one) >= MAX_DEPTH:
            message = f"conditions nested deeper than {MAX_DEPTH} levels"
            raise ElementError(name, attribute.name, "…", message)


def _touchpoint(value: Any) -> Any:
    return At("touchpoint", (value,)) if isinstance(value, str) else value


def _touchpoints(value: Any) -> tuple[Any, ...]:
    return tuple(map(_touchpoint, as_tuple(value)))


@frozen
class All:
    """Every one of several conditions holds.

    Attributes:
        conditions: The conditions; a text is the touchpoint of that name.

    Raises:
        ElementError: There is none, or something else was given.
    """

    conditions: tuple[Condition, ...] = field(converter=_touchpoints, validator=is_condition)

    def __str__(self) -> str:
        return _joined(" and ", self.conditions)


@frozen
class AnyOf:
    """At least one of several conditions holds.

    Attributes:
        conditions: The conditions; a text is the touchpoint of that name.

    Raises:
        ElementError: There is none, or something else was given.
    """

    conditions: tuple[Condition, ...] = field(converter=_touchpoints, validator=is_condition)

    def __str__(self) -> str:
        return _joined(" or ", self.conditions)


@frozen
class Not:
    """A condition does not hold.

    Attributes:
        condition: The condition; a text is the touchpoint of that name.

    Raises:
        ElementError: Something else was given.
    """

    condition: Condition = field(converter=_touchpoint, validator=is_condition)

    def __str__(self) -> str:
        return f"not ({self.condition})"


def _are_steps(instance: Any, attribute: Attribute[Any], value: tuple[Any, ...]) -> None:
    is_condition(instance, attribute, value)
    for leaf in (leaf for step in value for leaf in leaves(step)):
        if isinstance(leaf, (Sequence, Absence, Consented)):
            message = "a step is about one interaction, or looks back from it"
            raise ElementError("Sequence", "steps", str(leaf), message)
    if all(isinstance(step, Not) for step in value):
        message = "at least one step has to come; 'Not' is what does not come between two"
        raise ElementError("Sequence", "steps", ", ".join(map(str, value)), message)


@frozen(init=False)
class Sequence:
    """Several things come one after the other, and some things do not come between them.

    A step is a touchpoint or a condition of one interaction. ``Not(…)`` is no step of its own: what
    it names comes at no interaction between the step before it and the step after it; in the first
    place, since the journey began; in the last place, until the journey ends, or until the time of
    ``within`` is over. The sequence holds of the interaction that is the last step. Of several
    interactions that could begin it, the latest counts.

    Args:
        steps: The touchpoints and conditions, in order.
        within: How much time the whole sequence may take (None: any).
        occurrence: Which of the journey's interactions that fulfil the first step may begin it:
            ``any`` of them, the ``first``, or the ``last``.
        consecutive: Nothing at all comes between two steps.

    Attributes:
        steps: The conditions, in order.
        within: How much time it may take.
        occurrence: Which first step begins it.
        consecutive: Whether steps follow each other directly.

    Raises:
        ElementError: A field has a value that it may not have, or no step has to come.

    >>> print(Sequence("cart", Not("support"), "purchase", within="7 days"))
    'cart', then no 'support', then 'purchase' (within 7 days)
    """

    steps: tuple[Condition, ...] = field(converter=_touchpoints, validator=_are_steps)
    within: timedelta | None = field(
        converter=maybe_length, validator=validators.optional(positive_duration)
    )
    occurrence: Occurrence = field(validator=one_of("any", "first", "last"))
    consecutive: bool = field(validator=of_type(bool))

    def __init__(
        self, *steps: str | Condition, within: str | timedelta | None = None,
        occurrence: Occurrence = "any", consecutive: bool = False,
    ) -> None:  # fmt: skip
        self.__attrs_init__(steps, within, occurrence, consecutive)

    def __attrs_post_init__(self) -> None:
        if self.consecutive and any(self.gaps):
            message = "between consecutive steps nothing comes: leave out the 'Not'"
            raise ElementError("Sequence", "consecutive", True, message)

    @property
    def points(self) -> tuple[Condition, ...]:
        """The steps that come, in order."""
        return tuple(step for step in self.steps if not isinstance(step, Not))

    @property
    def gaps(self) -> tuple[tuple[Condition, ...], ...]:
        """The conditions that must not hold before each of the points, and after the last."""
        found: list[tuple[Condition, ...]] = [()]
        for step in self.steps:
            if isinstance(step, Not):
                found[-1] += (step.condition,)
            else:
                found.append(())
        return tuple(found)

    def __str__(self) -> str:
        def word(step: Condition) -> str:
            if isinstance(step, Not):
                return f"no {word(step.condition)}"
            if isinstance(step, At) and step.what == "touchpoint":
                return " or ".join(map(repr, step.values))
            return f"({step})" if isinstance(step, (All, AnyOf)) else str(step)

        then = ", directly then " if self.consecutive else ", then "
        also = [] if self.occurrence == "any" else [f"the {self.occurrence} begins it"]
        also += [f"within {duration_text(self.within)}"] if self.within else []
        return then.join(map(word, self.steps)) + (f" ({', '.join(also)})" if also else "")


Occurrence = Literal["any", "first", "last"]
SimpleCondition: TypeAlias = At | Between | Count | Wait | Absence | Consented | HasTrait | Sequence
Condition: TypeAlias = SimpleCondition | All | AnyOf | Not
NESTED: dict[str, type[Count | Wait | Absence]] = {
    "count": Count, "wait": Wait, "absence": Absence,
}  # fmt: skip
"""The conditions that a document writes as a mapping under a key of their own."""


_CONDITIONS = (*get_args(SimpleCondition), All, AnyOf, Not)


def leaves(condition: Condition) -> Iterator[SimpleCondition]:
    """Give the simple conditions of a tree, from left to right."""
    match condition:
        case All() | AnyOf():
            for inner in condition.conditions:
                yield from leaves(inner)
        case Not():
            yield from leaves(condition.condition)
        case _:
            yield condition


def all_leaves(condition: Condition) -> Iterator[SimpleCondition]:
    """Give the simple conditions of a tree, and those of the steps of its sequences."""
    for leaf in leaves(condition):
        yield leaf
        if isinstance(leaf, Sequence):
            for step in leaf.steps:
                yield from all_leaves(step)


def verdict(condition: Condition, truths: abc.Sequence[bool | None]) -> bool | None:
    """Judge a condition by the truths of its simple conditions (`leaves`).

    None means that a truth is not known yet, of a simple condition and of the whole.

    >>> either = AnyOf((At("outcome", ("failed",)), Absence("help", "order", timedelta(days=1))))
    >>> verdict(either, (True, None)), verdict(either, (False, None))
    (True, None)
    """
    return _verdict(condition, iter(truths))


def _verdict(condition: Condition, truths: Iterator[bool | None]) -> bool | None:
    if isinstance(condition, Not):
        inner = _verdict(condition.condition, truths)
        return None if inner is None else not inner
    if isinstance(condition, (All, AnyOf)):
        decides = isinstance(condition, AnyOf)
        found = [_verdict(inner, truths) for inner in condition.conditions]
        return decides if decides in found else None if None in found else not decides
    return next(truths)


def needs_score(condition: Condition) -> bool:
    """Check whether only an interaction with a score can meet a condition."""
    if isinstance(condition, All):
        return any(map(needs_score, condition.conditions))
    if isinstance(condition, AnyOf):
        return all(map(needs_score, condition.conditions))
    return isinstance(condition, Between) and condition.what in SCORE_KINDS


def mentions(condition: Condition) -> Iterator[tuple[str, str]]:
    """Give the elements that a condition names, as pairs of kind and id."""
    for leaf in all_leaves(condition):
        yield from _leaf_mentions(leaf)


def _leaf_mentions(leaf: SimpleCondition) -> Iterator[tuple[str, str]]:
    match leaf:
        case At():
            if leaf.what != "outcome":  # a map may have outcomes of its own
                yield from ((leaf.what, value) for value in leaf.values)
        case Between() | Consented() | HasTrait() | Sequence():
            return
        case Count():
            yield "touchpoint", leaf.touchpoint
        case Wait():
            yield "touchpoint", leaf.since
        case Absence():
            yield "touchpoint", leaf.touchpoint
            yield "touchpoint", leaf.after
        case _:
            assert_never(leaf)


def touchpoints_of(condition: Condition) -> tuple[str, ...]:
    """List the touchpoints that a condition names, each once."""
    found = (name for kind, name in mentions(condition) if kind == "touchpoint")
    return tuple(dict.fromkeys(found))


def _joined(word: str, conditions: tuple[Condition, ...]) -> str:
    parts = (f"({c})" if isinstance(c, (All, AnyOf, Sequence)) else str(c) for c in conditions)
    return word.join(parts)
