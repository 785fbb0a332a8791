"""Rules of the single view: which source to trust, what is personal, what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Literal

from attrs import field, frozen

from journeymap.exceptions import ElementError, UnknownName
from journeymap.interactions.records import Consent, Trait
from journeymap.model.rules import as_tuple, each, identifier, names, of_type, one_of

__all__ = ["ProfileRules", "Purpose", "TraitRule"]

Keep = Literal["latest", "first", "trusted"]


@frozen
class TraitRule:
    """A rule for one trait: which of its values counts, and who may see it.

    Attributes:
        name: The trait.
        keep: ``latest``, ``first``, or that of the most ``trusted`` source.
        trusted: Sources in the order of trust; others come after them.
        personal: Whether it is hidden in reprs.
        purposes: The purposes for which alone it is shown (none: all).

    Raises:
        ElementError: ``trusted`` goes with ``keep="trusted"``, and only with it.
    """

    name: str = field(validator=identifier)
    keep: Keep = field(default="latest", validator=one_of("latest", "first", "trusted"))
    trusted: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    personal: bool = field(default=True, validator=of_type(bool), kw_only=True)
    purposes: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if (self.keep == "trusted") != bool(self.trusted):
            message = "sources in the order of trust go with keep='trusted', and only with it"
            raise ElementError("TraitRule", "trusted", self.trusted, message)

    def choose_value(self, traits: Iterable[Trait]) -> Trait:
        """Choose the value that counts, whatever their order.

        Args:
            traits: All values of the trait.

        Returns:
            The one that counts.
        """

        def place(one: Trait) -> tuple[object, ...]:
            trust = self.trusted.index(one.source) if one.source in self.trusted else 10**6
            return -trust, one.at.astimezone(UTC), one.source, repr(one.value)

        if self.keep == "first":
            return min(traits, key=lambda one: place(one)[1:])
        return max(traits, key=place)


@frozen
class Purpose:
    """A purpose for which a customer is looked at.

    Attributes:
        name: Its name.
        needs_consent: Whether the customer's consent is needed.
    """

    name: str = field(validator=identifier)
    needs_consent: bool = field(default=True, validator=of_type(bool))


@frozen
class ProfileRules:
    """Rules for traits, and the purposes that there are.

    A trait without a rule of its own counts by its latest value, is personal, and is shown for
    every purpose.

    Attributes:
        traits: The rules for traits.
        purposes: The purposes.

    Raises:
        UnknownName: A rule names a purpose that there is not.

    >>> rules = ProfileRules([TraitRule("plan", "trusted", trusted=["billing"])],
    ...                      purposes=[Purpose("marketing"), Purpose("service", False)])
    >>> rules.allows("service", [])
    True
    >>> rules.allows("marketing", [])
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

    def choose_traits(
        self, traits: Iterable[Trait], purpose: str | None = None
    ) -> tuple[Trait, ...]:
        """Choose one value for each trait.

        Args:
            traits: All facts that sources gave.
            purpose: The purpose of the view (None: any).

        Returns:
            The facts that count and may be shown, by name.
        """
        by_name: dict[str, list[Trait]] = {}
        for one in traits:
            by_name.setdefault(one.name, []).append(one)
        rules = {rule.name: rule for rule in self.traits}
        chosen = []
        for name in sorted(by_name):
            rule = rules.get(name) or TraitRule(name)
            if purpose is None or not rule.purposes or purpose in rule.purposes:
                chosen.append(rule.choose_value(by_name[name]))
        return tuple(chosen)

    def is_personal(self, trait: str) -> bool:
        """Check whether a trait is hidden in reprs.

        Args:
            trait: The trait.

        Returns:
            Whether it is.
        """
        return next((rule.personal for rule in self.traits if rule.name == trait), True)

    def latest_consents(self, consents: Iterable[Consent]) -> tuple[Consent, ...]:
        """Find the last consent to each purpose; of equal times, the refusal counts.

        Args:
            consents: All consents.

        Returns:
            One for each purpose, by name.
        """
        last: dict[str, Consent] = {}
        for one in sorted(consents, key=lambda c: (c.at.astimezone(UTC), not c.given, c.source)):
            last[one.purpose] = one
        return tuple(last[name] for name in sorted(last))

    def allows(self, purpose: str, consents: Iterable[Consent]) -> bool:
        """Check whether a customer may be looked at for a purpose.

        Args:
            purpose: The purpose.
            consents: The customer's consents.

        Returns:
            Whether they may.

        Raises:
            UnknownName: There is no such purpose.
        """
        found = next((one for one in self.purposes if one.name == purpose), None)
        if found is None:
            raise UnknownName("purpose", purpose, tuple(one.name for one in self.purposes))
        if not found.needs_consent:
            return True
        return any(one.given for one in self.latest_consents(consents) if one.purpose == purpose)
