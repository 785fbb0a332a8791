"""Measures: how a metric is computed, as data.

A closed family, as conditions are: who walks it (a log, a live store) ends in ``assert_never``. A
measure looks at the element that its metric belongs to.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, TypeAlias, get_args

from attrs import Attribute, field, frozen, validators

from journeymap.exceptions import ElementError
from journeymap.model.conditions import Condition, Consented, HasTrait, all_leaves, is_condition
from journeymap.model.rules import (
    as_length,
    as_tuple,
    identifier,
    maybe_length,
    of_type,
    one_of,
    positive_duration,
)
from journeymap.model.scores import ScoreName

__all__ = [
    "MEASURES",
    "TIME_UNITS",
    "AmountOf",
    "DeviationRate",
    "Dormancy",
    "Frequency",
    "MaybeMeasure",
    "Measure",
    "Rating",
    "Repurchase",
    "RetentionAfter",
    "ShareOf",
    "TimeBetween",
    "TimeIn",
    "grows_with_time",
    "is_measure",
    "is_share",
    "is_time",
]

Statistic = Literal["mean", "median", "p90", "share"]
Feeling = Literal[ScoreName, "emotion", "emotion_after"]
Counted = Literal["interactions", "journeys", "customers"]
Per = Literal["customer", "journey", "day", "week", "month"]
MoneyPer = Literal["total", "interaction", "journey", "customer"]
TIME_UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "week": 604_800.0}
"""The units of a time, in seconds."""

_length = validators.optional(positive_duration)
_flag = of_type(bool)


def _asks_interactions(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require conditions that interactions can fulfil."""
    is_condition(instance, attribute, value)
    for one in value if isinstance(value, tuple) else (value,):
        for leaf in all_leaves(one):
            if isinstance(leaf, (Consented, HasTrait)):
                message = "it is asked of a customer, in an offer; a measure is of interactions"
                raise ElementError(type(instance).__name__, attribute.name, str(leaf), message)


