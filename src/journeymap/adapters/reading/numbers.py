"""Numbers as people and programs write them: with a decimal point, or with a decimal comma."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Literal, TypeAlias

from journeymap.model.durations import duration

__all__ = ["GROUPED", "DecimalMark", "number_text", "plain_number", "read_decimal", "read_length"]

DecimalMark: TypeAlias = Literal[".", ","]
"""What stands before the decimals of a number; the other one, a space or an apostrophe may then
stand between groups of three digits."""

_SPACES = "[ \u00a0\u2009\u202f'’]"
GROUPED: dict[str, tuple[str, str]] = {
    mark: (
        rf"^\s*([+-]?)(?:"
        rf"([0-9]{{1,3}}(?:{sep}[0-9]{{3}})+|[0-9]{{1,3}}(?:{_SPACES}[0-9]{{3}})+|[0-9]+)"
        rf"(?:{re.escape(mark)}([0-9]*))?|{re.escape(mark)}([0-9]+))\s*$",
        rf"[{other}]|{_SPACES}",
    )
    for mark, other in ((".", ","), (",", "."))
    for sep in (re.escape(other),)
}
"""By decimal mark: the pattern of a number (sign, whole part, decimals; or decimals alone), and of
what separates its groups of digits. Both are read alike by Python and by columns."""
PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
"""A number as programs write it."""
_LENGTH = re.compile("[:A-Za-z]")
_COMPILED = {mark: (re.compile(whole), re.compile(sep)) for mark, (whole, sep) in GROUPED.items()}


def plain_number(text: str, mark: DecimalMark) -> str | None:
    """Rewrite a number with a decimal mark and groups of digits as a plain one.

    Args:
        text: The number.
        mark: What stands before its decimals.

    Returns:
        The number with a decimal point and without groups; None for what is no such number.
    """
    number, separator = _COMPILED[mark]
    found = number.match(text)
    if found is None:
        return None
    sign, whole, decimals, bare = found.groups()
    return f"{sign}{separator.sub('', whole or '0')}.{bare or decimals or '0'}"


def read_decimal(text: str, mark: DecimalMark | None) -> Decimal:
    """Read a number exactly.

    Args:
        text: The number.
        mark: What stands before its decimals (None: a plain number, without groups).

    Returns:
        The number.

    Raises:
        ValueError: It is none.
    """
    plain = text.strip() if mark is None else plain_number(text, mark)
    if plain is None or PLAIN.fullmatch(plain) is None:
        raise ValueError("a number is expected")
    return Decimal(plain)


def read_length(text: str) -> str | None:
    """Read a length of time that is written as such, and not as a number.

    Args:
        text: Such as ``01:30:00``, ``PT90M`` or ``1 h 30 min``.

    Returns:
        Its seconds as a plain number; None for anything else.
    """
    if not _LENGTH.search(text):
        return None
    try:
        return repr(duration(text).total_seconds())
    except ValueError:
        return None


def number_text(number: float | Decimal, mark: DecimalMark | None) -> str:
    """Write a number as a file would that has this decimal mark.

    Args:
        number: The number.
        mark: What stands before the decimals (None: a point).

    Returns:
        The text, without an exponent; whole numbers have no decimals.
    """
    if isinstance(number, int):
        return str(number)
    if isinstance(number, float):
        if not math.isfinite(number):
            return str(number)
        if number.is_integer() and abs(number) < 2**63:
            return str(int(number))
    plain = format(Decimal(str(number)), "f")
    return plain.replace(".", ",") if mark == "," else plain
