"""A log on a Spark cluster: Spark spreads the customers, the same questions measure each part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl
from attrs import evolve, frozen

from journeymap.adapters.source import RejectedRow
from journeymap.adapters.tables.rows import Rows, require_columns
from journeymap.analysis import Columns, Question
from journeymap.analysis.askable import Askable, LogSize, make_scope
from journeymap.analysis.question import merge_parts
from journeymap.analysis.table.checking import (
    CheckedRows,
    Dropped,
    Rejected,
    check_rows,
    row_texts,
)
from journeymap.analysis.table.encoding import KnownNames, apply_map, encode_rows
from journeymap.analysis.table.guessing import guess_columns
from journeymap.analysis.table.part import LogView, Scope
from journeymap.analysis.table.table import Table
from journeymap.engines.wire import pack, unpack
from journeymap.exceptions import ColumnsError, JourneyMapError, SourceError, require
from journeymap.model import JourneyMap

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

__all__ = ["SparkLog"]

_ARRIVAL = "arrival"
_DUPLICATE = "duplicate"
_NAME = "the Spark DataFrame"
MAX_REJECTED = 1_000
"""Rejected rows that each part of the cluster sends to the driver, whose memory is small."""
Batches = Iterable["pa.RecordBatch"]


@frozen(eq=False, repr=False)
class SparkLog(Askable):
    """Recorded interactions in a Spark DataFrame.

    Make one with ``SparkLog.from_frame``. It answers every question as ``Log`` does: Spark brings
    the interactions of each customer together, each task measures its customers with the very same
    code, and the measurements are merged here. journeymap must be installed on the workers.

    Attributes:
        map: The map by which interactions are read.
        frame: The rows, numbered.
        columns: Which column is which.
        partitions: Into how many parts customers are spread (None: as many as Spark would).
    """

    map: JourneyMap | None
    frame: DataFrame
    columns: Columns
    _wanted: tuple[str, ...]
    partitions: int | None
    _views: tuple[LogView, ...] = ()

    @classmethod
    def from_frame(
        cls,
        frame: DataFrame,
        columns: Columns | None = None,
        *,
        map: JourneyMap | None = None,  # noqa: A002
        partitions: int | None = None,
    ) -> SparkLog:
        """Take a DataFrame; ties in time keep the order that it has.

        Args:
            frame: The DataFrame.
            columns: Which column is which (None: guessed by well-known names).
            map: The map by which interactions are read.
            partitions: Into how many parts customers are spread (None: as many as Spark would);
                each must fit a worker's memory.

        Returns:
            The log.

        Raises:
            MissingExtra: pyspark or pyarrow is not installed.
            SourceError: The object is no Spark DataFrame.
            ColumnsError: A column that was named is missing, or holds something else.
        """
        require("spark", "pyspark", "pyarrow")
        from pyspark.sql import functions as fn

        given: Any = frame
        if not (hasattr(given, "mapInArrow") and hasattr(given, "schema")):
            raise SourceError(f"a {type(frame).__name__}", "a Spark DataFrame is expected")
        chosen = guess_columns(frame.columns) if columns is None else columns
        wanted = chosen.wanted(frame.columns)
        require_columns(wanted, frame.columns, _NAME)
        for name in wanted:
            kind = frame.schema[name].dataType.typeName()
            if kind in ("struct", "array", "map", "binary", "variant"):
                raise ColumnsError(f"column {name!r} holds a {kind}, not names, times or numbers")
        # On the way the columns have names that no engine stumbles over.
        picked = [fn.col(_quoted(name)).alias(f"c{i}") for i, name in enumerate(wanted)]
        numbered = frame.select(*picked, fn.monotonically_increasing_id().alias(_ARRIVAL))
        return cls(map, numbered, chosen, tuple(wanted), partitions)

    @property
    def levels(self) -> tuple[str, ...]:
        """The values that ``by=`` can have for this log."""
        return self._survey.levels

    @property
    def rejected(self) -> Rejected:
        """Some of the rows that could not be read; ``rejected_reasons`` counts them all.

        Their ``line`` is the place that Spark gave the row.
        """
        return Rejected(self._survey.rejected)

    @property
    def dropped(self) -> Dropped:
        """Some of the values that were left out of interactions that were kept."""
        return Dropped(self._survey.dropped)

    @property
    def rejected_reasons(self) -> Counter[str]:
        """How many rows were set aside for each reason."""
        return self._survey.reasons

    def __repr__(self) -> str:
        return f"<SparkLog of {self.interactions:,} interactions of {self.customers:,} customers>"

    @property
    def _whole_scope(self) -> tuple[Scope, LogSize]:
        found = self._survey
        return make_scope(self.map, self.columns, found.counted), found.counted

    @cached_property
    def _scope_and_size(self) -> tuple[Scope, LogSize]:
        return self._measure_size()

    def _with_view(self, view: LogView) -> Self:
        return evolve(self, views=(*self._views, view))

    @cached_property
    def _survey(self) -> _Survey:
        """One pass over the cluster: what names, times and customers there are."""
        columns, journey = self.columns, self.map

        def work(rows: Rows) -> _Survey:
            checked = check_rows(rows, columns)
            return _Survey.of(encode_rows(checked, journey), checked)

        found: list[_Survey] = _on_cluster(self._spread, self._wanted, work)
        return reduce(_Survey.merge, found)

    def _measure(self, questions: tuple[Question[Any], ...], scope: Scope) -> list[Any]:
        columns, journey, views = self.columns, self.map, self._views
        known: KnownNames = self._survey.names
        frame = self._spread

        def work(rows: Rows) -> list[Any]:
            table = apply_map(encode_rows(check_rows(rows, columns), None), journey, known)
            return table.measure(questions, scope, views)

        return merge_parts(questions, _on_cluster(frame, self._wanted, work))

    @cached_property
    def _spread(self) -> DataFrame:
        """The rows with all of a customer's in one part, duplicates of an id marked."""
        from pyspark.sql import functions as fn

        frame, columns = self.frame, self.columns
        if columns.id is None:
            frame = frame.withColumn(_DUPLICATE, fn.lit(None).cast("string"))
        else:
            given, arrival = self._text(columns.id), fn.col(_ARRIVAL).cast("string")
            key = fn.when(fn.trim(given) != "", given).otherwise(arrival)
            marked = frame.withColumn(_DUPLICATE, fn.lit(None).cast("string")).schema
            spread = _spread_by(frame, key, self.partitions)
            frame = spread.mapInArrow(_marking(columns, self._wanted), marked)
        return _spread_by(frame, self._text(columns.customer), self.partitions)

    def _text(self, column: str) -> Any:
        """Convert a column to text that is equal where we read equal names."""
        from pyspark.sql import functions as fn

        place = self._wanted.index(column)
        found = fn.col(f"c{place}")
        if self.frame.schema[f"c{place}"].dataType.typeName() in ("float", "double"):
            found = found + fn.lit(0.0)  # so that -0.0 is 0.0
        if self.frame.schema[f"c{place}"].dataType.typeName() == "string":
            found = fn.regexp_replace(
                fn.regexp_replace(found, r"(?U)^\s+|\s+$", ""), r"[\t\n\r]+", " "
            )
        return found.cast("string")


