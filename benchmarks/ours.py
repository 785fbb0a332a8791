"""journeymap on the generated log."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from answers import GAP, STEPS, digest, tell, timed
from attrs import frozen

from journeymap.analysis import Funnel, Log, Part, Scope, Transitions, Variants
from journeymap.analysis.measuring.quantiles import Spread, spread_lengths

file, times = Path(sys.argv[1]), int(sys.argv[2])


@frozen
class Durations:
    """A question of one's own: the median time from the first interaction to the last."""

    def measure(self, part: Part) -> Spread:
        """How long each journey took."""
        lengths = part.at[part.offsets[1:] - 1] - part.at[part.offsets[:-1]]
        return spread_lengths(np.zeros(len(lengths), dtype=np.int64), lengths)

    def merge(self, one: Spread, other: Spread) -> Spread:
        """Put together."""
        return one.merge(other)

    def answer(self, measured: Spread, scope: Scope) -> float:
        """The median, in seconds."""
        [found] = measured.quantiles(np.zeros(1, dtype=np.int64), (0.5,))
        return float(found[0])


@frozen
class Steps:
    """A question of one's own: how many journeys are at each touchpoint, step by step."""

    most: int

    def measure(self, part: Part) -> Any:
        """Count touchpoints by their place in the journey."""
        names = part.names("touchpoint")
        place = np.arange(len(part)) - np.repeat(part.offsets[:-1], np.diff(part.offsets))
        early = place < self.most
        cells = place[early] * len(names) + part.touchpoints[early]
        return np.bincount(cells, minlength=self.most * len(names)).reshape(self.most, -1)

    def merge(self, one: Any, other: Any) -> Any:
        """Add up; a log has one set of names."""
        return one + other

    def answer(self, measured: Any, scope: Scope) -> Any:
        """A row for each step, a column for each touchpoint."""
        return measured[:, 1:]


reading, log = timed(lambda: Log.read(file), times)
counting, counts = timed(lambda: log.ask(Transitions(waits=False)), times)
waiting, waits = timed(lambda: log.ask(Transitions()), times)
finding, found = timed(lambda: log.ask(Variants(top=20)), times)
lasting, lasted = timed(lambda: log.ask(Durations()), times)
stepping, stepped = timed(lambda: log.ask(Steps(10)), times)
funnelling, funnel = timed(lambda: log.ask(Funnel(STEPS)), times)
cutting, cut = timed(lambda: log.sessions(timedelta(hours=GAP)).journeys, times)
every = log.ask(Variants(top=None))
real = [r for r in counts if r.source != "(start)" and r.target != "(end)"]
measured = [r for r in waits if r.wait_mean is not None]
names = [str(name) for name in log.table.levels["touchpoint"].names[1:]]
tell(
    {
        "read and order": (reading, f"{log.customers} {log.interactions}"),
        "transitions": (counting, digest((r.source, r.target, r.count) for r in real)),
        "transitions with waits": (
            waiting,
            digest((r.source, r.target, round(r.wait_mean or 0)) for r in measured),
        ),
        "variants": (finding, digest((*r.path, r.count) for r in every)),
        "durations": (lasting, str(lasted / 86_400)),
        "funnel": (funnelling, digest((row.count,) for row in funnel)),
        "steps": (
            stepping,
            digest(
                (step, name, int(n))
                for step, row in enumerate(stepped, 1)
                for name, n in zip(names, row, strict=True)
            ),
        ),
        "sessions": (cutting, str(cut)),
    }
)
if len(sys.argv) > 3:  # what the log itself takes, and how fast memory can be read at best
    held = log.table.at.nbytes + log.table.touchpoints.nbytes + log.table.offsets.nbytes
    bytes_ = held / log.interactions
    column = np.concatenate([log.table.at] * 8)
    reads, _ = timed(lambda: column.max(), times)
    best = column.nbytes / min(reads) / 1e9
    touched = log.table.touchpoints.nbytes + log.table.offsets.nbytes + len(log.table.ids) * 4
    asked = {"transitions": touched, "transitions with waits": touched + log.table.at.nbytes}
    seconds = {"transitions": min(counting), "transitions with waits": min(waiting)}
    print(f"\nmemory of the ordered log: {bytes_:.1f} bytes an interaction", file=sys.stderr)
    print(f"memory is read at {best:.1f} GB/s at best (numpy max, one core)", file=sys.stderr)
    for name, size in asked.items():
        rate = size / seconds[name] / 1e9
        print(f"{name}: {rate:.2f} GB/s of the log, {100 * rate / best:.1f} %", file=sys.stderr)
