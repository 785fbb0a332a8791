"""Engines: logs in folders of Parquet files, and on a Spark cluster."""

from journeymap.exceptions import require

require("analysis", "numpy", "polars")

# ruff: noqa: E402  # what follows needs the extra
from journeymap.engines.parquet_log import ParquetLog
from journeymap.engines.spark_log import SparkLog

__all__ = ["ParquetLog", "SparkLog"]
