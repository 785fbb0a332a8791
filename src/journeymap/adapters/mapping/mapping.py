"""Payload mappings as values: where the parts of a record lie in a vendor's payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from attrs import Attribute, evolve, field, fields, frozen, validators

from journeymap.adapters.mapping.field_paths import element_level, first_name, is_path, make_getter
from journeymap.adapters.reading.numbers import DecimalMark
from journeymap.adapters.reading.time_texts import parse_time, readable_formats
from journeymap.exceptions import ElementError
from journeymap.model.local_times import ClockChange, is_zone
from journeymap.model.rules import (
    as_tuple,
    each,
    identifier,
    of_type,
    one_of,
    optional_identifier,
    optional_text,
    text,
)

__all__ = ["PayloadMapping", "Pick", "PickLike", "RecordRule", "as_pick", "columns_mapping"]

Unit: TypeAlias = Literal["s", "ms", "us", "ns", "minutes", "hours", "days", "excel"]
"""What numbers of a time (since 1970) or of a duration count; ``excel``: see `TimeUnit`."""
_optional_unit = validators.optional(
    one_of("s", "ms", "us", "ns", "minutes", "hours", "days", "excel")
)


def _conditions(given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Convert the values of conditions to texts, as payloads are compared."""
    found = {}
    for path, one in dict(given).items():
        values = tuple(one) if isinstance(one, (list, tuple)) else (one,)
        if not all(isinstance(value, (str, int, float)) for value in values):
            message = "a text, a number, true or false, or a list of these is expected"
            raise ElementError("RecordRule", "when", one, message)
        found[path] = tuple(
            str(value).lower() if isinstance(value, bool) else str(value) for value in values
        )
    return found


