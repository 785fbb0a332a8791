"""What is known of a customer, by rules: whom to believe, what is personal, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Literal

from attrs import field, frozen, validators

from journeymap.exceptions import ElementError, UnknownName
from journeymap.interactions.records import Consent, Trait
from journeymap.model.rules import as_tuple, each, identifier, names, one_of

__all__ = ["ProfileRules", "Purpose", "TraitRule"]

Keep = Literal["latest", "first", "trusted"]


@frozen
class TraitRule:
    """Which value of a trait counts, and who may see it.

    The ``latest`` one or the ``first``; or that of the most ``trusted`` source, in their order
    (sources that are not named come after all that are; of one source, the latest). It is shown
    for these ``purposes`` alone (none named: for all). What is ``personal`` is hidden in reprs.
    """

    name: str = field(validator=identifier)
    keep: Keep = field(default="latest", validator=one_of("latest", "first", "trusted"))
    trusted: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    personal: bool = field(default=True, validator=validators.instance_of(bool), kw_only=True)
    purposes: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if (self.keep == "trusted") != bool(self.trusted):
            message = "sources in the order of trust go with keep='trusted', and only with it"
            raise ElementError("TraitRule", "trusted", self.trusted, message)

    def chosen(self, traits: Iterable[Trait]) -> Trait:
        """The one that counts, whatever their order."""

        def place(one: Trait) -> tuple[object, ...]:
            trust = self.trusted.index(one.source) if one.source in self.trusted else 10**6
            return -trust, one.at.astimezone(UTC), one.source, repr(one.value)

        if self.keep == "first":
            return min(traits, key=lambda one: place(one)[1:])
        return max(traits, key=place)


@frozen
class Purpose:
    """What a view of a customer is for; most need the customer's consent."""

    name: str = field(validator=identifier)
    needs_consent: bool = field(default=True, validator=validators.instance_of(bool))


@frozen
class ProfileRules:
    """Rules for traits, and the purposes that there are.

    A trait without a rule of its own counts by its latest value, is personal, and is shown for
    every purpose.

    >>> rules = ProfileRules([TraitRule("plan", "trusted", trusted=["billing"])],
    ...                      purposes=[Purpose("marketing"), Purpose("service", False)])
    >>> rules.allowed("service", [])
    True
    >>> rules.allowed("marketing", [])
    False
    """

    traits: tuple[TraitRule, ...] = field(default=(), converter=as_tuple, validator=each(TraitRule))
    purposes: tuple[Purpose, ...] = field(
        default=(), converter=as_tuple, validator=each(Purpose), kw_only=True
    )

    def __attrs_post_init__(self) -> None:
        known = {one.name for one in self.purposes}
        for rule in self.traits:
            for purpose in rule.purposes:
                if purpose not in known:
                    raise UnknownName("purpose", purpose, tuple(sorted(known)))

    def known(self, traits: Iterable[Trait], purpose: str | None = None) -> tuple[Trait, ...]:
        """Of all that was said, what counts: one value for each trait, by name."""
        by_name: dict[str, list[Trait]] = {}
        for one in traits:
            by_name.setdefault(one.name, []).append(one)
        rules = {rule.name: rule for rule in self.traits}
        chosen = []
        for name in sorted(by_name):
            rule = rules.get(name) or TraitRule(name)
            if purpose is None or not rule.purposes or purpose in rule.purposes:
                chosen.append(rule.chosen(by_name[name]))
        return tuple(chosen)

    def personal(self, trait: str) -> bool:
        """Whether a trait is hidden in reprs."""
        return next((rule.personal for rule in self.traits if rule.name == trait), True)

    def standing(self, consents: Iterable[Consent]) -> tuple[Consent, ...]:
        """Of all that was said, the last word on each purpose; of equal times, the no."""
        last: dict[str, Consent] = {}
        for one in sorted(consents, key=lambda c: (c.at.astimezone(UTC), not c.given, c.source)):
            last[one.purpose] = one
        return tuple(last[name] for name in sorted(last))

    def allowed(self, purpose: str, consents: Iterable[Consent]) -> bool:
        """Whether a customer may be looked at for a purpose; raises UnknownName."""
        found = next((one for one in self.purposes if one.name == purpose), None)
        if found is None:
            raise UnknownName("purpose", purpose, tuple(one.name for one in self.purposes))
        if not found.needs_consent:
            return True
        return any(one.given for one in self.standing(consents) if one.purpose == purpose)
