"""The rules that every value of the model keeps: clean texts, aware times, bounded numbers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal, cast

from attrs import Attribute, validators

from journeymap.exceptions import ElementError, listed, nearest
from journeymap.model.durations import duration

__all__ = [
    "LINE_ENDS",
    "MAX_TEXT",
    "RESERVED",
    "UNCLEAN",
    "as_length",
    "as_tuple",
    "chosen_or_length",
    "each",
    "fault_in_text",
    "finite",
    "identifier",
    "is_plain_name",
    "is_repeated_name",
    "maybe_length",
    "names",
    "of_type",
    "one_of",
    "optional_identifier",
    "optional_repeated_name",
    "optional_text",
    "positive_duration",
    "repeated_name",
    "text",
    "to_number",
]

# Control characters, lone surrogates, and the byte-order mark: none of them is text a person
# wrote, and no document format carries all of them through unharmed.
UNCLEAN = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]"
"""The characters that no text may have, beside lone surrogates, as a pattern."""
_UNCLEAN = re.compile(f"{UNCLEAN[:-1]}\ud800-\udfff]")
LINE_ENDS = r"[\t\n\r]+"
"""The characters that become one blank in the name of something that happened, as a pattern."""
RESERVED = ("(start)", "(end)", "(any)")
"""Names that nothing may have: they stand for where journeys begin and end, and for anything."""
MAX_TEXT = 10_000
"""Characters of a text of a map: a few pages, far more than a picture or a report shows."""


def fault_in_text(value: str) -> str | None:
    """Return what is wrong with a text, or None."""
    if len(value) > MAX_TEXT:
        return f"a text of {len(value)} characters; {MAX_TEXT} at most"
    found = _UNCLEAN.search(value)
    if found:
        return f"character U+{ord(found.group()):04X} is not allowed in a text"
    return None


def text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a string (possibly empty) without control characters."""
    if not isinstance(value, str):
        raise _error(instance, attribute, value, "a text is expected")
    wrong = fault_in_text(value)
    if wrong:
        raise _error(instance, attribute, value, wrong)


def identifier(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a name to look things up by: one line, not blank, not a reserved word."""
    text(instance, attribute, value)
    if not value.strip() or "\n" in value or "\t" in value:
        raise _error(instance, attribute, value, "a name is one line and not blank")
    if value in RESERVED:
        raise _error(instance, attribute, value, "this name is reserved for where journeys begin")


_MOST_LETTERS = 125
"""Letters of a name that fit into what a store keeps, whatever they are."""
_MOST_KEPT = 4096
_passed: set[str] = set()  # names that passed; of places and systems, never of people


def is_plain_name(name: Any) -> bool:
    """Check in one look whether a name is one that anything may have; False: look closer."""
    return (
        type(name) is str and 0 < len(name) <= _MOST_LETTERS and name.isprintable()
        and not name.isspace() and name[0] != "("
    )  # fmt: skip


def is_repeated_name(name: Any) -> bool:
    """Check a name as `is_plain_name` does, where the same few come again and again."""
    if type(name) is str and name in _passed:
        return True
    if not is_plain_name(name):
        return False
    if len(_passed) >= _MOST_KEPT:
        _passed.clear()
    _passed.add(name)
    return True


def repeated_name(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a name, as `identifier` does, where the same few come again and again."""
    if not is_repeated_name(value):
        identifier(instance, attribute, value)


def optional_repeated_name(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a name that may be left out; see `repeated_name`."""
    if value is not None:
        repeated_name(instance, attribute, value)


optional_text = validators.optional(text)
optional_identifier = validators.optional(identifier)


def names(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a tuple of distinct names."""
    for name in value:
        identifier(instance, attribute, name)
    if len(set(value)) != len(value):
        twice = Counter(value).most_common(1)[0][0]
        raise _error(instance, attribute, value, f"{twice!r} is named twice")


def as_length(value: str | timedelta) -> timedelta:
    """Read a length of time that is written as text; what cannot be read is left as it is."""
    if isinstance(value, str):
        try:
            return duration(value)
        except ValueError:
            unread: Any = value  # the validator raises the error, which names the field
            return cast("timedelta", unread)
    return value


def maybe_length(value: str | timedelta | None) -> timedelta | None:
    """Read a length of time that may be left out; see `as_length`."""
    return None if value is None else as_length(value)


def chosen_or_length(
    value: str | timedelta | None,
) -> timedelta | Literal["chosen"] | None:
    """Read a length of time, or the word ``chosen``; see `as_length`."""
    return "chosen" if value == "chosen" else maybe_length(value)


def positive_duration(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a length of time above zero."""
    if isinstance(value, str):
        try:
            duration(value)
        except ValueError as error:
            raise _error(instance, attribute, value, str(error)) from None
    if not isinstance(value, timedelta):
        message = "a length of time is expected: a timedelta, or a text such as '7 days'"
        raise _error(instance, attribute, value, message)
    if value <= timedelta(0):
        raise _error(instance, attribute, value, "a length of time must be above zero")


def finite(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Require a number that is neither infinite nor NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _error(instance, attribute, value, "a number is expected")
    if not math.isfinite(value) or abs(value) > 1e300:
        raise _error(instance, attribute, value, "a finite number is expected")


def one_of(*choices: str) -> Any:
    """Make a validator that requires one of a few words and suggests the nearest."""

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if value not in choices:
            near = nearest(value, choices) if isinstance(value, str) else None
            hint = f", perhaps {near!r}" if near else ""
            raise _error(instance, attribute, value, f"one of {listed(choices)} is expected{hint}")

    return check


def each(*kinds: type) -> Any:
    """Make a validator that requires every element to be of one of these classes."""

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        for one in value:
            if not isinstance(one, kinds):
                expected = " or ".join(kind.__name__ for kind in kinds)
                raise _error(
                    instance, attribute, one, f"each is expected to be of class {expected}"
                )

    return check


_EXPECTED = {
    str: "a text", int: "a whole number", bool: "True or False", timedelta: "a length of time",
}  # fmt: skip


def of_type(kind: type) -> Any:
    """Make a validator that requires a value of a class."""

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if not isinstance(value, kind):
            expected = _EXPECTED.get(kind, f"a value of class {kind.__name__}")
            raise _error(instance, attribute, value, f"{expected} is expected")

    return check


def to_number(value: Any) -> Any:
    """Convert a number of any library to Python's own; leave what is no number to a validator."""
    if isinstance(value, bool) or value is None:
        return value
    try:
        return float(value) if not isinstance(value, (str, bytes)) else value
    except (TypeError, ValueError, OverflowError):
        return value


def as_tuple(value: Iterable[Any] | None) -> tuple[Any, ...]:
    """Convert an iterable of elements to a tuple; refuse a lone text instead of spelling it out."""
    if isinstance(value, (str, bytes)):
        raise ElementError("tuple", "value", value, "a list of names is expected, not one text")
    return tuple(value or ())


def _error(instance: Any, attribute: Attribute[Any], value: Any, message: str) -> ElementError:
    return ElementError(type(instance).__name__, attribute.name, value, message)