def _texts(given: str | Sequence[str] | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else as_tuple(given)


@frozen
class Pick:
    """A place where one value lies.

    Attributes:
        path: Paths to look at; the first that has a value counts.
        default: The value without any path, or where none has one.
        names: Our names of values found; others stay, and one that is named "" is missing.
        prefix: A text put before the value.
        only: Whether values without a name count as missing.
        case: Whether the value becomes ``lower`` or ``upper``.
        unit: The unit that numbers count in, for times (since 1970) and durations.
        format: The formats of a time's text, as ``strptime`` has them.
        join: A text that joins the values of all paths into one; where one of them is missing,
            the value is (None: the first that has a value counts).
        decimal: What stands before the decimals of numbers (None: they are written plainly).
        when: Paths, and the values of which each must have one for this place to count.
        unless: Paths, and the values of which none may have one.
        minus: Paths of a number to take away; the first that has a value counts.
        currency: The currency of an amount that is found here (None: the rule's).
        negative: Whether an amount is taken from what the customer is worth, as a refund is.
        otherwise: Places to look at in turn where this one has no value, or one it cannot read.

    Raises:
        ElementError: A path is none, or there is neither a path nor a default.
    """

    path: tuple[str, ...] = field(default=(), converter=as_tuple, validator=each(str))
    default: str | None = field(default=None, validator=optional_text)
    names: dict[str, str] = field(factory=dict, converter=dict)
    prefix: str = field(default="", validator=text)
    only: bool = field(default=False, validator=of_type(bool))
    case: Literal["lower", "upper"] | None = field(
        default=None, validator=validators.optional(one_of("lower", "upper"))
    )
    unit: Unit | None = field(default=None, validator=_optional_unit)
    format: tuple[str, ...] = field(
        default=(), converter=_texts, validator=[each(str), readable_formats]
    )
    join: str | None = field(default=None, validator=optional_text)
    decimal: DecimalMark | None = field(
        default=None, validator=validators.optional(one_of(".", ","))
    )
    when: dict[str, tuple[str, ...]] = field(factory=dict, converter=_conditions)
    unless: dict[str, tuple[str, ...]] = field(factory=dict, converter=_conditions)
    minus: tuple[str, ...] = field(default=(), converter=_texts, validator=each(str))
    currency: str | None = field(default=None, validator=optional_identifier)
    negative: bool = field(default=False, validator=of_type(bool))
    otherwise: tuple[Pick, ...] = field(default=(), converter=as_tuple)

    def __attrs_post_init__(self) -> None:
        for path in (*self.path, *self.when, *self.unless, *self.minus):
            make_getter(path)
        if not self.path and self.default is None:
            raise ElementError("Pick", "path", self.path, "a path or a default is needed")
        for one in self.otherwise:
            _fit(self, _OTHERWISE, one)

    @property
    def places(self) -> tuple[Pick, ...]:
        """The place itself, then those to look at otherwise."""
        return (self, *(place for one in self.otherwise for place in one.places))

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is looked at."""
        return tuple(
            path
            for place in self.places
            for path in (*place.path, *place.when, *place.unless, *place.minus)
        )


PickLike: TypeAlias = Pick | str | Sequence["str | Pick"]
"""A pick, or its short form: a path, a plain word, or several of these to be tried in turn."""


def as_pick(given: PickLike) -> Any:
    """Make a pick of its short form: a path, a plain word, or several to be tried in turn."""
    if isinstance(given, str):
        return Pick([given]) if is_path(given) else Pick(default=given)
    if isinstance(given, (list, tuple)) and given:
        if all(isinstance(one, str) for one in given):
            return Pick(given)
        first, *others = (as_pick(one) for one in given)
        if isinstance(first, Pick):
            return evolve(first, otherwise=(*first.otherwise, *others))
    return given


def _maybe(given: PickLike | None) -> Any:
    return None if given is None else as_pick(given)


def _each_picked(given: Mapping[str, Any]) -> Any:
    return {name: as_pick(one) for name, one in dict(given).items()}


def _fit(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, Pick):
        message = "a path, a list of paths, a word or a table with 'path' is expected"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


def _fit_all(instance: Any, attribute: Attribute[Any], value: dict[str, Any]) -> None:
    for one in value.values():
        _fit(instance, attribute, one)


_OTHERWISE: Attribute[Any] = fields(Pick).otherwise


@frozen
class RecordRule:
    """A rule that makes records of one kind of payload.

    It applies where all of its conditions hold. With ``each``, every element of a list gives a
    record, and one that cannot be read is set aside by itself. Records of one payload that have
    one id are numbered in their order: the second of ``o1`` is ``o1 #2``.

    Attributes:
        at: The time, or a constant such as ``2026-03-01`` (None: it is known since ever; only
            without a touchpoint, as in a table of who is who).
        identities: The customer's identities by namespace, most reliable first.
        touchpoint: The touchpoint (None: the record has no interaction).
        aliases: Further identities, where a namespace comes twice.
        source: The source (None: the mapping's).
        when: Paths, and the values of which each must have one (``charge.*``: any that begins so).
        unless: Paths, and the values of which none may have one.
        present: Paths that must have a value.
        absent: Paths that must have none.
        optional: Whether a payload without the time of this rule is passed over, not set aside.
        each: The path of a list; ``@`` in other paths is its element. Of several, each is the
            path of a list in the element before; ``@@`` is the element around ``@``.
        id: The source's id.
        channel: The channel.
        department: The department.
        process: The process.
        product: The product.
        outcome: The outcome.
        emotion: The emotion during it.
        emotion_after: The emotion after it.
        value: The amount; one without a currency is dropped, with its reason.
        currency: Its currency.
        minor: Whether amounts are in the currency's smallest unit, such as cents.
        score: An answer to a survey question.
        score_kind: Its kind.
        low: The lowest answer of its scale, where that is not the usual one.
        high: The highest answer of its scale.
        duration: How long it took: a number, or a text such as ``01:30:00``, ``PT90M``, ``90 min``.
        end: When it ended, instead of a duration.
        referred_by: An identity of the customer who recommended the company, by namespace.
        extra: Anything else that the interaction keeps, by name.
        traits: Facts about the customer, by name.
        consents: Consents, by purpose.

    Raises:
        ElementError: A field has a value that it may not have.
    """

    at: Pick | None = field(default=None, converter=_maybe, validator=_fit)
    identities: dict[str, Pick] = field(factory=dict, converter=_each_picked, validator=_fit_all)
    touchpoint: Pick | None = field(default=None, converter=_maybe, validator=_fit)
    aliases: dict[str, Pick] = field(
        factory=dict, converter=_each_picked, validator=_fit_all, kw_only=True
    )
    source: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    when: dict[str, tuple[str, ...]] = field(factory=dict, converter=_conditions, kw_only=True)
    unless: dict[str, tuple[str, ...]] = field(factory=dict, converter=_conditions, kw_only=True)
    present: tuple[str, ...] = field(default=(), converter=_texts, kw_only=True)
    absent: tuple[str, ...] = field(default=(), converter=_texts, kw_only=True)
    optional: bool = field(default=False, validator=of_type(bool), kw_only=True)
    each: tuple[str, ...] = field(default=(), converter=_texts, kw_only=True)
    id: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    channel: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    department: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    process: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    product: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    outcome: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    emotion: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    emotion_after: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    value: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    currency: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    minor: bool = field(default=False, kw_only=True)
    score: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    score_kind: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    low: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    high: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    duration: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    end: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    referred_by: dict[str, Pick] = field(
        factory=dict, converter=_each_picked, validator=_fit_all, kw_only=True
    )
    extra: dict[str, Pick] = field(
        factory=dict, converter=_each_picked, validator=_fit_all, kw_only=True
    )
    traits: dict[str, Pick] = field(
        factory=dict, converter=_each_picked, validator=_fit_all, kw_only=True
    )
    consents: dict[str, Pick] = field(
        factory=dict, converter=_each_picked, validator=_fit_all, kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        self._check_paths()
        for name, pick in (("at", self.at), *self.identities.items(), *self.aliases.items()):
            if pick is not None and not pick.path and (name != "at" or not _is_time(pick.default)):
                message = f"{name!r} is looked for at a path, such as $.{pick.default}"
                place = "at" if name == "at" and pick is self.at else "identities"
                raise ElementError("RecordRule", place, pick.default, message)
        if self.at is None and self.touchpoint is not None:
            message = "an interaction needs its time; without one, leave out the touchpoint"
            raise ElementError("RecordRule", "at", None, message)
        if not self.identities:
            message = "'identities' is missing: at least one is needed to know whom it is about"
            raise ElementError("RecordRule", "identities", self.identities, message)
        if self.score is not None and self.score_kind is None:
            message = "say its kind: score_kind = 'nps', 'csat' or 'ces', or a path"
            raise ElementError("RecordRule", "score", "", message)
        if self.value is not None and self.currency is None:
            message = "say its currency: a path, or a code such as 'EUR'"
            raise ElementError("RecordRule", "value", "", message)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that is looked at, but for those of lists."""
        picks = [getattr(self, a.name) for a in fields(RecordRule)]
        single = [pick for pick in picks if isinstance(pick, Pick)]
        tables = [pick for pick in picks if isinstance(pick, dict)]
        named = [one for table in tables for one in table.values() if isinstance(one, Pick)]
        tested = [*self.when, *self.unless, *self.present, *self.absent]
        return (*tested, *(path for pick in (*single, *named) for path in pick.paths))

    def _check_paths(self) -> None:
        for path in (*self.when, *self.unless, *self.present, *self.absent, *self.each):
            make_getter(path)
        inside = [(len(self.each), path) for path in self.paths]
        for depth, path in (*inside, *enumerate(self.each)):
            if element_level(path) > depth:
                message = "'@' is the element of a list that 'each' names; there is none"
                raise ElementError("RecordRule", "each", path, message)


def _is_time(given: str | None) -> bool:
    try:
        return given is not None and bool(parse_time(given))
    except ValueError:
        return False


@frozen
class PayloadMapping:
    """A mapping from one vendor's payloads to records.

    Every rule that applies to a payload gives its records; a payload to which none applies is set
    aside.

    Attributes:
        id: The mapping's id.
        records: The rules.
        about: Words about it.
        source: The source that records name (left out: the id).
        rows: The path of the list of payloads in a whole document.
        timezone: The zone of times that name none (None: such payloads are set aside).
        currency: The currency of amounts that name none (None: such amounts are dropped).
        clock_change: Which instant is meant by a time that the clocks of the zone show twice or
            never, ``earlier`` or ``later`` (None: such payloads are set aside).
        touchpoints: The map's names of touchpoints that the rules find under others; ``*`` is any
            text.

    Raises:
        ElementError: A field has a value that it may not have.

    >>> mapping = PayloadMapping("shop", [RecordRule("$.at", {"email": "$.mail"}, "$.event")])
    >>> mapping.records[0].touchpoint.path
    ('$.event',)
    """

    id: str = field(validator=identifier)
    records: tuple[RecordRule, ...] = field(converter=as_tuple, validator=each(RecordRule))
    about: str = field(default="", validator=text, kw_only=True)
    source: str = field(default="", validator=text, kw_only=True)
    rows: str | None = field(default=None, kw_only=True)
    timezone: str | None = field(default=None, kw_only=True)
    currency: str | None = field(default=None, validator=optional_identifier, kw_only=True)
    clock_change: ClockChange | None = field(
        default=None, validator=validators.optional(one_of("earlier", "later")), kw_only=True
    )
    touchpoints: dict[str, str] = field(factory=dict, converter=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.rows is not None:
            make_getter(self.rows)
        if not self.source:
            object.__setattr__(self, "source", self.id)
        if not self.records:
            raise ElementError("PayloadMapping", "records", (), "at least one rule is needed")

    @timezone.validator
    def _check_zone(self, attribute: Attribute[Any], value: str | None) -> None:
        if value is not None and not is_zone(value):
            message = "an IANA zone such as 'Europe/Paris' is expected"
            raise ElementError("PayloadMapping", "timezone", value, message)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that paths look for in a payload itself, as the columns of a table."""
        found = (first_name(path) for rule in self.records for path in rule.paths)
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def with_touchpoints(self, touchpoints: Mapping[str, str]) -> PayloadMapping:
        """Give touchpoints the names that the map has for them; others stay.

        Args:
            touchpoints: The map's name of a name that the rules find.

        Returns:
            A new mapping.

        >>> mapping = PayloadMapping("shop", [RecordRule("$.at", {"email": "$.mail"}, "bought")])
        >>> mapping.with_touchpoints({"bought": "order_placed"}).touchpoints
        {'bought': 'order_placed'}
        """
        called: Any = {**self.touchpoints, **touchpoints}
        return evolve(self, touchpoints=called)

    def with_currency(self, currency: str) -> PayloadMapping:
        """Name the currency of amounts that name none themselves.

        Args:
            currency: The currency, such as ``EUR``.

        Returns:
            A new mapping.

        >>> mapping = PayloadMapping("shop", [RecordRule("$.at", {"email": "$.mail"}, "bought")])
        >>> mapping.with_currency("EUR").currency
        'EUR'
        """
        return evolve(self, currency=currency)


def columns_mapping(
    source: str,
    *,
    at: str,
    identities: dict[str, str],
    touchpoint: str | None = None,
    timezone: str | None = None,
    unit: Unit | None = None,
    rule: RecordRule | None = None,
) -> PayloadMapping:
    """Make the mapping of a flat table by the names of its columns.

    Args:
        source: The source that records name.
        at: The column of the time.
        identities: Columns by namespace, most reliable first.
        touchpoint: The column of the touchpoint.
        timezone: The zone of times that name none.
        unit: The unit of times that are numbers.
        rule: Everything else; its time, identities and touchpoint are those named here.

    Returns:
        The mapping.

    >>> mapping = columns_mapping("tickets", at="opened", identities={"email": "from"})
    >>> mapping.records[0].at.path
    ('$["opened"]',)
    """
    named = {space: Pick([_column(column)]) for space, column in identities.items()}
    time_pick = Pick([_column(at)], unit=unit)
    point = None if touchpoint is None else Pick([_column(touchpoint)])
    if rule is None:
        made = RecordRule(time_pick, named, point)
    else:
        made = evolve(rule, at=time_pick, identities=named, touchpoint=point or rule.touchpoint)
    return PayloadMapping(source, [made], timezone=timezone)


def _column(name: str) -> str:
    return f'$["{name}"]'
