"""Questions as text, such as ``Funnel(["cart", "purchase"])``: read as data, never evaluated."""

from __future__ import annotations

import ast
import inspect
import warnings
from typing import Any

import journeymap
from journeymap import analysis
from journeymap.exceptions import JourneyMapError, UnknownName

__all__ = ["QuestionError", "question_names", "read_question"]

_CONDITIONS = ("Absence", "All", "AnyOf", "At", "Between", "Count", "Dormancy", "Deviated",
               "HasTrait", "Not", "Sequence", "Wait", "Of")  # fmt: skip
_AROUND = ("Breakdown", "Trend", "Compare")
_PARTS = ("Where", "FunnelTarget")
_LONGEST = 10_000  # characters


class QuestionError(JourneyMapError):
    """A text that is no question.

    Attributes:
        text: The text.
        column: The column at which it is wrong (None: nowhere in particular).
        message: What is wrong.
    """

    def __init__(self, text: str, message: str, column: int | None = None) -> None:
        """Make the error."""
        self.text, self.message, self.column = text, message, column
        at = "" if column is None else f", column {column}"
        super().__init__(f"question{at}: {message}")


def question_names() -> tuple[str, ...]:
    """List the questions that can be asked.

    Returns:
        Their names, in order.
    """
    found = []
    for name in analysis.__all__:
        one = getattr(analysis, name)
        if not inspect.isclass(one) or getattr(one, "_is_protocol", False):
            continue
        if name in _AROUND or all(hasattr(one, law) for law in ("measure", "merge", "answer")):
            found.append(name)
    return tuple(sorted(set(found)))


def read_question(text: str) -> Any:
    """Read a question; a bare name is the question without arguments.

    Args:
        text: The text, such as ``Trend(Satisfaction(), every="week")``.

    Returns:
        The question.

    Raises:
        QuestionError: The text is none, or a question does not take such arguments.
        UnknownName: It names a question or condition that there is not.
        ElementError: An argument has a value that it may not have.

    >>> read_question("Transitions(by='stage')")
    Transitions(by='stage', waits=True, working_time=False)
    """
    if len(text) > _LONGEST:
        raise QuestionError(text, f"longer than {_LONGEST:,} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an escape that is none, and the like
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = getattr(error, "offset", None)
        reason = getattr(error, "msg", None) or str(error)
        raise QuestionError(text, f"it cannot be read ({reason})", place) from None
    if isinstance(tree, ast.Name):
        tree = ast.Call(tree, [], [], col_offset=tree.col_offset)
    if not isinstance(tree, ast.Call):
        raise QuestionError(text, "a question is expected, such as Funnel(['cart', 'order'])")
    try:
        found = _value(text, tree)
    except RecursionError:
        raise QuestionError(text, "it is nested too deeply") from None
    if type(found).__name__ not in question_names():
        raise UnknownName("question", type(found).__name__, question_names())
    return found


def _value(text: str, node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=parts):
            return [_value(text, part) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_value(text, part) for part in parts)
        case ast.Dict(keys=keys, values=values) if all(key is not None for key in keys):
            named = zip(keys, values, strict=True)
            pairs = [(_value(text, key), _value(text, value)) for key, value in named if key]
            if not all(isinstance(key, str) for key, _ in pairs):
                raise QuestionError(text, "the keys of {…} are texts", node.col_offset + 1)
            return dict(pairs)
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=named):
            return _made(text, name, node, parts, named)
    message = "a text, a number, a list or a name with parentheses is expected"
    raise QuestionError(text, message, node.col_offset + 1)


def _made(
    text: str, name: str, node: ast.Call, parts: list[ast.expr], named: list[ast.keyword]
) -> Any:  # fmt: skip
    known = (*question_names(), *_CONDITIONS, *_PARTS)
    if name not in known:
        raise UnknownName("question", name, known)
    kind = getattr(analysis, name, None) or getattr(journeymap, name)
    arguments = [_value(text, part) for part in parts]
    if any(one.arg is None for one in named):
        raise QuestionError(text, "** is not read", node.col_offset + 1)
    keywords = {str(one.arg): _value(text, one.value) for one in named}
    try:
        return kind(*arguments, **keywords)
    except JourneyMapError:
        raise
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        taken = ", ".join(inspect.signature(kind).parameters)
        message = f"{name} does not take this ({error}); it takes {taken}"
        raise QuestionError(text, message, node.col_offset + 1) from None
