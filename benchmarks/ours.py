"""journeymap on the generated log."""

from __future__ import annotations

import sys
from pathlib import Path

from answers import digest, tell, timed

from journeymap.analysis import Log, Transitions, Variants

file, times = Path(sys.argv[1]), int(sys.argv[2])
reading, log = timed(lambda: Log.read(file), times)
counting, counts = timed(lambda: log.ask(Transitions(waits=False)), times)
waiting, waits = timed(lambda: log.ask(Transitions()), times)
finding, found = timed(lambda: log.ask(Variants(top=20)), times)
every = log.ask(Variants(top=None))
real = [r for r in counts if r.source != "(start)" and r.target != "(end)"]
measured = [r for r in waits if r.wait_mean is not None]
tell(
    {
        "read and order": (reading, f"{log.customers} {log.interactions}"),
        "transitions": (counting, digest((r.source, r.target, r.count) for r in real)),
        "transitions with waits": (
            waiting,
            digest((r.source, r.target, round(r.wait_mean or 0)) for r in measured),
        ),
        "variants": (finding, digest((*r.path, r.count) for r in every)),
    }
)
