"""The fold inside Spark: a stream of interactions becomes a stream of signals.

Spark keeps each customer's state (as JSON) and calls the tracker; nothing of journeymap runs
beside it. Run it with ``python examples/spark_stream.py FOLDER``: it reads JSON lines from
FOLDER/in, writes signals to FOLDER/out, and remembers in FOLDER/checkpoint how far it came. It
needs the extra ``spark`` and Java.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import from_json
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from journeymap import Tracker
from journeymap.interactions.codec import read_interaction
from journeymap.simulation import broadband
from journeymap.tracking.codec import signal_text


class Follow(StatefulProcessor):
    """One tracker for all customers; Spark keeps what it says of each."""

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Make a tracker, and ask Spark for a place to keep states."""
        self.tracker = Tracker(broadband(), horizon=timedelta(days=1))
        self.state = handle.getValueState("state", "text STRING")

    def handleInputRows(  # noqa: N802  # Spark's name
        self,
        key: Any,
        rows: Iterator[pd.DataFrame],
        timerValues: Any,  # noqa: N803
    ) -> Iterator[pd.DataFrame]:
        """Fold a batch of one customer's interactions."""
        found = [read_interaction(json.loads(text)) for frame in rows for text in frame["value"]]
        kept = self.state.get()
        before = None if kept is None else self.tracker.from_json(kept[0])
        state, signals = self.tracker.follow(before, found)
        self.state.update((self.tracker.to_json(state),))
        yield pd.DataFrame(
            {
                "customer": [key[0]] * len(signals),
                "signal": [signal_text(signal) for signal in signals],
            }
        )

    def close(self) -> None:
        """Nothing to let go of."""


def run(spark: SparkSession, folder: Path) -> None:
    """Work through everything that has come in, and stop."""
    lines = spark.readStream.text(str(folder / "in"))
    named = lines.withColumn("customer", from_json("value", "customer STRING").customer)
    signals = named.groupBy("customer").transformWithStateInPandas(
        statefulProcessor=Follow(),
        outputStructType="customer STRING, signal STRING",
        outputMode="Append",
        timeMode="None",
    )
    query = (
        signals.writeStream.format("json")
        .option("checkpointLocation", str(folder / "checkpoint"))
        .trigger(availableNow=True)
        .start(str(folder / "out"))
    )
    query.awaitTermination()


def main(folder: str) -> None:
    """Set Spark up for states that live in RocksDB."""
    provider = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.streaming.stateStore.providerClass", provider)
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    try:
        run(spark, Path(folder))
    finally:
        spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
