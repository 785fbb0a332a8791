"""The single view: everything known of one customer, from all systems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar, runtime_checkable
from zoneinfo import ZoneInfo

from attrs import evolve, field, frozen

from journeymap.exceptions import IdentityError
from journeymap.identity.gathering import deduplicate_facts
from journeymap.interactions import Consent, Identity, Interaction, Money, Score, Trait
from journeymap.interactions.codec import encoded, interaction_data
from journeymap.model import BuyingModel, JourneyMap, Likely, NextSteps, Worth, display
from journeymap.model.conditions import plain_text
from journeymap.profile.front_line import find_unanswered, follow_owed
from journeymap.profile.rules import ProfileRules
from journeymap.tracking.state import OpenKeyJourney, Position, ProductPosition, State
from journeymap.tracking.tracker import Tracker

__all__ = ["Customer", "OpenMoment", "Recorded"]

T = TypeVar("T")


@runtime_checkable
class Recorded(Protocol):
    """Anything that has the interactions of a customer: a live store, a log, gathered records."""

    def history(self, customer: str) -> Iterable[Interaction]:
        """List the interactions of one customer.

        Args:
            customer: Any name by which the recorder knows the customer.

        Returns:
            The interactions.
        """
        ...


@runtime_checkable
class _Known(Protocol):
    def facts(self, customer: str) -> Iterable[Trait | Consent]: ...


@runtime_checkable
class _Following(Protocol):
    def state(self, customer: str) -> State | None: ...


@frozen
class OpenMoment:
    """A moment of truth with a deadline that was reached, and that its owner has to answer.

    It waits until the owner takes an interaction of the customer, also when the deadline is over.

    Attributes:
        moment: The moment's id.
        owner: The department that owns it.
        action: What it should do.
        due: By when.
    """

    moment: str
    owner: str | None
    action: str
    due: datetime


@frozen(repr=False)
class Customer:
    """One customer, as all systems together know them.

    Attributes:
        id: The customer's id.
        as_of: The time of the view (None: the latest that is known; see `of`).
        purpose: The purpose of the view (None: none was given).
        identities: The identities by which they are known.
        traits: The facts that count, each with its source and time.
        consents: The last consent to each purpose.
        position: Where they stand.
        products: Where their journeys with each product stand.
        journey: Their interactions, in the order of time.
        key_journeys: The key journeys they are on.
        moments: The moments of truth that wait for an answer.
        scores: Their last answer of each kind.
        emotion: Their mean emotion, from −1 to +1.
        value: Their value in each currency.
        likely: Their likely next steps.
        worth: What is expected of them, by what they bought.
        withheld: What the purpose does not allow to be shown.
        personal: The names of the traits that pictures and pages hide.
        map: The map.
    """

    id: str
    as_of: datetime | None
    purpose: str | None = None
    identities: tuple[Identity, ...] = ()
    traits: tuple[Trait, ...] = ()
    consents: tuple[Consent, ...] = ()
    position: Position | None = None
    products: tuple[ProductPosition, ...] = ()
    journey: tuple[Interaction, ...] = ()
    key_journeys: tuple[OpenKeyJourney, ...] = ()
    moments: tuple[OpenMoment, ...] = ()
    scores: tuple[Score, ...] = ()
    emotion: float | None = None
    value: tuple[Money, ...] = ()
    likely: tuple[Likely, ...] = ()
    worth: Worth | None = None
    withheld: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    map: JourneyMap | None = field(default=None, eq=False)

    @classmethod
    def of(
        cls,
        customer: str,
        *recorded: Recorded,
        map: JourneyMap | None = None,  # noqa: A002
        rules: ProfileRules | None = None,
        likely: NextSteps | None = None,
        worth: BuyingModel | None = None,
        as_of: datetime | None = None,
        purpose: str | None = None,
    ) -> Customer:
        """Make the view of a customer from whatever has recorded them.

        An interaction that several have recorded counts once. Facts and identities come from all
        that have any.

        Args:
            customer: Any id that the customer ever had.
            *recorded: Live stores, logs or gathered records.
            map: The map (None: that of the first recorder that has one).
            rules: The rules of traits, consents and purposes.
            likely: A table that predicts the next step.
            worth: A model of repeat buying that `LifetimeValue` learned (``answer.model``).
            as_of: The time of the view (None: up to when a live store has followed the customer; of
                logs, that of the customer's last interaction).
            purpose: The purpose of the view.

        Returns:
            The view.

        Raises:
            IdentityError: Nothing is known of the customer.
            UnknownName: The rules do not know the purpose.
        """
        rules = rules or ProfileRules()
        journey = map or next(
            (m for one in recorded if (m := getattr(one, "map", None)) is not None), None
        )
        whole = _gather(customer, recorded, journey, as_of)
        # What they allow today decides, whatever time is looked at.
        allowed = purpose is None or rules.allows(purpose, whole.consents)
        consents = rules.latest_consents(
            one for one in whole.consents if not _is_after(one.at, as_of)
        )
        if not allowed:
            return cls(whole.id, as_of, purpose, consents=consents, withheld=_WITHHELD)
        known = rules.choose_traits(whole.traits, purpose)
        hidden = sorted({one.name for one in whole.traits} - {one.name for one in known})
        view = cls(whole.id, as_of, purpose, whole.identities, known, consents,
                   withheld=tuple(f"trait {name}" for name in hidden),
                   personal=tuple(one.name for one in known if rules.is_personal(one.name)),
                   map=journey)  # fmt: skip
        if worth is not None:
            view = evolve(view, worth=_worth_of(worth, whole.history, as_of))
        clock = as_of or _latest_clock(whole.id, recorded)
        return _with_position(view, whole.history, journey, likely, clock)

    @property
    def satisfaction(self) -> dict[str, float]:
        """The last answer of each kind of survey, on its scale."""
        return {one.kind: one.value for one in self.scores}

    def to_dict(self) -> dict[str, Any]:
        """Convert the view to plain data, personal values included.

        Returns:
            The data.
        """
        data: dict[str, Any] = {
            "id": self.id, "as_of": _time_text(self.as_of), "purpose": self.purpose,
            "identities": [[one.namespace, one.value] for one in self.identities],
            "traits": {
                one.name: {"value": one.value, "source": one.source, "at": _time_text(one.at)}
                for one in self.traits
            },
            "consents": {
                one.purpose: {"given": one.given, "source": one.source, "at": _time_text(one.at)}
                for one in self.consents
            },
            "journey": [interaction_data(one) for one in self.journey],
        }  # fmt: skip
        for name in ("position", "products", "key_journeys", "moments", "scores", "emotion",
                     "value", "likely", "worth", "withheld"):  # fmt: skip
            data[name] = _plain(getattr(self, name))
        return data

    def to_json(self) -> str:
        """Write the view as one line of JSON, personal values included.

        Returns:
            The text.
        """
        return encoded(self.to_dict())

    def __repr__(self) -> str:
        if self.withheld and self.withheld == _WITHHELD:
            return f"<Customer {self.id}: withheld, no consent to {self.purpose}>"
        where = "not seen yet"
        if self.position is not None:
            where = f"in {self.position.stage!r}, lap {self.position.lap}"
        known = f"{len(self.identities)} identities, {len(self.traits)} traits"
        return f"<Customer {self.id}: {where}, {len(self.journey)} interactions, {known}>"

    def _repr_html_(self) -> str | None:
        return display.picture(self)


_WITHHELD = ("identities", "traits", "position", "products", "journey", "key_journeys", "moments",
             "scores", "emotion", "value", "likely", "worth")  # fmt: skip


@frozen
class _Gathered:
    """Everything that all sources know about one customer."""

    id: str
    history: tuple[Interaction, ...]
    identities: tuple[Identity, ...]
    traits: tuple[Trait, ...]
    consents: tuple[Consent, ...]


def _gather(
    customer: str, recorded: tuple[Recorded, ...], journey: JourneyMap | None,
    as_of: datetime | None,
) -> _Gathered:  # fmt: skip
    """Combine what all recorders know about one customer."""
    names, identities = _names(customer, recorded)
    histories = [
        [
            _as(one, names[0], journey)
            for one in _history(each, names)
            if not _is_after(one.at, as_of)
        ]
        for each in recorded
    ]
    facts = deduplicate_facts(
        fact for each in recorded if isinstance(each, _Known)
        for fact in _ask(each.facts, each, names)
    )  # fmt: skip
    if not any(histories) and not facts and not identities:
        raise IdentityError(customer, "nothing is known of this customer")
    return _Gathered(
        names[0], _merge_histories(histories), identities,
        tuple(one for one in facts if isinstance(one, Trait) and not _is_after(one.at, as_of)),
        tuple(one for one in facts if isinstance(one, Consent)),
    )  # fmt: skip


def _names(
    customer: str, recorded: tuple[Recorded, ...]
) -> tuple[tuple[str, ...], tuple[Identity, ...]]:
    """Find the ids that a customer has and had, and the identities that all know."""
    names: dict[str, None] = {}
    identities: dict[Identity, None] = {}
    for one in recorded:
        known = getattr(one, "identities", None)
        if known is not None:
            try:
                names[known.current(customer)] = None
            except IdentityError:
                continue
            mine = known.identities_of(customer)
            identities |= dict.fromkeys(mine)
            names |= {known.first_id(identity): None for identity in mine}
    return (*dict.fromkeys([*names, customer]),), tuple(identities)


def _history(one: Recorded, names: tuple[str, ...]) -> Iterable[Interaction]:
    return _ask(one.history, one, names)


def _ask(ask: Callable[[str], Iterable[T]], one: Recorded, names: tuple[str, ...]) -> list[T]:
    """Ask a recorder by the name that it knows, or by all that it may have used."""
    known: Any = getattr(one, "identities", None)
    for name in names if known is not None else ():
        try:
            known.current(name)
        except IdentityError:
            continue
        return list(ask(name))
    found: list[T] = []
    for name in names:
        try:
            found += ask(name)
        except IdentityError:  # it knows nobody of this name
            continue
    return found


def _as(one: Interaction, customer: str, journey: JourneyMap | None) -> Interaction:
    """Give an interaction the customer's name, and the map's name of its touchpoint."""
    name = one.touchpoint if journey is None else journey.recorded_names.resolve(one.touchpoint)
    if one.customer == customer and one.touchpoint == name:
        return one
    return evolve(one, customer=customer, touchpoint=name)


def _is_after(at: datetime, as_of: datetime | None) -> bool:
    return as_of is not None and at.astimezone(UTC) > as_of.astimezone(UTC)


def _merge_histories(histories: list[list[Interaction]]) -> tuple[Interaction, ...]:
    """Merge histories; what several have recorded counts as often as in the longest one."""
    kept: list[Interaction] = []
    counted: Counter[object] = Counter()
    carried = [
        {name for one in history for name, _ in one.extra} for history in histories if history
    ]
    shared = set.intersection(*carried) if carried else set()
    for history in histories:
        mine: Counter[object] = Counter()
        for one in history:
            extra = tuple((name, plain_text(value)) for name, value in one.extra if name in shared)
            key = (_key(one), extra)
            mine[key] += 1
            if mine[key] > counted[key]:
                kept.append(one)
        counted |= mine
    return tuple(sorted(kept, key=lambda one: one.at.astimezone(UTC)))


def _key(one: Interaction) -> object:
    """Make the key by which two recorders' interactions are equal, whatever the map fills in."""
    return (
        one.at.astimezone(UTC), one.touchpoint, one.source, one.product, one.outcome,
        _rounded(one.emotion), _rounded(one.score.value if one.score is not None else None),
        one.value and (_rounded(one.value.amount), one.value.currency),
    )  # fmt: skip


def _rounded(number: float | Decimal | None) -> int | None:
    return None if number is None else round(number * 10_000)


def _with_position(
    view: Customer, history: tuple[Interaction, ...], journey: JourneyMap | None,
    likely: NextSteps | None, clock: datetime | None,
) -> Customer:  # fmt: skip
    """Add to a view what follows from the journey along the map."""
    felt = [one.emotion for one in history if one.emotion is not None]
    view = evolve(
        view, journey=tuple(_fill_in(one, journey) for one in history),
        emotion=sum(felt) / len(felt) if felt else None,
    )  # fmt: skip
    if not history:
        return view
    tracker = Tracker(journey or JourneyMap("none"), None)
    last = history[-1].at.astimezone(UTC)
    now = last if clock is None else max(last, clock.astimezone(UTC))
    state, owed = follow_owed(tracker, list(history), now)
    return evolve(
        view,
        position=state.position,
        products=tuple(state.products.values()),
        key_journeys=state.key_journeys,
        moments=tuple(
            OpenMoment(one.name, one.owner, one.action, one.due)
            for one in find_unanswered(owed, now)
        ),
        scores=tuple(state.scores.values()),
        value=state.value,
        likely=state.likely_next(likely, now=view.as_of) if likely is not None else (),
    )


def _worth_of(
    model: BuyingModel, history: tuple[Interaction, ...], as_of: datetime | None
) -> Worth | None:  # fmt: skip
    """Ask the model of the days on which a customer purchased, and of what they paid."""
    zone = ZoneInfo(model.zone)
    days: set[date] = set()
    paid: dict[date, Decimal] = {}  # on days of which any amount is known
    for one in history:
        if one.touchpoint == model.purchase:
            day = one.at.astimezone(zone).date()
            days.add(day)
            if one.value is not None:
                counts = model.currency in (None, one.value.currency)
                paid[day] = paid.get(day, Decimal(0)) + (one.value.amount if counts else 0)
    today = (as_of or datetime.now(UTC)).astimezone(zone).date()
    known = [float(paid[day]) if day in paid else None for day in sorted(days)]
    amounts = [amount for amount in known[1:] if amount is not None]
    first = known[0] if known else None
    return model.worth_of(list(days), today=today, amounts=amounts, first=first)


def _latest_clock(customer: str, recorded: tuple[Recorded, ...]) -> datetime | None:
    """Find up to when live stores have followed a customer (None: there is no such store)."""
    states = (one.state(customer) for one in recorded if isinstance(one, _Following))
    return max((state.clock for state in states if state is not None), default=None)


def _fill_in(one: Interaction, journey: JourneyMap | None) -> Interaction:
    """Fill in what the map knows of a touchpoint, where an interaction leaves it open."""
    point = journey.touchpoints.get(one.touchpoint) if journey is not None else None
    if point is None:
        return one
    channel = point.channels[0] if len(point.channels) == 1 else None
    return evolve(
        one,
        department=one.department or point.department,
        process=one.process or point.process,
        channel=one.channel or channel,
    )


def _time_text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if hasattr(type(value), "__attrs_attrs__"):
        return {a.name: _plain(getattr(value, a.name)) for a in type(value).__attrs_attrs__}
    return value
