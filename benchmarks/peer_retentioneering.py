"""Retentioneering on the generated log, in an environment of its own."""

from __future__ import annotations

import os
import sys

from answers import GAP, STEPS, digest, tell, timed

os.environ["RETENTIONEERING_NO_TRACK"] = "1"
import pandas as pd
from retentioneering import Eventstream

file, times = sys.argv[1], int(sys.argv[2])
SCHEMA = {"path_cols": ["customer"], "event_col": "touchpoint", "timestamp_col": "at"}
reading, stream = timed(lambda: Eventstream(pd.read_parquet(file), schema=SCHEMA), times)
counting, counts = timed(lambda: stream.transition_graph_data(edge_weight="count"), times)
funnelling, funnel = timed(lambda: stream.funnel_data(steps=list(STEPS)), times)
stepping, steps = timed(lambda: stream.step_matrix_data(max_steps=10), times)
cutting, cut = timed(lambda: stream.split_sessions(timeout=f"{GAP}h"), times)
real = [name for name in counts.index if not name.startswith("path_")]
paths = len(pd.read_parquet(file, columns=["customer"])["customer"].unique())
pairs = ((a, b, int(counts.loc[a, b])) for a in real for b in real)
tell(
    {
        "read and order": (
            reading, f"{paths} {len(pd.read_parquet(file, columns=['customer']))}",
        ),
        "transitions": (counting, digest(pair for pair in pairs if pair[2])),
        "funnel": (funnelling, digest((one["unique_paths"],) for one in funnel["steps"])),
        "steps": (
            stepping,
            digest(
                (int(step), name, round(steps.loc[name, step] * paths))
                for step in steps.columns
                for name in real
                if 1 <= int(step) <= 10
            ),
        ),
        "sessions": (cutting, str(cut.df["session_id"].nunique())),
    }
)  # fmt: skip