@frozen(eq=False)
class _Survey:
    """The names, times, customers and rejected rows of one part of the rows."""

    names: KnownNames
    levels: tuple[str, ...]
    counted: LogSize
    reasons: Counter[str]
    rejected: pl.DataFrame
    dropped: pl.DataFrame

    @classmethod
    def of(cls, table: Table, checked: CheckedRows) -> _Survey:
        names = {
            role: tuple(sorted(name for name in level.names if name is not None))
            for role, level in table.levels.items()
            if level.codes is not None
        }
        customers, scope = len(table.ids), table.scope
        counted = LogSize(customers, customers, len(table), scope.first, scope.last)
        aside, dropped = (
            found.to_polars().head(MAX_REJECTED) for found in (checked.rejected, checked.dropped)
        )
        return cls(names, table.readable, counted, checked.rejected.reasons, aside, dropped)

    def merge(self, other: _Survey) -> _Survey:
        roles = dict.fromkeys([*self.names, *other.names])
        names = {
            role: tuple(sorted({*self.names.get(role, ()), *other.names.get(role, ())}))
            for role in roles
        }
        levels = tuple(dict.fromkeys(self.levels + other.levels))
        counted = self.counted.merge(other.counted)
        rejected = pl.concat([self.rejected, other.rejected])
        dropped = pl.concat([self.dropped, other.dropped])
        return _Survey(names, levels, counted, self.reasons + other.reasons, rejected, dropped)


