"""Where a value lies within a payload: ``$.customer.email``, ``$.items[0].sku``.

``$`` is the payload, ``@`` the element of a list that is walked through (``each``), ``@@`` the
element around that one. A name with odd characters stands in brackets and quotes:
``$["first name"]``. ``[key=page]`` is the first element of a list whose ``key`` is ``page``, as in
analytics exports; ``[*]`` are all elements, ``[*kind=refund]`` all of that ``kind``. A text on the
way that holds JSON is looked into. Where anything on the way is missing, so is the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from attrs import frozen

from journeymap.adapters.reading.text_rows import NotJson, decode_json
from journeymap.exceptions import ElementError

__all__ = [
    "Column",
    "Elements",
    "Getter",
    "element_level",
    "first_name",
    "is_path",
    "make_column",
    "make_getter",
]

Elements: TypeAlias = tuple[Any, ...]
"""The elements of lists that are being walked through, the innermost first."""
Getter: TypeAlias = Callable[[Any, Elements], Any]
"""Takes the payload and the elements walked through; answers the value, or None."""
Column: TypeAlias = Callable[[Sequence[Any]], list[Any]]
"""Takes payloads; answers the value of each, or None."""
_BEGIN = re.compile(r"(?:\$|@{1,9})(?=$|[.\[])")

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]]+)
    |\[(?P<place>-?\d{1,6})\]
    |\["(?P<quoted>[^"]+)"\]
    |\[(?P<all>\*)?(?:(?P<key>[^=*\[\]"]+)=(?P<value>[^\[\]]*))?\]""",
    re.VERBOSE,
)


def is_path(text: str) -> bool:
    """Check whether a text is a path to a value, and not a value itself."""
    return _BEGIN.match(text) is not None


def element_level(path: str) -> int:
    """Count how deep within lists a path begins: 0 at the payload, 1 at ``@``, 2 at ``@@``."""
    return len(path) - len(path.lstrip("@"))


def first_name(path: str) -> str | None:
    """Find the name that a path looks for in the payload itself."""
    steps = _steps(path)
    if element_level(path) or not steps or not isinstance(steps[0], str):
        return None
    return steps[0]


def make_getter(path: str) -> Getter:
    """Make a function that reads the value at a path; raise ElementError for no path."""
    steps = _steps(path)
    level = element_level(path)
    if level == 0 and len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]

        def get_named(payload: Any, elements: Elements) -> Any:
            return payload.get(name) if type(payload) is dict else _value_at(payload, name)

        return get_named

    def get(payload: Any, elements: Elements) -> Any:
        value = payload if level == 0 else elements[level - 1]
        for step in steps:
            value = _value_at(value, step)
            if value is None:
                return None
        return value

    def get_all(payload: Any, elements: Elements) -> Any:
        values = [payload if level == 0 else elements[level - 1]]
        for step in steps:
            if isinstance(step, _All):
                values = [one for value in values for one in step.elements(value)]
            else:
                values = [one for value in values if (one := _value_at(value, step)) is not None]
        return values or None

    return get_all if any(isinstance(step, _All) for step in steps) else get


def make_column(path: str) -> Column:
    """Make a function that reads the values at a path of many payloads, which are dicts."""
    steps, get = _steps(path), make_getter(path)
    if element_level(path) == 0 and len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        return lambda payloads: [one.get(name) for one in payloads]
    return lambda payloads: [get(one, ()) for one in payloads]


@frozen
class _All:
    """All elements of a list, or those of which one key has one value."""

    key: str | None
    value: str

    def elements(self, found: Any) -> list[Any]:
        if isinstance(found, str) and found[:1] in ("{", "["):
            found = _decode(found)
        several = found if isinstance(found, (list, tuple)) else [found]
        return [one for one in several if self.key is None or _matches(one, self.key, self.value)]


_Step: TypeAlias = "str | int | tuple[str, str] | _All"


def _steps(path: str) -> tuple[_Step, ...]:
    steps: list[_Step] = []
    if not is_path(path):
        raise _path_error(path)
    place = element_level(path) or 1
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None or found.group() == "[]":
            raise _path_error(path)
        part = found.groupdict()
        value = (part["value"] or "").strip().strip('"')
        key = None if part["key"] is None else part["key"].strip()
        if part["place"] is not None:
            steps.append(int(part["place"]))
        elif part["all"] is not None:
            steps.append(_All(key, value))
        elif key is not None:
            steps.append((key, value))
        else:
            steps.append(part["name"] or part["quoted"])
        place = found.end()
    return tuple(steps)


def _value_at(value: Any, step: _Step) -> Any:
    if isinstance(value, str) and value[:1] in ("{", "["):
        value = _decode(value)
    if isinstance(step, str):
        return value.get(step) if isinstance(value, Mapping) else None
    if not isinstance(value, (list, tuple)) or isinstance(step, _All):
        return None
    if isinstance(step, int):
        return value[step] if -len(value) <= step < len(value) else None
    return next((one for one in value if _matches(one, *step)), None)


def _matches(element: Any, key: str, wanted: str) -> bool:
    if not isinstance(element, Mapping):
        return False
    found = element.get(key)
    return (str(found).lower() if isinstance(found, bool) else str(found)) == wanted


@lru_cache(maxsize=32)  # several paths of one payload lead into the same text
def _decode(text: str) -> Any:
    found = decode_json(text)
    return None if isinstance(found, NotJson) else found


def _path_error(path: str) -> ElementError:
    message = 'a path such as $.customer.email, $.items[0] or $["first name"] is expected'
    return ElementError("Pick", "path", path, message)
