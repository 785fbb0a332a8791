"""Where a value lies within a payload: ``$.customer.email``, ``$.items[0].sku``.

``$`` is the payload, ``@`` the element of a list that is being walked through (``each``). A name
with odd characters stands in brackets and quotes: ``$["first name"]``. ``[key=page]`` is the
first element of a list whose ``key`` is ``page``, as in analytics exports. Where anything on the
way is missing, so is the value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from journeymap.exceptions import ElementError

__all__ = ["Getter", "is_path", "make_getter"]

Getter: TypeAlias = Callable[[Any, Any], Any]
"""Takes the payload and the element walked through; answers the value, or None."""

_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]]+)
    |\[(?P<place>-?\d{1,6})\]
    |\["(?P<quoted>[^"]+)"\]
    |\[(?P<key>[^=\[\]"]+)=(?P<value>[^\[\]]*)\]""",
    re.VERBOSE,
)


def is_path(text: str) -> bool:
    """Check whether a text is a path to a value, and not a value itself."""
    return text[:1] in ("$", "@") and text[1:2] in ("", ".", "[")


def make_getter(path: str) -> Getter:
    """Make a function that reads the value at a path; raise ElementError for no path."""
    steps = _steps(path)
    whole = path[0] == "$"
    if len(steps) == 1 and isinstance(steps[0], str):
        name = steps[0]
        return lambda payload, element: _value_at(payload if whole else element, name)

    def get(payload: Any, element: Any) -> Any:
        value = payload if whole else element
        for step in steps:
            value = _value_at(value, step)
            if value is None:
                return None
        return value

    return get


def _steps(path: str) -> tuple[str | int | tuple[str, str], ...]:
    steps: list[str | int | tuple[str, str]] = []
    place = 1
    if not is_path(path):
        raise _path_error(path)
    while place < len(path):
        found = _STEP.match(path, place)
        if found is None:
            raise _path_error(path)
        part = found.groupdict()
        if part["place"] is not None:
            steps.append(int(part["place"]))
        elif part["key"] is not None:
            steps.append((part["key"].strip(), part["value"].strip().strip('"')))
        else:
            steps.append(part["name"] or part["quoted"])
        place = found.end()
    return tuple(steps)


def _value_at(value: Any, step: str | int | tuple[str, str]) -> Any:
    if isinstance(step, str):
        return value.get(step) if isinstance(value, Mapping) else None
    if not isinstance(value, (list, tuple)):
        return None
    if isinstance(step, int):
        return value[step] if -len(value) <= step < len(value) else None
    key, wanted = step
    for one in value:
        if isinstance(one, Mapping) and str(one.get(key)) == wanted:
            return one
    return None


def _path_error(path: str) -> ElementError:
    message = 'a path such as $.customer.email, $.items[0] or $["first name"] is expected'
    return ElementError("Pick", "path", path, message)
