"""A survey of payloads: every place in them, how often it occurs, and what it seems to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from attrs import define, field

from journeymap.adapters.mapping.finding import is_present
from journeymap.adapters.reading.text_rows import NotJson, decode_json
from journeymap.adapters.reading.time_texts import TimeUnit, parse_time

__all__ = ["Place", "TimeForm", "survey_payloads"]

MAX_DEPTH = 7
"""Levels of nested values that are looked at: vendors nest what matters less deeply."""
MAX_ELEMENTS = 20
"""Elements of a list that are looked at: what they have in common shows in a few."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_:$-]*")
EMAIL = re.compile(r"[^@\s<>]{1,64}@[^@\s<>]{1,190}\.[^@\s<>]{2,24}")
_PHONE = re.compile(r"(?:whatsapp:|tel:)?\+?[\d][\d\s()./-]{5,20}\d")
_UNITS: tuple[tuple[float, TimeUnit], ...] = ((1e17, "ns"), (1e14, "us"), (1e11, "ms"), (1e8, "s"))
_FORMATS = (
    "%a, %d %b %Y %H:%M:%S %z", "%a %b %d %H:%M:%S %z %Y", "%Y/%m/%d %H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d",
)  # fmt: skip
_CODE = re.compile(
    r"(?:[0-9a-f]{8}-[0-9a-f]{4}-.*|[0-9a-fA-F]{16,}|[0-9A-HJKMNP-TV-Z]{26}|https?://.*|[\d.:+-]+)"
)


@define
class TimeForm:
    """How the texts or numbers of a place are read as times."""

    share: float
    unit: TimeUnit | None = None
    format: str | None = None
    zoneless: bool = False


@define(slots=False)
class Place:
    """A place in payloads, or in the elements of one of their lists.

    Attributes:
        path: Its path, from ``$``, or from ``@`` in the elements of a list.
        keys: The words of each key on the way to it, in lower case.
        within: The path of the list in whose elements it lies ("": none).
        payloads: In how many payloads, or elements, it has a value.
        values: The values found.
    """

    path: str
    keys: tuple[tuple[str, ...], ...]
    within: str
    payloads: int = 0
    values: list[Any] = field(factory=list)

    @property
    def key(self) -> str:
        """The words of the last key, joined."""
        return "_".join(self.keys[-1]) if self.keys else ""

    @property
    def words(self) -> frozenset[str]:
        """The words of the last key."""
        return frozenset(self.keys[-1]) if self.keys else frozenset()

    @property
    def parents(self) -> frozenset[str]:
        """The words of the keys around the last one."""
        return frozenset(word for key in self.keys[:-1] for word in key)

    @property
    def depth(self) -> int:
        """How many keys lead to it."""
        return len(self.keys)

    @cached_property
    def texts(self) -> list[str]:
        """The values as texts, without booleans."""
        return [str(one).strip() for one in self.values if not isinstance(one, bool)]

    @cached_property
    def distinct(self) -> int:
        """How many different texts there are."""
        return len(set(self.texts))

    def share_of(self, pattern: re.Pattern[str]) -> float:
        """Find the share of values that have a form."""
        return _share(bool(pattern.fullmatch(text)) for text in self.texts)

    @cached_property
    def emails(self) -> float:
        """The share of values that are e-mail addresses."""
        return self.share_of(EMAIL)

    @cached_property
    def phones(self) -> float:
        """The share of values that could be phone numbers."""
        return self.share_of(_PHONE)

    @cached_property
    def codes(self) -> float:
        """The share of values that are ids, addresses of pages or numbers, and no words."""
        return self.share_of(_CODE)

    @cached_property
    def numbers(self) -> float:
        """The share of values that are numbers."""
        return _share(_is_number(text) for text in self.texts)

    @cached_property
    def time(self) -> TimeForm | None:
        """How its values are read as times (None: they are none)."""
        if not self.texts:
            return None
        counted = [_unit_of(text) for text in self.texts]
        units = {unit for unit in counted if unit is not None}
        if len(units) == 1 and None not in counted:
            return TimeForm(1.0, units.pop())
        read = [_parse(text) for text in self.texts]
        share = _share(one is not None for one in read)
        if share >= 0.8:
            return TimeForm(share, zoneless=any(one is not None and not one.tzinfo for one in read))
        for format_ in _FORMATS:
            share = _share(_has_format(text, format_) for text in self.texts)
            if share >= 0.8:
                return TimeForm(share, format=format_, zoneless="%z" not in format_)
        return None


def survey_payloads(payloads: Iterable[Mapping[str, Any]]) -> tuple[dict[str, int], list[Place]]:
    """Collect the places of payloads.

    Args:
        payloads: The payloads.

    Returns:
        How many elements each list of mappings has, and of payloads ("") how many there are; and
        the places in them.
    """
    sizes: dict[str, int] = {"": 0}
    found: dict[tuple[str, str], Place] = {}
    for payload in payloads:
        sizes[""] += 1
        _look_at(payload, "$", (), "", sizes, found)
    return sizes, list(found.values())


def _look_at(
    value: Any, path: str, keys: tuple[tuple[str, ...], ...], within: str,
    sizes: dict[str, int], found: dict[tuple[str, str], Place],
) -> None:  # fmt: skip
    if len(keys) > MAX_DEPTH:
        return
    if isinstance(value, str) and value[:1] in ("{", "["):
        decoded = decode_json(value)
        if not isinstance(decoded, NotJson):
            value = decoded
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(key, str) and key and '"' not in key:
                step = f".{key}" if _PLAIN.fullmatch(key) else f'["{key}"]'
                words = tuple(word.lower() for word in _WORD.findall(key)) or (key.lower(),)
                _look_at(inner, path + step, (*keys, words), within, sizes, found)
    elif isinstance(value, (list, tuple)):
        _look_into_list(value, path, keys, within, sizes, found)
    elif is_present(value):
        place = found.get((within, path))
        if place is None:
            place = found[within, path] = Place(path, keys, within)
        place.payloads += 1
        place.values.append(value)


def _look_into_list(
    value: Any, path: str, keys: tuple[tuple[str, ...], ...], within: str,
    sizes: dict[str, int], found: dict[tuple[str, str], Place],
) -> None:  # fmt: skip
    elements = [one for one in value[:MAX_ELEMENTS] if isinstance(one, Mapping)]
    if not elements:
        if value and not isinstance(value[0], (list, tuple, Mapping)):
            _look_at(value[0], f"{path}[0]", keys, within, sizes, found)
        return
    if not within:
        sizes[path] = sizes.get(path, 0) + len(elements)
        for element in elements:
            _look_at(element, "@", (), path, sizes, found)
    _look_at(elements[0], f"{path}[0]", keys, within, sizes, found)


def _share(found: Iterator[bool] | Iterable[bool]) -> float:
    flags = list(found)
    return sum(flags) / len(flags) if flags else 0.0


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < 1e15
    except ValueError:
        return False


def _unit_of(text: str) -> TimeUnit | None:
    """Find what a number counts, if it is a time of this century."""
    if not _is_number(text.replace("e", "x")) and not text.isdigit():
        return None
    number = float(text)
    return next((unit for least, unit in _UNITS if 8 * least <= number < 50 * least), None)


def _parse(text: str) -> datetime | None:
    if text.isdigit() or len(text) < 8:
        return None
    try:
        made = parse_time(text)
    except ValueError:
        return None
    return made if isinstance(made, datetime) else datetime(made.year, made.month, made.day)


def _has_format(text: str, format_: str) -> bool:
    try:
        return bool(datetime.strptime(text, format_))
    except ValueError:
        return False
