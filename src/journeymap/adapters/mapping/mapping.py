"""How a vendor's payload becomes records: where things lie in it, as data and not as code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import Attribute, evolve, field, frozen, validators

from journeymap.adapters.mapping.field_paths import getter, is_path
from journeymap.exceptions import ElementError
from journeymap.model.rules import as_tuple, each, identifier, one_of, text

__all__ = ["PayloadMapping", "Pick", "Picked", "RecordRule", "columns_mapping", "picked"]

Unit = Literal["s", "ms", "us", "days"]
_optional_unit = validators.optional(one_of("s", "ms", "us", "days"))


@frozen
class Pick:
    """Where one value lies.

    ``path`` are places to look, the first that has a value counts; without one, it is
    ``default``. ``names`` say what a value found is called by us (others stay; with ``only``,
    they count as missing); ``prefix`` is put before it; ``case`` makes it ``lower`` or
    ``upper``. For times and durations, ``unit`` says what numbers count, and ``format`` how a
    text is written (as ``strptime`` has it).
    """

    path: tuple[str, ...] = field(default=(), converter=as_tuple)
    default: str | None = field(default=None, validator=validators.optional(text))
    names: dict[str, str] = field(factory=dict, converter=dict)
    prefix: str = field(default="", validator=text)
    only: bool = field(default=False, validator=validators.instance_of(bool))
    case: Literal["lower", "upper"] | None = field(
        default=None, validator=validators.optional(one_of("lower", "upper"))
    )
    unit: Unit | None = field(default=None, validator=_optional_unit)
    format: str | None = field(default=None, validator=validators.optional(text))

    def __attrs_post_init__(self) -> None:
        for path in self.path:
            getter(path)
        if not self.path and self.default is None:
            raise ElementError("Pick", "path", self.path, "a path or a default is needed")


Picked: TypeAlias = Pick | str | Sequence[str]
"""A pick, or its short form: a path, several to be tried in turn, or a plain word."""


def picked(given: Picked) -> Any:
    """A pick in its short form: a path, several to be tried in turn, or a plain word."""
    if isinstance(given, str):
        return Pick([given]) if is_path(given) else Pick(default=given)
    if isinstance(given, (list, tuple)):
        return Pick(given)
    return given


def _maybe(given: Picked | None) -> Any:
    return None if given is None else picked(given)


def _each_picked(given: Mapping[str, Any]) -> Any:
    return {name: picked(one) for name, one in dict(given).items()}


def _values(given: Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    return {
        path: (one,) if isinstance(one, str) else tuple(one) for path, one in dict(given).items()
    }


def _fit(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and not isinstance(value, Pick):
        message = "a path, a list of paths, a word or a table with 'path' is expected"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


def _fit_all(instance: Any, attribute: Attribute[Any], value: dict[str, Any]) -> None:
    for one in value.values():
        _fit(instance, attribute, one)


@frozen
class RecordRule:
    """One kind of record that a payload may hold.

    It applies where each path of ``when`` has one of its values (``charge.*`` is any that begins
    so), every path of ``present`` has a value and none of ``absent``. With ``each``, the list at
    that path gives a record for each of its elements (``@`` in paths, also in those of the
    conditions). ``identities`` are by namespace, the surest first; ``aliases`` are further ones,
    where a namespace comes twice. ``source`` names another source than the mapping does.

    Without a ``touchpoint`` it tells only who somebody is, with ``traits`` and ``consents`` (by
    purpose). ``value`` with ``minor`` is in cents of its currency. ``score`` has a
    ``score_kind``, and where it is not the usual one, its scale's ``low`` and ``high``.
    """

    at: Pick = field(converter=picked, validator=_fit)
    identities: dict[str, Pick] = field(converter=_each_picked, validator=_fit_all)
    touchpoint: Pick | None = field(default=None, converter=_maybe, validator=_fit)
    aliases: dict[str, Pick] = field(
        factory=dict, converter=_each_picked, validator=_fit_all, kw_only=True
    )
    source: Pick | None = field(default=None, converter=_maybe, validator=_fit, kw_only=True)
    when: dict[str, tuple[str, ...]] = field(factory=dict, converter=_values, kw_only=True)
    present: tuple[str, ...] = field(default=(), converter=as_tuple, kw_only=True)
    absent: tuple[str, ...] = field(default=(), converter=as_tuple, kw_only=True)
    each: str | None = field(default=None, kw_only=True)
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
        paths = [*self.when, *self.present, *self.absent, *([self.each] if self.each else [])]
        for path in paths:
            getter(path)
        inner = [path for path in paths if path.startswith("@")]
        if inner and self.each is None:
            message = "'@' is the element of a list that 'each' names; there is none"
            raise ElementError("RecordRule", "each", inner[0], message)
        for name, pick in (("at", self.at), *self.identities.items(), *self.aliases.items()):
            if not pick.path:
                message = f"{name!r} is looked for at a path, such as $.{pick.default}"
                raise ElementError("RecordRule", "identities", pick.default, message)
        if not self.identities:
            message = "at least one is needed to know whom it is about"
            raise ElementError("RecordRule", "identities", self.identities, message)
        if self.score is not None and self.score_kind is None:
            message = "say its kind: score_kind = 'nps', 'csat' or 'ces', or a path"
            raise ElementError("RecordRule", "score", "", message)
        if self.value is not None and self.currency is None:
            message = "say its currency: a path, or a code such as 'EUR'"
            raise ElementError("RecordRule", "value", "", message)


@frozen
class PayloadMapping:
    """Where in one vendor's payload the customer, the touchpoint, the time and the rest lie.

    Every rule in ``records`` that applies to a payload gives its records; a payload to which
    none applies is set aside. ``rows`` is where the list of payloads lies in a whole document.
    ``timezone`` is the zone of times that name none (without it such payloads are set aside).
    ``source`` is what records name as their source (as ``id``, unless it is given);
    ``touchpoints`` is what the map calls those that the rules find under other names.

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
    touchpoints: dict[str, str] = field(factory=dict, converter=dict, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.rows is not None:
            getter(self.rows)
        if not self.source:
            object.__setattr__(self, "source", self.id)
        if not self.records:
            raise ElementError("PayloadMapping", "records", (), "at least one rule is needed")

    @timezone.validator
    def _check_zone(self, attribute: Attribute[Any], value: str | None) -> None:
        try:
            if value is not None:
                ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = "an IANA zone such as 'Europe/Paris' is expected"
            raise ElementError("PayloadMapping", "timezone", value, message) from None

    def calling(self, touchpoints: Mapping[str, str]) -> PayloadMapping:
        """The mapping with touchpoints called as the map has them; others stay.

        >>> mapping = PayloadMapping("shop", [RecordRule("$.at", {"email": "$.mail"}, "bought")])
        >>> mapping.calling({"bought": "order_placed"}).touchpoints
        {'bought': 'order_placed'}
        """
        called: Any = {**self.touchpoints, **touchpoints}
        return evolve(self, touchpoints=called)


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
    """The mapping of a flat table by the names of its columns.

    ``identities`` are columns by namespace, the surest first. What else a column holds is told by
    ``rule``, whose time, identities and touchpoint are then those named here.

    >>> mapping = columns_mapping("tickets", at="opened", identities={"email": "from"})
    >>> mapping.records[0].at.path
    ('$["opened"]',)
    """
    named = {space: Pick([_column(column)]) for space, column in identities.items()}
    moment = Pick([_column(at)], unit=unit)
    point = None if touchpoint is None else Pick([_column(touchpoint)])
    if rule is None:
        made = RecordRule(moment, named, point)
    else:
        made = evolve(rule, at=moment, identities=named, touchpoint=point or rule.touchpoint)
    return PayloadMapping(source, [made], timezone=timezone)


def _column(name: str) -> str:
    return f'$["{name}"]'
