"""The rules that every value of the model keeps: clean texts, aware times, bounded numbers."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from attrs import Attribute

from journeymap.exceptions import ElementError, listed, nearest

__all__ = [
    "as_tuple",
    "each",
    "fault_in_text",
    "finite",
    "identifier",
    "names",
    "one_of",
    "positive_duration",
    "text",
    "to_number",
]

# Control characters, lone surrogates, and the byte-order mark: none of them is text a person
# wrote, and no document format carries all of them through unharmed.
_UNCLEAN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_LONGEST = 10_000


def fault_in_text(value: str) -> str | None:
    """What is wrong with a text, or None."""
    if len(value) > _LONGEST:
        return f"a text of {len(value)} characters; {_LONGEST} at most"
    found = _UNCLEAN.search(value)
    if found:
        return f"character U+{ord(found.group()):04X} is not allowed in a text"
    return None


def text(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validator: a string (possibly empty) without control characters."""
    if not isinstance(value, str):
        raise _error(instance, attribute, value, "a text is expected")
    wrong = fault_in_text(value)
    if wrong:
        raise _error(instance, attribute, value, wrong)


def identifier(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validator: a name to look things up by: one line, not blank, not a reserved word."""
    text(instance, attribute, value)
    if not value.strip() or "\n" in value or "\t" in value:
        raise _error(instance, attribute, value, "a name is one line and not blank")
    if value in ("(start)", "(end)"):
        raise _error(instance, attribute, value, "this name is reserved for where journeys begin")


def names(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validator: a tuple of distinct names."""
    for name in value:
        identifier(instance, attribute, name)
    if len(set(value)) != len(value):
        twice = Counter(value).most_common(1)[0][0]
        raise _error(instance, attribute, value, f"{twice!r} is named twice")


def positive_duration(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validator: a length of time above zero."""
    if not isinstance(value, timedelta):
        raise _error(instance, attribute, value, "a length of time (timedelta) is expected")
    if value <= timedelta(0):
        raise _error(instance, attribute, value, "a length of time must be above zero")


def finite(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    """Validator: a number that is neither infinite nor NaN."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _error(instance, attribute, value, "a number is expected")
    if not math.isfinite(value) or abs(value) > 1e300:
        raise _error(instance, attribute, value, "a finite number is expected")


def one_of(*choices: str) -> Any:
    """Validator factory: one of a few words, the nearest suggested."""

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        if value not in choices:
            near = nearest(value, choices) if isinstance(value, str) else None
            hint = f", perhaps {near!r}" if near else ""
            raise _error(instance, attribute, value, f"one of {listed(choices)} is expected{hint}")

    return check


def each(*kinds: type) -> Any:
    """Validator factory: every element is of one of these classes."""

    def check(instance: Any, attribute: Attribute[Any], value: Any) -> None:
        for one in value:
            if not isinstance(one, kinds):
                told = " or ".join(kind.__name__ for kind in kinds)
                raise _error(instance, attribute, one, f"each is expected to be of class {told}")

    return check


def to_number(value: Any) -> Any:
    """Converter: a number of any library as Python's own; what is none is left to a validator."""
    if isinstance(value, bool) or value is None:
        return value
    try:
        return float(value) if not isinstance(value, (str, bytes)) else value
    except (TypeError, ValueError, OverflowError):
        return value


def as_tuple(value: Iterable[Any] | None) -> tuple[Any, ...]:
    """Converter: any iterable of elements to a tuple; a lone text is refused, not spelled out."""
    if isinstance(value, (str, bytes)):
        raise ElementError("tuple", "value", value, "a list of names is expected, not one text")
    return tuple(value or ())


def _error(instance: Any, attribute: Attribute[Any], value: Any, message: str) -> ElementError:
    return ElementError(type(instance).__name__, attribute.name, value, message)
