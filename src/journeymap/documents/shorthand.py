"""The short forms of a document: conditions, references and steps as people write them.

A condition is a mapping of one key (``{outcome: failed}``); several keys in one mapping mean that
all of them hold. A step is a touchpoint's id, or a mapping when there is more to it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

from journeymap.exceptions import ElementError, listed, nearest
from journeymap.model import (
    All,
    AnyOf,
    At,
    Between,
    Condition,
    Consented,
    DeviationRate,
    Dormancy,
    HasTrait,
    Measure,
    Not,
    Of,
    Rating,
    Sequence,
    Step,
)
from journeymap.model.conditions import (
    AT_FIELDS,
    BETWEEN_FIELDS,
    NESTED,
    Occurrence,
    SimpleCondition,
)
from journeymap.model.durations import duration_text
from journeymap.model.measures import MEASURES, Feeling

__all__ = [
    "PLAIN_MEASURES",
    "condition_data",
    "measure_data",
    "read_condition",
    "read_measure",
    "read_of",
    "read_step",
    "step_data",
]

KEYS = ("all", "any", "not", *AT_FIELDS, *BETWEEN_FIELDS, *NESTED, "sequence", "consent", "trait")
SEQUENCE_KEYS = ("steps", "within", "occurrence", "consecutive")
Structure = Callable[[Any, Any], Any]


def read_condition(value: Any, structure: Structure) -> Condition:
    """Read a condition from its mapping; ``structure`` reads the classes inside."""
    if not isinstance(value, dict) or not value:
        raise ElementError("Condition", "when", value, f"a mapping with one of {listed(KEYS)}")
    parts = [_read_one(key, inner, structure) for key, inner in value.items()]
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _read_one(key: str, value: Any, structure: Structure) -> Condition:
    if key in ("all", "any"):
        if not isinstance(value, list):
            raise ElementError("Condition", key, value, "a list of conditions is expected")
        inner = tuple(read_condition(item, structure) for item in value)
        return All(inner) if key == "all" else AnyOf(inner)
    if key == "not":
        return Not(read_condition(value, structure))
    if key in AT_FIELDS:
        values = value if isinstance(value, list) else [value]
        return At(key, tuple(structure(item, str) for item in values))
    if key in BETWEEN_FIELDS:
        if not isinstance(value, dict):
            raise ElementError("Condition", key, value, "a mapping with 'at_least' or 'at_most'")
        made: Between = structure({**value, "what": key}, Between)
        return made
    if key in NESTED:
        nested: SimpleCondition = structure(value, NESTED[key])
        return nested
    if key == "sequence":
        return _read_sequence(value, structure)
    if key == "consent":
        return Consented(structure(value, str))
    if key == "trait":
        return _read_trait(value)
    near = nearest(key, KEYS)
    hint = f"; did you mean {near!r}?" if near else ""
    raise ElementError("Condition", key, value, f"unknown condition {key!r}{hint} ({listed(KEYS)})")


def _read_sequence(value: Any, structure: Structure) -> Sequence:
    """Read a list of steps, or a mapping with ``steps``; a text is a touchpoint."""
    given = {"steps": value} if isinstance(value, list) else value
    if not isinstance(given, dict) or not isinstance(given.get("steps"), list):
        message = "a list of steps is expected, or a mapping with 'steps'"
        raise ElementError("Sequence", "sequence", value, message)
    unknown = [key for key in given if key not in SEQUENCE_KEYS]
    if unknown:
        near = nearest(str(unknown[0]), SEQUENCE_KEYS)
        hint = f"; did you mean {near!r}?" if near else ""
        message = f"unknown key {unknown[0]!r}{hint} ({listed(SEQUENCE_KEYS)})"
        raise ElementError("Sequence", str(unknown[0]), value, message)
    within = given.get("within")
    return Sequence(
        *(_read_step_of_sequence(one, structure) for one in given["steps"]),
        within=None if within is None else structure(within, timedelta),
        occurrence=structure(given.get("occurrence", "any"), Occurrence),
        consecutive=structure(given.get("consecutive", False), bool),
    )


def _read_step_of_sequence(value: Any, structure: Structure) -> str | Condition:
    if isinstance(value, dict) and list(value) == ["not"] and isinstance(value["not"], str):
        return Not(structure(value["not"], str))
    return structure(value, str) if isinstance(value, str) else read_condition(value, structure)


def _sequence_data(sequence: Sequence, unstructure: Callable[[Any], Any]) -> Any:
    steps = [_step_data_of_sequence(step, unstructure) for step in sequence.steps]
    data: dict[str, Any] = {"steps": steps}
    if sequence.within is not None:
        data["within"] = duration_text(sequence.within)
    if sequence.occurrence != "any":
        data["occurrence"] = sequence.occurrence
    if sequence.consecutive:
        data["consecutive"] = True
    return steps if len(data) == 1 else data


def _step_data_of_sequence(step: Condition, unstructure: Callable[[Any], Any]) -> Any:
    if isinstance(step, At) and step.what == "touchpoint" and len(step.values) == 1:
        return step.values[0]
    if isinstance(step, Not) and not isinstance(step.condition, Not):
        return {"not": _step_data_of_sequence(step.condition, unstructure)}
    return condition_data(step, unstructure)


def _read_trait(value: Any) -> HasTrait:
    """Read ``{segment: gold}``, ``{segment: [gold, silver]}`` or ``segment is gold``."""
    if isinstance(value, str):
        name, is_, wanted = value.partition(" is ")
        if is_ and wanted.strip():
            values = [one.strip(" ") for one in wanted.split(" or ")]
            return HasTrait(name.strip(" "), list(dict.fromkeys(values)))
    if isinstance(value, dict) and len(value) == 1:
        [(name, wanted)] = value.items()
        values = wanted if isinstance(wanted, list) else [wanted]
        if all(isinstance(one, (str, int, float)) for one in values):
            return HasTrait(name, values)
    message = "one trait and its value is expected: {segment: gold}, or 'segment is gold'"
    raise ElementError("Condition", "trait", value, message)


def condition_data(condition: Condition, unstructure: Callable[[Any], Any]) -> dict[str, Any]:
    """Write the mapping of a condition, which ``read_condition`` reads back."""
    if isinstance(condition, (All, AnyOf)):
        key = "all" if isinstance(condition, All) else "any"
        return {key: [condition_data(inner, unstructure) for inner in condition.conditions]}
    if isinstance(condition, Not):
        return {"not": condition_data(condition.condition, unstructure)}
    if isinstance(condition, At):
        values = list(condition.values)
        return {condition.what: values[0] if len(values) == 1 else values}
    if isinstance(condition, Sequence):
        return {"sequence": _sequence_data(condition, unstructure)}
    if isinstance(condition, Consented):
        return {"consent": condition.purpose}
    if isinstance(condition, HasTrait):
        values = list(condition.values)
        return {"trait": {condition.name: values[0] if len(values) == 1 else values}}
    data = dict(unstructure(condition))
    if isinstance(condition, Between):
        return {data.pop("what"): data}
    return {next(key for key, cls in NESTED.items() if type(condition) is cls): data}


PLAIN_MEASURES: dict[str, Measure] = {
    **{what: Rating(what) for what in get_args(Feeling)},
    "dormancy": Dormancy(),
    "deviations": DeviationRate(),
}
"""The measures that are written as one word."""


def read_measure(value: Any, structure: Structure) -> Measure | None:
    """Read a measure: one word, or a mapping of one key."""
    if value is None:
        return None
    known = (*PLAIN_MEASURES, *MEASURES)
    if isinstance(value, str) and value in PLAIN_MEASURES:
        return PLAIN_MEASURES[value]
    if isinstance(value, dict) and len(value) == 1:
        [(key, inner)] = value.items()
        if key in MEASURES:
            made: Measure = structure(inner, MEASURES[key])
            return made
        value = key
    near = nearest(value, known) if isinstance(value, str) else None
    hint = f"; did you mean {near!r}?" if near else ""
    message = f"a measure is expected, one of {listed(known)}{hint}"
    raise ElementError("Metric", "measure", value, message)


def measure_data(measure: Measure, unstructure: Callable[[Any], Any]) -> Any:
    """Write a measure, which ``read_measure`` reads back."""
    plain = next((word for word, one in PLAIN_MEASURES.items() if one == measure), None)
    if plain is not None:
        return plain
    return {next(key for key, cls in MEASURES.items() if type(measure) is cls):
            unstructure(measure)}  # fmt: skip


def read_of(value: Any, structure: Structure) -> Of:
    """Read the element that a metric belongs to, from a mapping of one key: ``{stage: use}``."""
    if not isinstance(value, dict) or len(value) != 1:
        message = "a mapping of one kind to one id is expected, such as {stage: use}"
        raise ElementError("Of", "of", value, message)
    [(kind, name)] = value.items()
    return Of(kind, structure(name, str))


def read_step(value: Any, structure: Structure) -> Step:
    """Read a step from a touchpoint's id or a mapping."""
    if isinstance(value, str):
        return Step((structure(value, str),))
    for name in ("one_of", "all_of"):
        if isinstance(value, dict) and isinstance(value.get(name), str):
            value = {**value, name: [value[name]]}
    made: Step = structure(value, Step)
    return made


def step_data(step: Step, unstructure: Callable[[Any], Any]) -> Any:
    """Write a step in its short form: its id alone where that is all."""
    plain = len(step.one_of) == 1 and not step.optional and not step.repeatable
    return step.one_of[0] if plain else unstructure(step)
