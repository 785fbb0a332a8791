"""Rules by which identities are taken to belong to one customer: plain data, no code."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any, Literal

from attrs import Attribute, field, frozen, validators
from attrs.converters import optional

from journeymap.exceptions import ElementError
from journeymap.model.rules import (
    as_tuple,
    each,
    identifier,
    maybe_length,
    names,
    of_type,
    one_of,
    positive_duration,
)

__all__ = ["BLOCKED", "IdentityRules", "Namespace", "ValueReader"]

BLOCKED = (
    "-", "-1", "0", "00000000-0000-0000-0000-000000000000", "anonymous", "false", "guest", "n/a",
    "na", "nan", "nil", "none", "null", "test", "true", "undefined", "unknown",
)  # fmt: skip
"""Words that name no customer, unless a namespace has its own; compared without case."""

Form = Literal["exact", "folded", "digits"]


def _count(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        message = "a whole number from 1 up is expected"
        raise ElementError(type(instance).__name__, attribute.name, value, message)


@frozen
class Namespace:
    """How far identities of one kind are trusted.

    Attributes:
        name: The kind, such as ``email``.
        most: How many of them a customer has at most (None: any number).
        shared: A value met with more than so many values of one other namespace, or of its own,
            is no customer's own and links no one: a shop's tablet, a test address (None: it
            always links).
        window: After how long without being met a value may have passed to another customer: a
            phone number, a cookie (None: never).
        blocked: Values that name no customer, beside the placeholders.
        placeholders: Words that name no customer, without case (None: those of the rules).
            Without any, a patient NA or a record 0 is a customer.
        form: How values are compared: ``exact``, ``folded`` (without case, width and spaces
            around them) or by their ``digits``.

    Raises:
        ElementError: A field has a value that it may not have.
    """

    name: str = field(validator=identifier)
    most: int | None = field(default=None, validator=_count, kw_only=True)
    shared: int | None = field(default=100, validator=_count, kw_only=True)
    window: timedelta | None = field(
        default=None,
        converter=maybe_length,
        validator=validators.optional(positive_duration),
        kw_only=True,
    )
    blocked: tuple[str, ...] = field(default=(), converter=as_tuple, validator=names, kw_only=True)
    placeholders: tuple[str, ...] | None = field(
        default=None, converter=optional(as_tuple), validator=validators.optional(names),
        kw_only=True,
    )  # fmt: skip
    form: Form = field(default="exact", validator=one_of("exact", "folded", "digits"), kw_only=True)

    def normalize(self, value: str) -> str:
        """Bring a value into the form in which it is compared.

        Args:
            value: The value.

        Returns:
            The form; an empty one names no customer.
        """
        if self.form == "exact":
            return value
        if self.form == "digits":
            return "".join(str(unicodedata.digit(c)) for c in value if c.isdigit())
        if value.isascii():
            return value.lower().strip()
        folded = _fold(value)
        while folded != value:  # folding may make something that can be folded
            value, folded = folded, _fold(folded)
        return folded


def _fold(value: str) -> str:
    return unicodedata.normalize("NFKC", value).casefold().strip()


@frozen
class IdentityRules:
    """Namespaces in the order of their priority, and values that name no customer.

    Evidence whose identities cannot all be one customer's loses the identity of the lowest
    priority, and is tried again.

    Attributes:
        namespaces: The namespaces, the most reliable first. Without any, all are taken, in
            alphabetical order and without limits; with some, identities of others link no one.
        blocked: Words that name no customer, in namespaces without placeholders of their own.
        secret: What makes the ids of customers unguessable from their identities.
        former_secrets: Secrets that were used before: who was forgotten while they were stays so.

    Raises:
        ElementError: A namespace is named twice, or a field has a value that it may not have.

    >>> rules = IdentityRules([Namespace("user", most=1), Namespace("email", most=5)])
    >>> rules.namespaces[1].most
    5
    """

    namespaces: tuple[Namespace, ...] = field(
        default=(), converter=as_tuple, validator=each(Namespace)
    )
    blocked: tuple[str, ...] = field(
        default=BLOCKED, converter=as_tuple, validator=names, kw_only=True
    )
    secret: str = field(default="", validator=of_type(str), kw_only=True, repr=False)
    former_secrets: tuple[str, ...] = field(
        default=(), converter=as_tuple, validator=each(str), kw_only=True, repr=False, eq=False
    )

    def __attrs_post_init__(self) -> None:
        known = [one.name for one in self.namespaces]
        twice = next((name for name in known if known.count(name) > 1), None)
        if twice is not None:
            raise ElementError("IdentityRules", "namespaces", twice, "it is named twice")

    def reader(self, space: Namespace) -> ValueReader:
        """Make what reads the values of a namespace.

        Args:
            space: The namespace.

        Returns:
            The reader.
        """
        words = self.blocked if space.placeholders is None else space.placeholders
        own = {one for word in space.blocked for one in (word, space.normalize(word))}
        return ValueReader(space, frozenset(word.casefold() for word in words), frozenset(own))


@frozen
class ValueReader:
    """Reads the values of one namespace, by its rules."""

    space: Namespace
    placeholders: frozenset[str]
    blocked: frozenset[str]
    longest: int = field(init=False)

    @longest.default
    def _find_longest(self) -> int:
        return max(map(len, self.placeholders), default=0)

    def read(self, value: str) -> str:
        """Bring a value into the form in which it is compared; empty, it names no customer."""
        text = self.space.normalize(value)
        if text in self.blocked:
            return ""
        if len(text) > self.longest and text[0] > " " < text[-1] and value.isascii():
            return text  # folding makes no text shorter, and there is nothing to strip
        if value.strip().casefold() in self.placeholders:
            return ""
        if text is not value and text.strip().casefold() in self.placeholders:
            return ""
        return text
