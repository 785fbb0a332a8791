"""The laws of questions, checked for any question: whoever writes one can prove it here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

from journeymap.exceptions import require
from journeymap.interactions import Interaction
from journeymap.model import JourneyMap
from journeymap.testing.strategies import interactions
from journeymap.testing.trials import try_laws

if TYPE_CHECKING:
    from journeymap.analysis import Log, Question

__all__ = ["check_question"]

_CUSTOMERS = ("ada", "ben", "cyd", "dan", "eve")


def check_question(
    question: Question[Any],
    *,
    map: JourneyMap | None = None,  # noqa: A002
    given_: st.SearchStrategy[list[Interaction]] | None = None,
    examples: int = 50,
) -> None:
    """Check the laws that let a question be answered anywhere.

    Any split of the customers into parts, merged in any order, gives the answer of the whole;
    merging leaves both measurements as they were; measurements survive being sent; the order of
    arrival does not matter, nor does an empty part.

    Args:
        question: The question.
        map: The map of the logs to try.
        given_: The logs to try (None: small ones at touchpoints a, b, c).
        examples: How many logs are tried.

    Raises:
        AssertionError: A law is broken; the message names it.

    >>> from attrs import frozen
    >>> @frozen
    ... class Longest:
    ...     def measure(self, part):
    ...         return max((int(n) for n in part.offsets[1:] - part.offsets[:-1]), default=0)
    ...     def merge(self, one, other):
    ...         return one + other  # wrong: the longest of two parts is not their sum
    ...     def answer(self, measured, scope):
    ...         return measured
    >>> check_question(Longest())
    Traceback (most recent call last):
    ...
    AssertionError: Longest(): parts merged in some order give another answer than the whole
    """
    require("analysis", "numpy", "polars")
    from journeymap.analysis import Log

    some = given_ or st.lists(interactions(customers=_CUSTOMERS), max_size=30)

    def laws(taken: list[Interaction], dice: Any) -> None:
        log = Log.from_interactions(taken, map=map)
        [part] = log.parts(None)
        whole = question.answer(question.measure(part), log.scope)
        _check_parts(question, log, whole, dice)
        # Ties keep the order of arrival, so this law speaks of interactions at different times.
        apart = list({(one.customer, one.at): one for one in taken}.values())
        first = Log.from_interactions(apart, map=map).ask(question)
        dice.shuffle(apart)
        reordered = Log.from_interactions(apart, map=map).ask(question)
        _hold(question, _same(first, reordered), "the order of arrival changes the answer")

    try_laws(laws, some, st.randoms(use_true_random=False), examples=examples)


def _check_parts(question: Question[Any], log: Log, whole: Any, dice: Any) -> None:
    from journeymap.engines.wire import pack, unpack

    empty = log.where(customer="nobody at all")
    pieces = [question.measure(part) for some in (log, empty) for part in some.parts(1)]
    for piece in pieces:
        back = unpack(pack(piece))
        _hold(question, pack(back) == pack(piece), "a measurement changes when it is sent")
    while len(pieces) > 1:
        one = pieces.pop(dice.randrange(len(pieces)))
        other = pieces.pop(dice.randrange(len(pieces)))
        before = pack(one), pack(other)
        pieces.append(question.merge(one, other))
        kept = (pack(one), pack(other)) == before
        _hold(question, kept, "merging changes what is merged")
    merged = question.answer(pieces[0], log.scope)
    law = "parts merged in some order give another answer than the whole"
    _hold(question, _same(whole, merged), law)


def _hold(question: Question[Any], held: object, law: str) -> None:
    if not held:
        raise AssertionError(f"{question!r}: {law}")


def _same(one: Any, other: Any) -> bool:
    """Check that answers are equal, and equal in what stands beside their rows."""
    if type(one) is not type(other):
        return False
    if not attrs.has(type(one)):
        return bool(one == other)
    beside = [
        _alike(getattr(one, field.name), getattr(other, field.name))
        for field in attrs.fields(type(one))
        if field.eq and field.name != "frame"
    ]
    return bool(one == other) and all(beside)


def _alike(one: Any, other: Any) -> bool:
    """Check that two fields are equal; a frame compares itself."""
    return bool(one.equals(other) if hasattr(one, "equals") else one == other)
