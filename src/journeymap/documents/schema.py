"""The JSON Schema of a map's document, generated from the classes of the model."""

from __future__ import annotations

import re
import types
from datetime import date, time, timedelta
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from journeymap.documents.migrations import KEY, VERSION
from journeymap.documents.shorthand import PLAIN_MEASURES
from journeymap.model import Between, Catalog, Condition, JourneyMap, Moment, Of, Phase, Step
from journeymap.model.conditions import AT_FIELDS, BETWEEN_FIELDS, NESTED, Occurrence
from journeymap.model.durations import PATTERN
from journeymap.model.elements import MAX_CONCURRENT, OfKind
from journeymap.model.measures import MEASURES, TIME_UNITS, MaybeMeasure
from journeymap.model.rules import MAX_TEXT, RESERVED, UNCLEAN

__all__ = ["schema"]

_UNCLEAN = UNCLEAN[1:-1]
_END = r"$(?!\n)"  # some languages let an end stand before the last line's end
_NAME = {
    "type": "string", "minLength": 1, "maxLength": MAX_TEXT,
    "pattern": rf"^[^\n\t{_UNCLEAN}]*[^\s{_UNCLEAN}][^\n\t{_UNCLEAN}]*{_END}",
    "not": {"enum": list(RESERVED)},
}  # fmt: skip
_NUMBER = {"type": "number", "minimum": -1e300, "maximum": 1e300}
_LIMITS: dict[str, dict[str, Any]] = {
    "_share": {"minimum": 0, "maximum": 1},
    "_not_negative": {"minimum": 0},
    "positive_duration": {"pattern": "^(?=.*[1-9])" + PATTERN[1:]},
}
"""What the checks of a field ask for, by their names, as the schema writes it."""
_WHOLE = {("ContactLimit", "at_most"): (0, 999), ("Count", "at_least"): (1, 2**53 - 1)}
_DURATION = {
    "type": "string",
    "description": "a length of time: '7 days', '1 h 30 min', 'P7D'",
    "examples": ["7 days", "1 h 30 min", "P7D"],
    "pattern": PATTERN,
}
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string", "maxLength": MAX_TEXT, "pattern": f"^[^{_UNCLEAN}]*$"},
    int: {"type": "integer"},
    float: _NUMBER,
    bool: {"type": "boolean"},
    timedelta: _DURATION,
    date: {
        "type": "string",
        "pattern": r"^(?!0000)([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
        r"|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
        r"|([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29)" + _END,
    },
    time: {
        "type": "string",
        "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?" + _END,
    },
    Phase: {"enum": ["buy", "own", "acquire", "serve"]},
}


