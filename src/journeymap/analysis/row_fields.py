"""The fields of answer rows declare what they are: a key, a count, a share, seconds or a bound.

Display and `Compare` read that. A field is declared by its type, as in ``count: Count`` or
``wait_mean: Seconds | None``; one with a plain type is a key if it is text, a count if it is a
whole number, and a mean if it is any other number.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeAlias,
    Union,
    assert_never,
    get_args,
    get_origin,
    get_type_hints,
)

from attrs import fields, frozen

__all__ = [
    "Amount",
    "Bound",
    "Chance",
    "Count",
    "Error",
    "Field",
    "FieldKind",
    "Flag",
    "Instant",
    "Key",
    "Mean",
    "N",
    "Names",
    "NumberKey",
    "PathKey",
    "Seconds",
    "Share",
    "Text",
    "TotalSeconds",
    "fields_of",
    "is_compared",
]

FieldKind: TypeAlias = Literal[
    "key", "text", "flag", "instant", "count", "n", "share", "seconds", "total seconds", "mean",
    "amount", "bound", "chance", "error", "points",
]  # fmt: skip
"""Keys name a row; *n* is what its shares and means are taken over; *seconds* are a mean or a
quantile, *total seconds* a sum; a *bound* is one end of an interval, an *error* bounds how far a
number is from exact; *points* are a difference of shares."""


@frozen
class Field:
    """The kind of a field of a row.

    Attributes:
        kind: The kind.
        of: Of a share, the field that it is a share of, if it is in the row; of a bound, the field
            that it bounds.
    """

    kind: FieldKind
    of: str | None = None


Key: TypeAlias = Annotated[str, Field("key")]
NumberKey: TypeAlias = Annotated[int, Field("key")]
PathKey: TypeAlias = Annotated[tuple[str, ...], Field("key")]
Names: TypeAlias = Annotated[tuple[str, ...], Field("text")]
Text: TypeAlias = Annotated[str, Field("text")]
Flag: TypeAlias = Annotated[bool, Field("flag")]
Instant: TypeAlias = Annotated[datetime, Field("instant")]
Count: TypeAlias = Annotated[int, Field("count")]
N: TypeAlias = Annotated[int, Field("n")]
Share: TypeAlias = Annotated[float, Field("share", of="n")]
Seconds: TypeAlias = Annotated[float, Field("seconds")]
TotalSeconds: TypeAlias = Annotated[float, Field("total seconds")]
Mean: TypeAlias = Annotated[float, Field("mean")]
Amount: TypeAlias = Annotated[float, Field("amount")]
Bound: TypeAlias = Annotated[float, Field("bound", of="share")]
Chance: TypeAlias = Annotated[float, Field("chance")]
Error: TypeAlias = Annotated[float, Field("error")]


def fields_of(kind: Any) -> dict[str, Field]:
    """Read the declared fields of a row class, or of an answer class, by name."""
    return _read_fields(kind)


@cache
def _read_fields(kind: Any) -> dict[str, Field]:
    hints = get_type_hints(kind, include_extras=True)
    return {a.name: _declared(hints[a.name]) for a in fields(kind)}


def _declared(hint: Any) -> Field:
    if get_origin(hint) is Annotated:
        declared = next((one for one in get_args(hint)[1:] if isinstance(one, Field)), None)
        return declared or _declared(get_args(hint)[0])
    if get_origin(hint) in (tuple, Literal) or hint is str:
        return Field("key")
    if get_origin(hint) in (Union, UnionType):
        return _declared(next(part for part in get_args(hint) if part is not type(None)))
    plain: dict[Any, FieldKind] = {bool: "flag", int: "count", float: "mean", datetime: "instant",
                                   date: "instant"}  # fmt: skip
    return Field(plain.get(hint, "text"))


def is_compared(field: Field) -> bool:
    """Check whether subsets can be compared by a field: a share, a mean, a quantile."""
    match field.kind:
        case "share" | "seconds" | "mean":
            return True
        case (
            "key" | "text" | "flag" | "instant" | "count" | "n" | "total seconds" | "amount"
            | "bound" | "chance" | "error" | "points"
        ):  # fmt: skip
            return False
        case _:
            assert_never(field.kind)
