"""What a value costs, and the start: `make bench-values`.

Interactions as tuples, as trusted values and as checked ones, made of the same columns; histories
read back out of a log; and the time that `import journeymap` adds to its dependencies.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import timeit
from collections import namedtuple
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import astuple, fields

from journeymap import Interaction
from journeymap.analysis import Log, Signals
from journeymap.interactions.trusted import make_interaction
from journeymap.profile import FrontLine
from journeymap.simulation import broadband, broadband_customers

Row = namedtuple("Row", [one.name for one in fields(Interaction)])  # type: ignore[misc]
_START = """
import time
import attrs, cattrs, dateutil.relativedelta, dateutil.rrule, dateutil.tz
begin = time.perf_counter()
import journeymap
print(time.perf_counter() - begin)
"""


def checked(*row: Any) -> Interaction:
    """Make an interaction that checks its values."""
    names = [one.name for one in fields(Interaction)]
    return Interaction(*row[:3], **dict(zip(names[3:], row[3:], strict=True)))


def timed(make: Callable[..., Any], rows: list[tuple[Any, ...]]) -> tuple[float, list[Any]]:
    """Time making a value of each row, in seconds; the median of five rounds."""
    took = []
    made: list[Any] = []
    for _ in range(5):
        begin = time.perf_counter()
        made = [make(*row) for row in rows]
        took.append(time.perf_counter() - begin)
    return statistics.median(took), made


def show(what: str, seconds: float, many: int, beside: float) -> None:
    each = 1e6 * seconds / many
    speed, ratio = many / seconds, seconds / beside
    print(f"{what:24} {each:6.2f} µs each, {speed:10,.0f} a second, {ratio:4.1f} ×")


def once(make: Callable[[], Iterable[Any]]) -> float:
    begin = time.perf_counter()
    for _ in make():
        pass
    return time.perf_counter() - begin


def main() -> None:
    """Print all figures."""
    given = list(broadband_customers(6000))
    rows = [astuple(one, recurse=False) for one in given]
    plain, _ = timed(Row, rows)
    trusted, one = timed(make_interaction, rows)
    slow, other = timed(checked, rows)
    assert one == other == given
    print(f"{len(rows):,} interactions")
    show("named tuples", plain, len(rows), plain)
    show("trusted interactions", trusted, len(rows), plain)
    show("checked interactions", slow, len(rows), plain)
    makers: dict[str, Callable[..., Any]] = {
        "a named tuple": Row, "trusted": make_interaction, "checked": checked
    }  # fmt: skip
    for what, make in makers.items():
        space = {"make": make, "row": rows[5]}
        best = min(timeit.repeat("make(*row)", globals=space, number=100_000, repeat=5))
        print(f"{what:24} {10 * best:6.2f} µs, not kept")
    log = Log.from_interactions(given, map=broadband())
    show("histories of a log", once(log.histories), len(rows), plain)
    assert log.map is not None
    assert log.last is not None
    journey, last = log.map, log.last
    begin = time.perf_counter()
    followed = FrontLine.of(journey, log.histories(), last)
    show("the front line", time.perf_counter() - begin, len(rows), plain)
    begin = time.perf_counter()
    found = FrontLine.of_signals(journey, log.ask(Signals(FrontLine.SIGNALS)), log.histories)
    show("the front line, by signals", time.perf_counter() - begin, len(rows), plain)
    assert found == followed
    starts = [float(subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True,
                                   check=True).stdout) for _ in range(7)]  # fmt: skip
    print(f"import journeymap adds {1e3 * statistics.median(starts):.1f} ms")
    command = [str(Path(sys.executable).with_name("journeymap")), "--help"]
    helps = [once(lambda: [subprocess.run(command, capture_output=True, check=True)])
             for _ in range(7)]  # fmt: skip
    print(f"journeymap --help takes {1e3 * statistics.median(helps):.0f} ms")


if __name__ == "__main__":
    main()
