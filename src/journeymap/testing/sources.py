"""The laws of sources, checked for any source: whoever writes one can prove it here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Generic, TypeVar

from hypothesis import strategies as st

from journeymap.adapters.source import Batch, RejectedRow, Source
from journeymap.exceptions import JourneyMapError
from journeymap.interactions import Record
from journeymap.testing.trials import try_laws

__all__ = ["check_source"]

T = TypeVar("T")


def check_source(
    made: Callable[[list[T]], Source],
    rows: st.SearchStrategy[list[T]],
    *,
    count: Callable[[list[T]], int] = len,
    good: Callable[[T], bool] | None = None,
    examples: int = 30,
) -> None:
    """Check the laws of a source.

    Of all: every row gives records or is rejected with a reason, none both (but for parts of a row
    that are named), none neither, and no record twice; times are aware, and an interaction is of
    its record's time and source; some row gives records. *repeats*: reading again gives the same.
    *resumes*: reading on from the cursor of any batch gives just the rest, and a cursor that is
    none is refused; some example must make more than one batch. *sets aside*: no row, however bad,
    ends the reading. A source is not asked for what it does not claim.

    Args:
        made: Makes a source that holds some rows: writes the file, fills the table.
        rows: The rows to try, good and bad.
        count: Counts the rows that the source should account for.
        good: Whether a row should give records (None: not checked row by row).
        examples: How many lists of rows are tried; ten times as many, where these show nothing.

    Raises:
        AssertionError: A law is broken; the message names it.

    >>> from attrs import evolve
    >>> from journeymap.adapters.sources.iterables import iterable_source
    >>> from journeymap.adapters.mapping.mapping import columns_mapping
    >>> calls = columns_mapping("calls", at="at", identities={"phone": "nr"}, touchpoint="what")
    >>> good = st.fixed_dictionaries({"at": st.just("2026-03-01T09:00Z"), "nr": st.just("5"),
    ...                               "what": st.just("called")})
    >>> check_source(lambda some: evolve(iterable_source(some, calls), batch=3),
    ...              st.lists(good | st.just({})), good=bool)
    """
    tried = _SourceTrial(made, count, good)

    for size in (examples, 10 * examples):  # chance may draw rows that show little
        try_laws(tried.laws, rows, st.randoms(use_true_random=False), examples=size)
        if tried.lacking() is None:
            return
    raise AssertionError(tried.lacking())


class _SourceTrial(Generic[T]):
    """A source that is tried, and how much it was tried."""

    def __init__(
        self, made: Callable[[list[T]], Source], count: Callable[[list[T]], int],
        good: Callable[[T], bool] | None,
    ) -> None:  # fmt: skip
        self.made, self.count, self.good = made, count, good
        self.batches = self.records = 0

    def laws(self, some: list[T], dice: Any) -> None:
        """Check all laws of one example."""
        source = self.made(some)
        batches = _read(source, None)
        _check_accounting(source, batches, self.count(some))
        _check_records(source, batches)
        self.batches = max(self.batches, len(batches))
        self.records += sum(len(batch.records) for batch in batches)
        if self.good is not None and batches:
            found = sum(len({record.row for record in batch.records}) for batch in batches)
            wanted = sum(map(self.good, some))
            _hold(source, found == wanted, f"{found} rows gave records; {wanted} are good")
        if "repeats" in source.claims:
            second = _read(source, None)
            _hold(
                source, _content(second) == _content(batches), "reading again gives something else"
            )
        if "resumes" in source.claims:
            _check_resuming(source, batches, dice)

    def lacking(self) -> str | None:
        """Return what the examples lack to show anything at all, or None."""
        if not self.records:
            return "no row of any example gave a record"
        if "resumes" in self.made([]).claims and self.batches < 2:
            return "no example made two batches: try more rows, or smaller batches"
        return None


def _read(source: Source, cursor: str | None) -> list[Batch]:
    try:
        return list(source.read(cursor))
    except JourneyMapError as error:
        if cursor is not None:
            raise AssertionError(
                f"{source.name}: a cursor of its own is refused ({error})"
            ) from error
        law = f"a bad row ended the reading ({error})"
        _hold(source, "sets aside" not in source.claims, law)
        return []
    except Exception as error:
        raise AssertionError(
            f"{source.name}: {type(error).__name__} came out ({error}); only JourneyMapError may"
        ) from error


def _check_accounting(source: Source, batches: Sequence[Batch], expected: int) -> None:
    if not batches and "sets aside" not in source.claims:
        return
    read = sum(batch.rows for batch in batches)
    _hold(source, read == expected, f"{read} rows were read of {expected}")
    for batch in batches:
        good = {record.row for record in batch.records}
        bad = [(one.line, one.part) for one in batch.rejected]
        whole = {line for line, part in bad if not part}
        _hold(source, len(set(bad)) == len(bad), "one row was set aside twice")
        _hold(source, good.isdisjoint(whole), "a row gave records and was set aside too")
        accounted = good | {line for line, _ in bad}
        _hold(source, len(accounted) == batch.rows, "a row gave neither records nor a reason")


def _check_records(source: Source, batches: Sequence[Batch]) -> None:
    for batch in batches:
        for one, other in pairwise(batch.records):
            twice = one.row == other.row and one == other
            _hold(source, not twice, "a row gave the same record twice")
        for rejected in batch.rejected:
            _hold(source, isinstance(rejected, RejectedRow), "what is set aside is a RejectedRow")
            _hold(source, bool(rejected.reason.strip()), "a row was set aside without a reason")
        for record in batch.records:
            _hold(source, isinstance(record, Record), "a source gives Records")
            _hold(source, record.at.utcoffset() is not None, "a time has no zone")
            happened = record.interaction
            if happened is not None:
                same = happened.at == record.at and happened.source == record.source
                _hold(source, same, "an interaction is of another time or source than its record")


def _check_resuming(source: Source, batches: Sequence[Batch], dice: Any) -> None:
    if not batches:
        return
    stops = sorted({dice.randrange(len(batches)) for _ in range(3)})
    for place in stops:
        rest = _read(source, batches[place].cursor)
        law = "reading on from a cursor loses or doubles something"
        _hold(source, _content(rest) == _content(batches[place + 1 :]), law)
    for one, other in pairwise(batches):
        _hold(source, one.cursor != other.cursor, "two batches have the same cursor")
    try:
        list(source.read("no cursor of anybody's"))
    except JourneyMapError:
        return
    _hold(source, False, "a text that is no cursor was taken for one")


def _content(batches: Sequence[Batch]) -> tuple[list[Record], list[RejectedRow]]:
    """Collect the records and rejected rows of batches, however they are cut."""
    return (
        [record for batch in batches for record in batch.records],
        [rejected for batch in batches for rejected in batch.rejected],
    )


def _hold(source: Source, held: object, law: str) -> None:
    if not held:
        raise AssertionError(f"{source.name}: {law}")
