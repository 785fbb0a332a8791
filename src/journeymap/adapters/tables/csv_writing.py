"""Interactions written as CSV, so that reading the file gives them back.

Only a name that a spreadsheet would run as a formula comes back with an apostrophe in front, and
scores on another scale than the usual one need ``Columns(scales=…)``.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from journeymap.interactions import Interaction
from journeymap.interactions.values import name_of

__all__ = ["COLUMNS", "FORMULA", "SIGNED_NUMBER", "write_csv"]

FORMULA = r"^[=+\-@\t\r＝＋－＠]"
"""How a text begins that a spreadsheet takes for a formula, in some languages by wide signs."""
SIGNED_NUMBER = r"^[+-][0-9 ]*$"
"""Texts that begin so, and are no formula."""
_FORMULA, _SIGNED_NUMBER = re.compile(FORMULA), re.compile(SIGNED_NUMBER)

COLUMNS = (
    "id", "customer", "touchpoint", "at", "source", "channel", "department", "process", "product",
    "outcome", "emotion", "emotion_after", "score", "score_kind", "value", "currency", "duration",
    "cost", "referred_by",
)  # fmt: skip


def write_csv(
    interactions: Iterable[Interaction],
    path: str | os.PathLike[str],
    *,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write interactions, one a row; answers how many. What they carry as ``extra`` is left out.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    number = 0
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, one in enumerate(interactions, 1):
            writer.writerow(_row(one))
            if progress and number % 20_000 == 0:
                progress(number)
    return number


def _row(one: Interaction) -> list[object]:
    names = (one.id, one.customer, one.touchpoint)
    known = (one.source, one.channel, one.department, one.process, one.product, one.outcome)
    return [
        *(_plain(name) for name in names),
        one.at.isoformat(),
        *(_plain(name) for name in known),
        one.emotion,
        one.emotion_after,
        one.score.value if one.score else None,
        one.score.kind if one.score else None,
        one.value.amount if one.value else None,
        _plain(one.value.currency) if one.value else None,
        one.duration.total_seconds() if one.duration is not None else None,
        one.cost,
        _plain(name_of(one.referred_by)),
    ]


def _plain(name: str | None) -> str | None:
    if not name or not _FORMULA.match(name) or _SIGNED_NUMBER.fullmatch(name):
        return name
    return f"'{name}"