def _on_cluster(frame: DataFrame, names: tuple[str, ...], work: Callable[[Rows], Any]) -> list[Any]:
    """Do work on the rows of each part, and bring the results home; on no rows, without a part."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        rows = _rows(batches, names)
        if rows is None:
            return
        try:
            sent = pack(work(rows))
        except JourneyMapError as error:  # told by the one who asked, in its own words
            sent = pack(_Refused(error))
        yield pa.RecordBatch.from_pydict({"measured": [sent]})

    found = [row.measured for row in frame.mapInArrow(run, "measured binary").collect()]
    if not found:
        empty = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        return [work(Rows(empty, np.zeros(0, dtype=np.int64), (), _NAME))]
    measured = [unpack(bytes(one)) for one in found]
    refused = next((one for one in measured if isinstance(one, _Refused)), None)
    if refused is not None:
        raise refused.error
    return measured


@frozen(eq=False)
class _Refused:
    """An error of a part of the cluster, to be raised here."""

    error: JourneyMapError


def _marking(
    columns: Columns, names: tuple[str, ...]
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """Make a function that marks repeated rows of a source and id, all in one part."""

    def run(batches: Batches) -> Iterator[pa.RecordBatch]:
        frame = _ordered(batches)
        if frame is None:
            return
        rows = Rows(_named(frame, names), _lines(frame), (), _NAME)
        found = check_rows(rows, columns).rejected.to_polars()
        repeated = found.filter(pl.col("reason").str.starts_with("a duplicate"))
        reasons = repeated.select((pl.col("line") - 1).alias(_ARRIVAL), repeated=pl.col("reason"))
        marked = frame.join(reasons, on=_ARRIVAL, how="left", maintain_order="left")
        yield from marked.rename({"repeated": _DUPLICATE}).to_arrow().to_batches()

    return run


def _rows(batches: Batches, names: tuple[str, ...]) -> Rows | None:
    """Order the rows of one part by arrival, duplicates set aside; None without any."""
    frame = _ordered(batches)
    if frame is None:
        return None
    repeated = frame.filter(pl.col(_DUPLICATE).is_not_null())
    held = row_texts(_named(repeated, names))
    rejected = tuple(
        map(RejectedRow, _lines(repeated).tolist(), repeated[_DUPLICATE].to_list(), held)
    )
    frame = frame.filter(pl.col(_DUPLICATE).is_null())
    return Rows(_named(frame, names), _lines(frame), rejected, _NAME)


def _ordered(batches: Batches) -> pl.DataFrame | None:
    frames = [pl.DataFrame(pl.from_arrow(batch)) for batch in batches if batch.num_rows]
    return pl.concat(frames).sort(_ARRIVAL) if frames else None


def _named(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Give the columns their own names again."""
    return frame.select(pl.col(f"c{place}").alias(name) for place, name in enumerate(names))


def _lines(frame: pl.DataFrame) -> Any:
    return frame[_ARRIVAL].to_numpy() + np.int64(1)


def _spread_by(frame: DataFrame, key: Any, partitions: int | None) -> DataFrame:
    return frame.repartition(key) if partitions is None else frame.repartition(partitions, key)


def _quoted(column: str) -> str:
    return f"`{column.replace('`', '``')}`"