def schema() -> dict[str, Any]:
    """Make the JSON Schema (2020-12) of maps.

    It accepts every dumped map, and editors complete from it.

    Returns:
        The schema.

    >>> schema()["properties"]["stages"]["items"]
    {'$ref': '#/$defs/Stage'}
    """
    definitions: dict[str, Any] = {}
    whole = _object(JourneyMap, definitions)
    version = {
        "type": "integer",
        "minimum": 1,
        "maximum": VERSION,
        "description": "the version of the document's form",
    }
    link = {"type": "string", "description": "the schema, for editors"}
    whole["properties"] = {"$schema": link, KEY: version, **whole["properties"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A journeymap map",
        **whole,
        "$defs": dict(sorted(definitions.items())),
    }


def _type(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if kind == Condition:
        return _once("Condition", definitions, lambda: _condition("Condition", definitions))
    if kind is _MomentCondition:
        asked = "MomentCondition"
        return _once(asked, definitions, lambda: _condition(asked, definitions))
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
    if kind == MaybeMeasure:
        return _once("Measure", definitions, lambda: _measure(definitions))
    origin = get_origin(kind)
    if origin is Literal:
        return {"enum": list(get_args(kind))}
    if origin in (Union, types.UnionType):
        [inner] = [part for part in get_args(kind) if part is not type(None)]
        return _type(inner, definitions)
    if origin in (tuple, Catalog):
        return {"type": "array", "items": _type(get_args(kind)[0], definitions)}
    if kind is Of:
        return _once("Of", definitions, _binding)
    if kind is Step:
        full = _once("Step", definitions, lambda: _step(definitions))
        return {"anyOf": [dict(_NAME), full]}
    name: str = kind.__name__
    return _once(name, definitions, lambda: _object(kind, definitions))


def _once(name: str, definitions: dict[str, Any], make: Any) -> dict[str, Any]:
    if name not in definitions:
        definitions[name] = {}  # a class may hold itself: promise it before making it
        definitions[name] = make()
    return {"$ref": f"#/$defs/{name}"}


def _object(cls: Any, definitions: dict[str, Any], leave_out: str = "") -> dict[str, Any]:
    attrs.resolve_types(cls)
    properties: dict[str, Any] = {}
    required = []
    for a in attrs.fields(cls):
        if a.name == leave_out:
            continue
        kind = _asked(cls, a.type)
        made = _limited(_type(kind, definitions), cls, a)
        properties[a.name] = {"anyOf": [made, {"type": "null"}]} if a.default is None else made
        if a.default is attrs.NOTHING:
            required.append(a.name)
    words = (cls.__doc__ or "").strip().split("\n\n")[0].replace("``", "")
    return {
        "type": "object",
        "description": " ".join(words.split()),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        **_BETWEEN_FIELDS.get(cls.__name__, {}),
    }


_BETWEEN_FIELDS: dict[str, dict[str, Any]] = {
    "Step": {"oneOf": [
        {"required": [one], "properties": {
            one: {"minItems": least, "maxItems": most}, other: {"type": "array", "maxItems": 0},
        }}
        for one, other, least, most in (
            ("one_of", "all_of", 1, 9999), ("all_of", "one_of", 2, MAX_CONCURRENT)
        )
    ]},
    **{name: {"oneOf": [
        {"required": ["statistic", "within"],
         "properties": {"statistic": {"const": "share"}, "within": {"type": "string"}}},
        {"properties": {"statistic": {"enum": ["mean", "median", "p90"]},
                        "within": {"type": "null"}}},
    ]} for name in ("TimeBetween", "TimeIn")},
    "Metric": {"allOf": [
        {"if": {"required": ["measure"], "properties": {"measure": {"const": "deviations"}}},
         "then": {"properties": {"of": {"required": ["key_journey"]}}}},
        {"if": {"required": ["measure"], "properties": {"measure": {"anyOf": [
            {"type": "object", "required": [key], "properties": {
                key: {"type": "object", "properties": {"statistic": {"not": {"const": "share"}}}}}}
            for key in ("time_between", "time_in")]}}},
         "then": {"properties": {"unit": {"enum": list(TIME_UNITS)}}}},
    ]},
    "Offer": {
        "if": {"required": ["limits"], "properties": {"limits": {"minItems": 1}}},
        "then": {"required": ["touchpoint"], "properties": {"touchpoint": {"type": "string"}}},
    },
}  # fmt: skip
"""What some classes ask of several fields together."""


def _step(definitions: dict[str, Any]) -> dict[str, Any]:
    """Write the long form of a step, in which one touchpoint may stand alone."""
    made = _object(Step, definitions)
    several = made["properties"]["one_of"]
    made["properties"]["one_of"] = {"anyOf": [dict(_NAME), several]}
    return made


def _limited(made: dict[str, Any], cls: Any, attribute: Any) -> dict[str, Any]:
    """Write what the checks of a field ask for beyond its type."""
    checks = repr(attribute.validator)
    if "identifier" in checks:
        return {**made, **_NAME}
    if made.get("items") == _SCALARS[str] and "function names" in checks:
        return {**made, "items": dict(_NAME), "uniqueItems": True}
    if made.get("type") == "integer":
        least, most = _WHOLE[cls.__name__, attribute.name]
        return {**made, "minimum": least, "maximum": most}
    for check, limits in _LIMITS.items():
        if check in checks:
            made = {**made, **limits}
    return made


def _binding() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What a metric belongs to: one kind of element and its id.",
        "properties": {kind: dict(_NAME) for kind in get_args(OfKind)},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


class _MomentCondition:
    """Stands for the conditions of moments and measures: those that ask for no facts."""


def _asked(cls: Any, kind: Any) -> Any:
    """Return the type of a field, where conditions may ask for no facts as that of such ones."""
    if cls is not Moment and cls not in MEASURES.values():
        return kind
    if kind == tuple[Condition, ...]:
        return tuple[_MomentCondition, ...]
    return _MomentCondition if kind == Condition else kind


def _measure(definitions: dict[str, Any]) -> dict[str, Any]:
    """Write a measure: one word, or a mapping of one key."""
    return {
        "description": "How a metric is computed.",
        "anyOf": [
            {"enum": list(PLAIN_MEASURES)},
            {
                "type": "object",
                "properties": {key: _type(cls, definitions) for key, cls in MEASURES.items()},
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
            },
        ],
    }


def _condition(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    itself = {"$ref": f"#/$defs/{name}"}
    several = {"type": "array", "items": itself, "minItems": 1}
    one_or_more = {"type": "array", "items": dict(_NAME), "minItems": 1, "uniqueItems": True}
    properties: dict[str, Any] = {"all": several, "any": several, "not": itself}
    properties |= {what: {"anyOf": [dict(_NAME), one_or_more]} for what in AT_FIELDS}
    bounds = _object(Between, definitions, leave_out="what")
    bounds["required"] = []
    number = {"type": "number"}
    bounds["anyOf"] = [
        {"required": [name], "properties": {name: number}} for name in ("at_least", "at_most")
    ]
    currency = {"required": ["currency"], "properties": {"currency": {"type": "string"}}}
    properties |= {key: {**bounds, "not": currency} for key in BETWEEN_FIELDS}
    properties["value"] = {**bounds, **currency, "properties": {
        **bounds["properties"], "currency": dict(_NAME)
    }}  # fmt: skip
    properties |= {key: _type(cls, definitions) for key, cls in NESTED.items()}
    if name == "Condition":
        properties |= _facts()
    else:
        properties["sequence"] = _sequence(name)
    return {
        "type": "object",
        "description": "What has to happen; several keys in one mapping must all hold.",
        "properties": properties,
        "minProperties": 1,
        "additionalProperties": False,
    }


def _sequence(name: str) -> dict[str, Any]:
    """Write the sequence of a moment or a measure: its steps, or a mapping with them."""
    step = {"anyOf": [
        dict(_NAME), {"$ref": f"#/$defs/{name}"},
        {"type": "object", "properties": {"not": dict(_NAME)}, "required": ["not"],
         "additionalProperties": False},
    ]}  # fmt: skip
    comes = {"not": {"type": "object", "required": ["not"], "maxProperties": 1}}
    steps = {"type": "array", "items": step, "minItems": 1, "contains": comes}
    properties = {
        "steps": steps, "within": {**_DURATION, **_LIMITS["positive_duration"]},
        "occurrence": {"enum": list(get_args(Occurrence))}, "consecutive": {"type": "boolean"},
    }  # fmt: skip
    full = {
        "type": "object", "description": "Steps that come one after the other.",
        "properties": properties, "required": ["steps"], "additionalProperties": False,
    }  # fmt: skip
    return {"anyOf": [steps, full]}


def _facts() -> dict[str, Any]:
    """Write the conditions that ask for consents and traits."""
    plain = {"anyOf": [dict(_NAME), {"type": ["number", "boolean"]}]}
    wanted = {"anyOf": [plain, {"type": "array", "items": plain, "minItems": 1}]}
    trait = {
        "anyOf": [
            {"type": "string", "maxLength": MAX_TEXT, "pattern": _sentence()},
            {"type": "object", "additionalProperties": wanted, "propertyNames": dict(_NAME),
             "minProperties": 1, "maxProperties": 1},
        ]
    }  # fmt: skip
    return {"consent": dict(_NAME), "trait": trait}


def _sentence() -> str:
    """Write the pattern of a trait in words: ``segment is gold or silver``."""
    one, reserved = rf"[^\n\t{_UNCLEAN}]", "|".join(map(re.escape, RESERVED))
    name = rf"(?!\s* is )(?! *(?:{reserved}) * is )(?:(?! is ){one})+"
    begins = rf"(?!\s*(?: or |$))(?! *(?:{reserved}) *(?: or |$))"
    return rf"^{name} is {begins}(?:(?! or ){one}| or {begins})*{_END}"
