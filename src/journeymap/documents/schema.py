"""The JSON Schema of a map's document, generated from the classes of the model."""

from __future__ import annotations

import types
from datetime import date, time, timedelta
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from journeymap.documents.migrations import KEY, VERSION
from journeymap.model import Between, Catalog, Condition, JourneyMap, Of, Phase, Step
from journeymap.model.conditions import AT_FIELDS, BETWEEN_FIELDS, NESTED
from journeymap.model.elements import OfKind

__all__ = ["schema"]

_NAME = {"type": "string", "minLength": 1, "pattern": r"^[^\n\t]*\S[^\n\t]*$"}
_NUMBER = {"type": "number"}
_DURATION = {
    "type": "string",
    "description": "a length of time: '7 days', '1 h 30 min', 'P7D'",
    "examples": ["7 days", "1 h 30 min", "P7D"],
    "pattern": r"^\s*([Pp].*|(\d{1,9}\s*[A-Za-z]+\s*)+)$",
}
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: _NUMBER,
    bool: {"type": "boolean"},
    timedelta: _DURATION,
    date: {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
    time: {"type": "string", "pattern": r"^\d\d:\d\d"},
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
        return _once("Condition", definitions, lambda: _condition(definitions))
    if kind in _SCALARS:
        return dict(_SCALARS[kind])
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
        full = _once("Step", definitions, lambda: _object(Step, definitions))
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
        made = _type(a.type, definitions)
        if _is_name(a):
            made = {**made, **_NAME}
        elif made.get("items") == {"type": "string"} and _is_names(a):
            made = {**made, "items": dict(_NAME), "uniqueItems": True}
        properties[a.name] = made
        if a.default is attrs.NOTHING:
            required.append(a.name)
    words = (cls.__doc__ or "").strip().split("\n\n")[0].replace("``", "")
    return {
        "type": "object",
        "description": " ".join(words.split()),
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _is_name(attribute: Any) -> bool:
    return "identifier" in repr(attribute.validator)


def _is_names(attribute: Any) -> bool:
    return "function names" in repr(attribute.validator)


def _binding() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What a metric belongs to: one kind of element and its id.",
        "properties": {kind: dict(_NAME) for kind in get_args(OfKind)},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


def _condition(definitions: dict[str, Any]) -> dict[str, Any]:
    itself = {"$ref": "#/$defs/Condition"}
    several = {"type": "array", "items": itself, "minItems": 1}
    one_or_more = {"type": "array", "items": dict(_NAME), "minItems": 1, "uniqueItems": True}
    properties: dict[str, Any] = {"all": several, "any": several, "not": itself}
    properties |= {what: {"anyOf": [dict(_NAME), one_or_more]} for what in AT_FIELDS}
    bounds = _object(Between, definitions, leave_out="what")
    bounds["required"] = []
    bounds["anyOf"] = [{"required": ["at_least"]}, {"required": ["at_most"]}]
    properties |= dict.fromkeys(BETWEEN_FIELDS, bounds)
    properties |= {key: _type(cls, definitions) for key, cls in NESTED.items()}
    plain = {"type": ["string", "number", "boolean"]}
    wanted = {"anyOf": [plain, {"type": "array", "items": plain, "minItems": 1}]}
    properties["consent"] = dict(_NAME)
    properties["trait"] = {
        "anyOf": [
            {"type": "string", "pattern": r"\S is \S"},
            {"type": "object", "additionalProperties": wanted, "minProperties": 1,
             "maxProperties": 1},
        ]
    }  # fmt: skip
    return {
        "type": "object",
        "description": "What has to happen; several keys in one mapping must all hold.",
        "properties": properties,
        "minProperties": 1,
        "additionalProperties": False,
    }