def _any_conditions(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value:
        _asks_interactions(instance, attribute, value)


@frozen
class Rating:
    """A score or an emotion: NPS, CSAT, CES (see `Satisfaction`), or the mean emotion.

    Attributes:
        what: ``nps``, ``csat``, ``ces``, ``emotion`` (during) or ``emotion_after``.
    """

    what: Feeling = field(validator=one_of(*get_args(Feeling)))


@frozen
class _Timed:
    """A statistic of times."""

    statistic: Statistic = field(
        default="median", validator=one_of(*get_args(Statistic)), kw_only=True
    )
    within: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )
    working_time: bool = field(default=False, validator=_flag, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if (self.statistic == "share") != (self.within is not None):
            message = "'within' goes with the statistic 'share': the share that is in time"
            raise ElementError(type(self).__name__, "within", self.within, message)


@frozen
class TimeBetween(_Timed):
    """The time from an interaction at one touchpoint to the next one at another.

    Attributes:
        start: The touchpoint from which time runs.
        end: The touchpoint with which it ends.
        statistic: ``mean``, ``median``, ``p90``, or the ``share`` that is in time.
        within: What is in time; of a share alone. What did not come counts as well; those whose
            time is not over are not counted, whether it came or not.
        working_time: Whether time is that of the calendar of the department waited for.
    """

    start: str = field(validator=identifier)
    end: str = field(validator=identifier)


@frozen
class TimeIn(_Timed):
    """The time in the element: a stay, a process from its first to its last interaction, a journey.

    Stays that have not ended, and processes and journeys of one interaction, are not counted; but
    of a share, stays that have not ended and are too long already are.

    Attributes:
        statistic: ``mean``, ``median``, ``p90``, or the ``share`` that is in time.
        within: What is in time; of a share alone. Those whose time is not over are not counted.
        working_time: Whether time is that of the calendar of the department it began with.
    """


@frozen
class ShareOf:
    """The share for which a condition holds, among those for which others hold.

    Attributes:
        holds: The condition.
        among: Conditions that must all hold of those who are counted (none: any).
        of: ``interactions``, or ``journeys`` or ``customers`` of which an interaction fulfils them.
    """

    holds: Condition = field(validator=_asks_interactions)
    among: tuple[Condition, ...] = field(
        default=(), converter=as_tuple, validator=_any_conditions, kw_only=True
    )
    of: Counted = field(default="interactions", validator=one_of(*get_args(Counted)), kw_only=True)


@frozen
class Frequency:
    """How many interactions there are for each customer, journey, or period.

    Attributes:
        where: Conditions that they must all fulfil (none: any).
        per: ``customer``, ``journey``, ``day``, ``week`` or ``month``.
    """

    where: tuple[Condition, ...] = field(
        default=(), converter=as_tuple, validator=_any_conditions, kw_only=True
    )
    per: Per = field(default="customer", validator=one_of(*get_args(Per)), kw_only=True)


@frozen
class AmountOf:
    """Money: of all interactions together, or for each.

    Attributes:
        what: ``revenue`` (amounts above zero), ``cost`` (those below, as positive numbers) or
            ``net``.
        per: ``total``, ``interaction`` (with an amount), ``journey`` or ``customer``.
        currency: The currency; amounts in others are not counted.
    """

    what: Literal["revenue", "cost", "net"] = field(validator=one_of("revenue", "cost", "net"))
    currency: str = field(validator=identifier)
    per: MoneyPer = field(default="total", validator=one_of(*get_args(MoneyPer)), kw_only=True)


@frozen
class RetentionAfter:
    """The share of customers who are back, or come later, a while after their first interaction.

    Attributes:
        after: How long after; customers who are not known for so long are not counted.
    """

    after: timedelta = field(converter=as_length, validator=positive_duration)


@frozen
class Repurchase:
    """The share of those who bought who buy once more.

    Attributes:
        touchpoint: The touchpoint of a purchase.
        within: How soon; those whose time is not over are not counted, also where they did (None:
            at any time).
    """

    touchpoint: str = field(validator=identifier)
    within: timedelta | None = field(
        default=None, converter=maybe_length, validator=_length, kw_only=True
    )


@frozen
class Dormancy:
    """The share of journeys that went dormant: churn where there is no contract to cancel."""


@frozen
class DeviationRate:
    """The share of the occurrences of a key journey that departed from its plan."""


Measure: TypeAlias = (
    Rating
    | TimeBetween
    | TimeIn
    | ShareOf
    | Frequency
    | AmountOf
    | RetentionAfter
    | Repurchase
    | Dormancy
    | DeviationRate
)
MaybeMeasure: TypeAlias = Measure | None
MEASURES: dict[str, type[Any]] = {
    "time_between": TimeBetween, "time_in": TimeIn, "share": ShareOf, "count": Frequency,
    "money": AmountOf, "retention": RetentionAfter, "repurchase": Repurchase,
}  # fmt: skip
"""The measures that a document writes as a mapping, by their keys."""


def is_measure(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a measure, or none."""
    if value is not None and not isinstance(value, get_args(Measure)):
        message = "a measure is expected, such as Rating('nps')"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


def is_time(measure: Measure | None) -> bool:
    """Check whether a measure gives a length of time."""
    return isinstance(measure, _Timed) and measure.statistic != "share"


def grows_with_time(measure: Measure | None) -> bool:
    """Check whether a measure is larger the longer customers are followed."""
    match measure:
        case Frequency():
            return measure.per in ("customer", "journey")
        case AmountOf():
            return measure.per != "interaction"
        case _:
            return isinstance(measure, Dormancy)


def is_share(measure: Measure | None) -> bool:
    """Check whether a measure gives a share."""
    match measure:
        case TimeBetween() | TimeIn():
            return measure.statistic == "share"
        case Rating():
            return measure.what == "csat"
        case ShareOf() | RetentionAfter() | Repurchase() | Dormancy() | DeviationRate():
            return True
        case _:
            return False
