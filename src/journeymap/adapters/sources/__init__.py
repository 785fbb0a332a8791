"""Sources that come with journeymap: files, process logs, databases, messages, iterables."""

from journeymap.adapters.sources.files import (
    csv_source,
    json_lines_source,
    json_source,
    parquet_source,
)
from journeymap.adapters.sources.iterables import iterable_source
from journeymap.adapters.sources.messages import MessageSource
from journeymap.adapters.sources.ocel import ocel_source
from journeymap.adapters.sources.row_source import Row, RowSource
from journeymap.adapters.sources.sampling import sample_payloads
from journeymap.adapters.sources.sql import SqlSource, duckdb_source
from journeymap.adapters.sources.xes import xes_source

__all__ = [
    "MessageSource",
    "Row",
    "RowSource",
    "SqlSource",
    "csv_source",
    "duckdb_source",
    "iterable_source",
    "json_lines_source",
    "json_source",
    "ocel_source",
    "parquet_source",
    "sample_payloads",
    "xes_source",
]
