"""Plain data <-> the classes of the model, strictly: nothing is coerced, no key is unknown."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from journeymap.documents import shorthand
from journeymap.exceptions import ElementError, listed, nearest
from journeymap.model import Catalog, Condition, Of, Phase, Step
from journeymap.model.conditions import All, AnyOf, Not
from journeymap.model.durations import duration, duration_text
from journeymap.model.measures import MaybeMeasure
from journeymap.model.rules import fault_in_text

__all__ = ["document_converter"]


def _describe_value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _expected_error(value: Any, expected: str, cure: str = "") -> ElementError:
    return ElementError(
        "document", "", value, f"{expected} is expected, not {_describe_value(value)}{cure}"
    )


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        quotes = "; put it in quotes" if isinstance(value, (int, float, date, time)) else ""
        raise _expected_error(value, "a text", quotes)
    wrong = fault_in_text(value)
    if wrong:
        raise ElementError("document", "", value, wrong)
    return value


def _whole(value: Any, _: Any) -> int:
    if isinstance(value, float) and value.is_integer():  # 2.0 is what JSON and others mean by 2
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _expected_error(value, "a whole number")
    if abs(value) > 2**63:
        raise ElementError("document", "", str(value)[:20], "a whole number this long is not kept")
    return value


def _number(value: Any, _: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _expected_error(value, "a number")
    if not -1e300 <= value <= 1e300:
        raise ElementError("document", "", str(value)[:20], "a finite number is expected")
    return float(value)


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise _expected_error(value, "true or false", "; without quotes" if value in _WORDS else "")
    return value


_WORDS = ("true", "false", "yes", "no", "on", "off")


def _duration(value: Any, _: Any) -> timedelta:
    if not isinstance(value, str):
        raise _expected_error(value, "a length of time such as '7 days'")
    try:
        return duration(value)
    except ValueError as error:
        raise ElementError("document", "", value, str(error)) from None


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?")  # as in the schema


def _day(value: Any, _: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value if _DAY.fullmatch(value) else "")
    except (TypeError, ValueError):
        raise _expected_error(value, "a date such as 2026-12-25") from None


def _clock(value: Any, _: Any) -> time:
    if isinstance(value, time):
        return value
    try:
        return time.fromisoformat(value if _CLOCK.fullmatch(value) else "")
    except (TypeError, ValueError):
        raise _expected_error(
            value, "a time of day such as '09:00'", "; put it in quotes"
        ) from None


def _literal(value: Any, cls: Any) -> Any:
    choices = get_args(cls)
    if value in choices and isinstance(value, str):
        return value
    near = nearest(value, choices) if isinstance(value, str) else None
    hint = f"; did you mean {near!r}?" if near else ""
    raise _expected_error(value, f"one of {listed(choices)}", hint)


def _generic_class(cls: Any) -> Any:
    return get_origin(cls)


def document_converter() -> cattrs.Converter:
    """Make a converter for maps; errors of all places come together in one group."""
    converter = cattrs.Converter(detailed_validation=True, forbid_extra_keys=True)
    for kind, hook in ((str, _text), (int, _whole), (float, _number), (bool, _truth),
                       (timedelta, _duration), (date, _day), (time, _clock)):  # fmt: skip
        converter.register_structure_hook(kind, hook)
    converter.register_unstructure_hook(timedelta, duration_text)
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_unstructure_hook(time, _clock_text)
    converter.register_structure_hook(Phase, _phase)
    converter.register_unstructure_hook(Phase, lambda phase: phase.value)
    converter.register_structure_hook_func(lambda cls: _generic_class(cls) is Literal, _literal)
    _register_sequences(converter)
    _register_classes(converter)
    _register_shorthand(converter)
    return converter


def _register_sequences(converter: cattrs.Converter) -> None:
    def sequence(cls: Any) -> Any:
        element = get_args(cls)[0]

        def structure(value: Any, _: Any) -> tuple[Any, ...]:
            if not isinstance(value, list):
                raise _expected_error(value, "a list")
            return tuple(converter.structure(value, list[element]))  # type: ignore[valid-type]

        return structure

    converter.register_structure_hook_factory(
        lambda cls: _generic_class(cls) in (tuple, Catalog), sequence
    )
    converter.register_unstructure_hook_func(
        lambda cls: _generic_class(cls) in (tuple, Catalog) or cls is Catalog,
        lambda value: [
            converter.unstructure(item, Condition if isinstance(item, Condition) else None)
            for item in (value.elements if isinstance(value, Catalog) else value)
        ],
    )


def _register_classes(converter: cattrs.Converter) -> None:
    def structuring(cls: Any) -> Any:
        made = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)

        def structure(value: Any, kind: Any) -> Any:
            if not isinstance(value, dict):
                raise _expected_error(value, "a mapping")
            return made(value, kind)

        return structure

    def unstructuring(cls: Any) -> Any:
        made = make_dict_unstructure_fn(cls, converter, _cattrs_omit_if_default=True)

        def unstructure(value: Any) -> dict[str, Any]:
            data: dict[str, Any] = made(value)
            if "name" in data and "id" in data and _named_after_id(value):
                del data["name"]
            return data

        return unstructure

    converter.register_structure_hook_factory(attrs.has, structuring)
    converter.register_unstructure_hook_factory(attrs.has, unstructuring)


def _named_after_id(value: Any) -> bool:
    unnamed: Any = attrs.evolve(value, name="")
    return bool(unnamed.name == value.name)


def _register_shorthand(converter: cattrs.Converter) -> None:
    plain_step = converter.get_structure_hook(Step)
    plain_step_out = converter.get_unstructure_hook(Step)
    converter.register_structure_hook(Of, lambda v, _: shorthand.read_of(v, converter.structure))
    converter.register_unstructure_hook(Of, lambda of: {of.kind: of.id})
    converter.register_structure_hook(
        Step,
        lambda v, _: shorthand.read_step(
            v, lambda x, cls: plain_step(x, cls) if cls is Step else converter.structure(x, cls)
        ),
    )
    converter.register_unstructure_hook(Step, lambda s: shorthand.step_data(s, plain_step_out))

    def condition_out(value: Any) -> Any:
        return shorthand.condition_data(
            value, lambda x: converter.get_unstructure_hook(type(x), cache_result=False)(x)
        )

    converter.register_structure_hook_func(
        lambda cls: cls == Condition,
        lambda v, _: shorthand.read_condition(v, converter.structure),
    )
    converter.register_unstructure_hook_func(lambda cls: cls == Condition, condition_out)
    for cls in (All, AnyOf, Not):
        converter.register_unstructure_hook(cls, condition_out)

    def measure_out(value: Any) -> Any:
        return None if value is None else shorthand.measure_data(
            value, lambda x: converter.get_unstructure_hook(type(x), cache_result=False)(x)
        )  # fmt: skip

    converter.register_structure_hook_func(
        lambda cls: cls == MaybeMeasure,
        lambda v, _: shorthand.read_measure(v, converter.structure),
    )
    converter.register_unstructure_hook_func(lambda cls: cls == MaybeMeasure, measure_out)


def _clock_text(value: time) -> str:
    return value.isoformat("minutes" if not (value.second or value.microsecond) else "auto")


def _phase(value: Any, _: Any) -> Phase:
    if isinstance(value, str):
        try:
            return Phase(value)
        except ValueError:
            near = nearest(value, ("buy", "own", "acquire", "serve"))
            hint = f"; did you mean {near!r}?" if near else ""
            raise _expected_error(value, "'buy' or 'own' (or 'acquire', 'serve')", hint) from None
    raise _expected_error(value, "'buy' or 'own'")
