"""Values of journeys: amounts of one currency, never added across currencies."""

from __future__ import annotations

import numpy as np

from journeymap.analysis.measuring.counts import distinct
from journeymap.analysis.table.exact_amounts import NO_NUMBER, Amounts, AmountSums
from journeymap.analysis.table.part import Flags, Ints, Part
from journeymap.exceptions import AnswerError, UnknownName

__all__ = ["choose_currency", "cumulative_value", "read_amounts"]


def read_amounts(part: Part, currency: str | None) -> tuple[Amounts, Flags, frozenset[str]] | None:
    """Read amounts (0 where there is none), where they are, and their currencies.

    ``currency`` picks one; None where the log holds no values.
    """
    amounts = part.number("value")
    if amounts is None:
        return None
    there = amounts != NO_NUMBER
    names, codes = part.names("currency"), part.codes("currency")
    met = frozenset(str(names[code]) for code in distinct(codes[there]).tolist())
    if currency is not None:
        known = tuple(name for name in names if name is not None)
        if known and currency not in known:
            raise UnknownName("currency", currency, known)
        there = there & np.array([name == currency for name in names])[codes]
    return Amounts(amounts, part.number("value_fraction")).where(there), there, met


def cumulative_value(part: Part, currency: str | None) -> tuple[AmountSums | None, frozenset[str]]:
    """Sum each journey's value up to each interaction; also the currencies met."""
    found = read_amounts(part, currency)
    if found is None:
        return None, frozenset()
    amounts, _, met = found

    def accumulate(column: Ints) -> Ints:
        running = np.append(0, np.cumsum(column))
        summed: Ints = running[1:] - running[part.offsets[:-1]][part.journey]
        return summed

    return AmountSums(np.stack([accumulate(limb) for limb in amounts.limbs()])), met


def choose_currency(question: str, asked: str | None, met: frozenset[str]) -> str | None:
    """Choose the one currency of an answer; raise AnswerError if several would be mixed."""
    if len(met) > 1 and asked is None:
        first, second, *_ = sorted(met)
        message = (
            f"the log holds values in {first} and {second}, which are never added; "
            f"choose one, as with {question}(currency={first!r})"
        )
        raise AnswerError(question, message)
    return asked or next(iter(met), None)
