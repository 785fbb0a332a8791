"""How well the next step is foretold: learned from earlier journeys of real logs, asked of later.

``make bench-next`` runs it beside the shared data. Journeys that had ended by a time are learned
from, those that began after it are asked; those in between belong to neither. The time is the
one by which 70 % of the journeys had begun.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

from journeymap import Interaction
from journeymap.analysis import Log, NextStep
from journeymap.model.next_steps import END, START

Journeys = dict[str, list[Interaction]]
Chances = Callable[[tuple[str, ...]], Mapping[str, float]]
FLOOR = 1e-4  # what a method that gives an element no chance at all is charged
LOGS = (
    "receipt/08_receipt.xes.gz", "helpdesk/helpdesk.xes.gz",
    "bpic2020/DomesticDeclarations.xes.gz", "bpic2020/InternationalDeclarations.xes.gz",
    "bpic2020/PermitLog.xes.gz", "bpic2020/PrepaidTravelCost.xes.gz",
    "bpic2020/RequestForPayment.xes.gz",
)  # fmt: skip


def read(place: Path) -> Journeys:
    """A log's journeys: name and time of each event, by trace."""
    journeys: Journeys = {}
    with gzip.open(place) as file:
        for number, trace in enumerate(_traces(file)):
            found = []
            for event in trace.iter():
                if not event.tag.endswith("event"):
                    continue
                values = {child.get("key"): child.get("value") for child in event}
                name, at = values.get("concept:name"), values.get("time:timestamp")
                if name and at:
                    found.append(Interaction(str(number), name, datetime.fromisoformat(at)))
            if found:
                journeys[str(number)] = sorted(found, key=lambda one: one.at)
    return journeys


def _traces(file: gzip.GzipFile) -> Iterator[ElementTree.Element]:
    for _, element in ElementTree.iterparse(file):  # noqa: S314  # files of our own data
        if element.tag.endswith("trace"):
            yield element
            element.clear()


def split(journeys: Journeys) -> tuple[Journeys, Journeys]:
    """Those that had ended, and those that had not begun."""
    begins = sorted(mine[0].at for mine in journeys.values())
    cut = begins[int(len(begins) * 0.7)]
    earlier = {name: mine for name, mine in journeys.items() if mine[-1].at <= cut}
    later = {name: mine for name, mine in journeys.items() if mine[0].at > cut}
    return earlier, later


def learned(earlier: Journeys, memory: int) -> Chances:
    """Ours, with some memory."""
    log = Log.from_interactions([one for mine in earlier.values() for one in mine])
    table = log.ask(NextStep(memory=memory)).table
    return lambda last: {one.element: one.probability for one in table.after(last)}


def frequent(earlier: Journeys) -> Chances:
    """The baseline that knows nothing of the customer: how often each element comes at all."""
    counts = Counter(one.touchpoint for mine in earlier.values() for one in mine)
    counts[END] = len(earlier)
    total = counts.total()
    chances = {name: count / total for name, count in counts.items()}
    return lambda last: chances


def first_order(earlier: Journeys) -> Chances:
    """The baseline of a first-order chain, as counted."""
    pairs: dict[str, Counter[str]] = {}
    for mine in earlier.values():
        names = [START, *(one.touchpoint for one in mine), END]
        for source, target in itertools.pairwise(names):
            pairs.setdefault(source, Counter())[target] += 1

    def chances(last: tuple[str, ...]) -> Mapping[str, float]:
        counts = pairs.get(last[-1], Counter())
        total = counts.total()
        return {name: count / total for name, count in counts.items()}

    return chances


def scored(chances: Chances, later: Journeys) -> tuple[int, float, float, float, float]:
    """Steps asked; top-1, top-3, log loss in nats; and calibration error in ten bins."""
    n = first = third = 0
    loss = 0.0
    bins = [[0, 0.0, 0] for _ in range(10)]
    told: dict[tuple[str, ...], list[tuple[str, float]]] = {}
    for mine in later.values():
        names = [START, *(one.touchpoint for one in mine), END]
        for place in range(2, len(names)):
            last = tuple(names[max(0, place - 6) : place])
            if last not in told:
                told[last] = sorted(chances(last).items(), key=lambda pair: (-pair[1], pair[0]))
            ranked = told[last]
            target = names[place]
            n += 1
            if ranked:
                first += ranked[0][0] == target
                third += target in [name for name, _ in ranked[:3]]
                spot = bins[min(9, int(ranked[0][1] * 10))]
                spot[0] += 1
                spot[1] += ranked[0][1]
                spot[2] += ranked[0][0] == target
            loss -= math.log(max(FLOOR, dict(ranked).get(target, 0.0)))
    error = sum(abs(total - hits) for _, total, hits in bins) / n
    return n, first / n, third / n, loss / n, error


def main() -> None:
    """A table for the docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    print("| log | method | top-1 | top-3 | log loss | calibration error |")
    print("|---|---|---:|---:|---:|---:|")
    for name in LOGS:
        journeys = read(data / name)
        earlier, later = split(journeys)
        title = f"{Path(name).name.split('.')[0]} ({len(earlier):,} learned, {len(later):,} asked"
        methods: list[tuple[str, Chances]] = [
            ("most frequent", frequent(earlier)),
            ("first order", first_order(earlier)),
            *((f"NextStep, memory {m}", learned(earlier, m)) for m in (1, 3, 5)),
        ]
        for place, (method, chances) in enumerate(methods):
            n, *figures = scored(chances, later)
            cells = " | ".join(f"{figure:.3f}" for figure in figures)
            shown = f"{title}, {n:,} steps)" if not place else ""
            print(f"| {shown} | {method} | {cells} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[func-returns-value]
