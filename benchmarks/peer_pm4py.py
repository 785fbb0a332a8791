"""pm4py on the generated log, in an environment of its own."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from statistics import median

from answers import digest, tell, timed

warnings.simplefilter("ignore")
with contextlib.redirect_stdout(io.StringIO()):
    import pandas as pd
    import pm4py

file, times = sys.argv[1], int(sys.argv[2])


def read() -> pd.DataFrame:
    """Read and bring into the order that pm4py's functions expect."""
    return pm4py.format_dataframe(
        pd.read_parquet(file), case_id="customer", activity_key="touchpoint", timestamp_key="at"
    )


with contextlib.redirect_stdout(io.StringIO()):
    reading, frame = timed(read, times)
    counting, counts = timed(lambda: pm4py.discover_dfg(frame)[0], times)
    waiting, waits = timed(lambda: pm4py.discover_performance_dfg(frame)[0], times)
    finding, found = timed(lambda: pm4py.get_variants(frame), times)
    lasting, lasted = timed(lambda: pm4py.get_all_case_durations(frame), times)
tell(
    {
        "read and order": (reading, f"{frame['case:concept:name'].nunique()} {len(frame)}"),
        "transitions": (counting, digest((a, b, n) for (a, b), n in counts.items())),
        "transitions with waits": (
            waiting,
            digest((a, b, round(w["mean"])) for (a, b), w in waits.items()),
        ),
        "variants": (finding, digest((*path, n) for path, n in found.items())),
        "durations": (lasting, str(median(lasted) / 86_400)),
    }
)
