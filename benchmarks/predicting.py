"""How well the next step and the remaining time are foretold, on the published split of real logs.

``make bench-next`` runs it beside the shared data: every log of which there are files
``train_…``, ``val_…`` and ``test_…`` is learned from the first two, and every prefix of at least
one event of every test case is asked; the truth is the next event's name, or the end. For the
remaining time, the whole case is no prefix. Published accuracies, and the errors of plain
predictors, come from ``facts.json`` where it has them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any
from xml.etree import ElementTree

from journeymap import Interaction
from journeymap.analysis import Log, NextStep, RemainingTime
from journeymap.model.next_steps import END

Journeys = dict[str, list[Interaction]]
DAY = 86_400


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
                    customer = f"{place.name} {number}"
                    found.append(Interaction(customer, name, datetime.fromisoformat(at)))
            if found:
                journeys[str(number)] = sorted(found, key=lambda one: one.at)
    return journeys


def _traces(file: gzip.GzipFile) -> Iterator[ElementTree.Element]:
    for _, element in ElementTree.iterparse(file):  # noqa: S314  # files of our own data
        if element.tag.endswith("trace"):
            yield element
            element.clear()


def step_scores(log: Log, question: NextStep, asked: Journeys) -> tuple[float, float, str, float]:
    """Top-1 accuracy; calibration error in ten bins; what was chosen; and seconds."""
    begin = time.perf_counter()
    answer = log.ask(question)
    table = answer.table
    hits = n = 0
    bins = [[0.0, 0] for _ in range(10)]
    known: dict[tuple[tuple[str, ...], bool], tuple[str, float]] = {}
    for mine in asked.values():
        names = [*(one.touchpoint for one in mine), END]
        for place in range(1, len(names)):
            trail, begun = tuple(names[max(0, place - 8) : place]), place <= 8
            if (trail, begun) not in known:
                [best] = table.after(trail, top=1, begun=begun)
                known[trail, begun] = best.element, best.probability
            element, probability = known[trail, begun]
            hit = element == names[place]
            hits, n = hits + hit, n + 1
            spot = bins[min(9, int(probability * 10))]
            spot[0] += probability
            spot[1] += hit
    error = sum(abs(total - right) for total, right in bins) / n
    days = "none" if answer.half_life is None else f"{answer.half_life.total_seconds() / DAY:.0f} d"
    return hits / n, error, f"{table.memory}, {days}", time.perf_counter() - begin


def time_scores(log: Log, asked: Journeys) -> tuple[float, float, str, float]:
    """Mean absolute error in days; share of times within the interval; facts; and seconds."""
    begin = time.perf_counter()
    answer = log.ask(RemainingTime())
    errors, inside = [], []
    for mine in asked.values():
        names = [one.touchpoint for one in mine]
        for place in range(1, len(mine)):
            at, left = mine[place - 1].at, (mine[-1].at - mine[place - 1].at).total_seconds()
            found = answer.table.after(names[max(0, place - 8) : place], begun=mine[0].at, at=at,
                                       whole=place <= 8)  # fmt: skip
            if found is None or found.median is None or found.low is None or found.high is None:
                errors.append(left / DAY)  # nothing more is expected
                inside.append(False)
                continue
            errors.append(abs(found.median - left) / DAY)
            inside.append(found.low <= left <= found.high)
    return fmean(errors), fmean(inside), "; ".join(answer.notes()), time.perf_counter() - begin


def main() -> None:
    """Two tables for the docs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    place = parser.parse_args().data / "next_step"
    names = sorted(path.name[6:-7] for path in place.glob("train_*.xes.gz"))
    facts: dict[str, Any] = json.loads((place / "facts.json").read_text())
    steps, times = [], []
    for name in names:
        learned, validation, asked = (
            read(place / f"{part}_{name}.xes.gz") for part in ("train", "val", "test")
        )
        log = Log.from_interactions(
            [one for part in (learned, validation) for mine in part.values() for one in mine]
        )
        published = max([value for key, value in facts["accuracy"].get(name, {}).items()
                         if "variants" not in key], default=None)  # fmt: skip
        plain, _, _, _ = step_scores(log, NextStep(), asked)
        accuracy, error, chosen, took = step_scores(
            log, NextStep(memory=8, half_life="chosen"), asked
        )
        steps.append(f"| {name} | {published or ''} | {plain:.4f} | {accuracy:.4f} | {error:.3f} "
                     f"| {chosen} | {took:.1f} s |")  # fmt: skip
        naive = min(facts["remaining_time_mae_days"].get(name, {}).values(), default=None)
        days, inside, by, took = time_scores(log, asked)
        times.append(
            f"| {name} | {naive or ''} | {days:.2f} | {inside:.2f} | {by} | {took:.1f} s |"
        )
    print("| log | best published | NextStep() | chosen | calibration error | memory, half-life "
          "| time |\n|---|---:|---:|---:|---:|---:|---:|", *steps, sep="\n")  # fmt: skip
    print("\n| log | best plain | RemainingTime() | within the interval | by | time |"
          "\n|---|---:|---:|---:|---|---:|", *times, sep="\n")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())  # type: ignore[func-returns-value]
