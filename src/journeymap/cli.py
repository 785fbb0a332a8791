"""The command line: check, diff, draw, sketch and report on maps and logs; and a demo."""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, fields

from journeymap import templates
from journeymap.documents import dump, dumps, load, schema
from journeymap.exceptions import (
    ColumnsError,
    DocumentError,
    JourneyMapError,
    MapError,
    SourceError,
)

if TYPE_CHECKING:
    from journeymap.analysis import Columns, Log

__all__ = ["main"]

_ROLES = ("customer", "touchpoint", "at", "id", "source", "channel", "department", "process",
          "product", "outcome", "emotion", "emotion-after", "score", "score-kind", "value",
          "currency", "duration", "end", "cost", "referred-by", "order", "timezone",
          "calendar-zone", "clock-change", "at-unit", "at-format", "decimal")  # fmt: skip
_SIMULATED = "Simulated data: a made-up broadband company, no real customer is in here."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; answers its exit code: 0 done, 1 a map with errors, 2 a failure."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a narrow console shows what it can
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except (DocumentError, MapError) as error:
        problems = "; ".join(str(problem) for problem in error.problems)
        return _failed(f"{getattr(error, 'file', None) or 'map'}: {problems}")
    except (JourneyMapError, OSError) as error:
        return _failed(str(error))
    except KeyboardInterrupt:
        return _failed("interrupted", 130)


def _failed(message: str, code: int = 2) -> int:
    print(f"journeymap: {' '.join(message.split())}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("journeymap", description="Customer journeys as objects.")
    commands = parser.add_subparsers(required=True, metavar="command")

    report = _command(commands, "report", _report, "one HTML page about a log")
    report.add_argument("file", type=Path, help="CSV, JSON lines or Parquet")
    report.add_argument("--map", type=Path, help="the map (without one, a draft is made)")
    report.add_argument("--title", help="the page's title")
    report.add_argument("--note", default="", help="what readers must know first")
    _reading(report, "report.html")

    sketch = _command(commands, "sketch", _sketch, "draft a map from a log")
    sketch.add_argument("file", type=Path, help="CSV, JSON lines or Parquet")
    _reading(sketch, "-")

    check = _command(commands, "check", _check, "what a careful colleague would say about a map")
    check.add_argument("map", type=Path)

    diff = _command(commands, "diff", _diff, "what changed from one map to another")
    diff.add_argument("older", type=Path)
    diff.add_argument("newer", type=Path)

    draw = _command(commands, "draw", _draw, "a map as a picture (SVG)")
    draw.add_argument("map", type=Path)
    draw.add_argument("-o", "--output", default="-", help="the file to write (- for the terminal)")

    shape = _command(commands, "schema", _schema, "the JSON Schema of a map, for editors")
    shape.add_argument("-o", "--output", default="-", help="the file to write")

    catalogue = _command(commands, "templates", _templates, "the catalogue of key journeys")
    catalogue.add_argument("name", nargs="?", help="one to write as a map (none: list them)")
    catalogue.add_argument("--industry", help="only those of an industry")
    catalogue.add_argument("-o", "--output", default="-", help="the file to write (YAML)")

    adapters = _command(commands, "adapters", _adapters, "the adapters that are installed")
    adapters.add_argument("--json", action="store_true", help="as JSON")

    propose = _command(commands, "map-payload", _map_payload, "propose a mapping from a sample")
    propose.add_argument("file", type=Path, help="JSON, JSON lines, CSV or Parquet")
    propose.add_argument("--source", help="what to call the source (as the file, unless named)")
    propose.add_argument("--rows", default="$", help="where in a JSON document the payloads lie")
    propose.add_argument("-o", "--output", default="-", help="the file to write (TOML)")

    demo = _command(commands, "demo", _demo, "simulate a company's customers and report on them")
    demo.add_argument("-o", "--output", type=Path, default=Path("demo"), help="the folder to fill")
    demo.add_argument("--customers", type=_positive, default=20_000)
    demo.add_argument("--seed", type=int, default=7)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 up is expected, not {number}")
    return number


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], words: str
) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    made.set_defaults(run=run)
    return made


def _reading(parser: argparse.ArgumentParser, output: str) -> None:
    columns = parser.add_argument_group("columns", "which column is what")
    for role in _ROLES:
        columns.add_argument(f"--{role}", metavar="NAME")
    columns.add_argument("--extra", action="append", default=[], metavar="NAME")
    columns.add_argument(
        "--untimed", action="store_true", help="the rows have no times, only order"
    )
    parser.add_argument("--delimiter")
    parser.add_argument("--encoding")
    parser.add_argument("--strict", action="store_true", help="fail at the first unreadable row")
    parser.add_argument("-o", "--output", default=output, help="the file to write")


def _columns(options: argparse.Namespace) -> Columns:
    from journeymap.analysis import Columns

    roles = {role.replace("-", "_") for role in _ROLES}
    given = {
        a.name: getattr(options, a.name)
        for a in fields(Columns)
        if a.name in roles and getattr(options, a.name) is not None
    }
    if options.untimed:
        if options.at is not None:
            raise ColumnsError("at: rows that are --untimed have no column of times")
        given["at"] = None
    return Columns(extra=tuple(options.extra), **given)


def _log(options: argparse.Namespace, map_file: Path | None) -> Log:
    from journeymap.analysis import Columns, Log

    columns = _columns(options)
    with _Progress("reading") as progress:
        log = Log.read(
            options.file,
            None if columns == Columns() else columns,  # of XES, the standard's
            map=load(map_file) if map_file else None,
            strict=options.strict,
            delimiter=options.delimiter,
            encoding=options.encoding,
            progress=progress.share,
        )
    if not log.interactions:
        reasons = log.rejected.reasons.most_common(3)
        why = "; ".join(f"{reason}: {count}" for reason, count in reasons)
        raise SourceError(str(options.file), f"no row could be read ({why or 'there is none'})")
    return log


def _report(options: argparse.Namespace) -> int:
    from journeymap.analysis import Overview
    from journeymap.views import report

    log = _log(options, options.map)
    page = report(Overview.of(log), title=options.title, note=options.note)
    _write(page, options.output)
    if options.output != "-":
        print(f"{log!r} → {options.output}")
    return 0


def _sketch(options: argparse.Namespace) -> int:
    journey = _log(options, None).sketch()
    if options.output == "-":
        _write(dumps(journey), "-")
    else:
        dump(journey, options.output)
        print(f"{journey!r} → {options.output}")
    return 0


def _check(options: argparse.Namespace) -> int:
    problems = load(options.map).check()
    for problem in problems:
        print(f"{problem.severity}: {problem.where}: {problem.message}")
    if not problems:
        print("nothing to say: a careful colleague would be content")
    return int(any(problem.severity == "error" for problem in problems))


def _diff(options: argparse.Namespace) -> int:
    changes = load(options.newer).diff(load(options.older))
    for change in changes:
        print(change)
    if not changes:
        print("no difference")
    return 0


def _draw(options: argparse.Namespace) -> int:
    from journeymap.views import draw

    _write(draw(load(options.map)), options.output)
    return 0


def _schema(options: argparse.Namespace) -> int:
    _write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", options.output)
    return 0


def _templates(options: argparse.Namespace) -> int:
    if options.name is not None:
        _write(dumps(templates.load(options.name).map), options.output)
        return 0
    found = [templates.load(name) for name in templates.names(options.industry)]
    lines = [f"{one.id:<24} {one.industry:<24} {one.map.description}\n" for one in found]
    _write("".join(lines), options.output)
    return 0


def _adapters(options: argparse.Namespace) -> int:
    from journeymap.adapters.registry import installed

    found = installed()
    if options.json:
        _write(json.dumps([asdict(one) for one in found], indent=2) + "\n", "-")
        return 0
    for one in found:
        state = one.target if one.failure is None else f"FAILED: {one.failure}"
        print(f"{one.kind:<7} {one.name:<14} {one.package:<28} {state}")
    return 0


def _map_payload(options: argparse.Namespace) -> int:
    from journeymap.adapters.mapping.proposing import propose_mapping
    from journeymap.adapters.sources.sampling import sample_payloads

    name = options.source or options.file.name.strip(".").split(".")[0] or "sample"
    made = propose_mapping(sample_payloads(options.file, options.rows), name)
    _write(made.text, options.output)
    summary = f"{made.read} of {made.rows} payloads give records by it"
    print(f"journeymap: {summary}", file=sys.stderr)
    for reason, number in sorted(made.reasons.items(), key=lambda item: -item[1]):
        print(f"journeymap: {number} set aside: {reason}", file=sys.stderr)
    return 0


def _demo(options: argparse.Namespace) -> int:
    from journeymap.adapters.tables.csv_writing import write_csv
    from journeymap.analysis import Columns, Log, Overview
    from journeymap.simulation import broadband, broadband_customers
    from journeymap.views import report

    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)
    journey = broadband()
    dump(journey, folder / "broadband.yaml")
    file = folder / "interactions.csv"
    with _Progress("simulating") as progress:
        customers = broadband_customers(options.customers, options.seed)
        write_csv(customers, file, progress=progress.count)
    names = {name: name for name in ("id", "source", "channel", "product", "outcome", "emotion",
                                     "score", "score_kind", "value", "currency")}  # fmt: skip
    with _Progress("reading") as progress:
        log = Log.read(file, Columns(**names), map=journey, progress=progress.share)  # type: ignore[arg-type]
    page = folder / "report.html"
    _write(report(Overview.of(log), note=_SIMULATED), str(page))
    print(_SIMULATED)
    print(f"{log!r}")
    print(f"the map:    {folder / 'broadband.yaml'}")
    print(f"the log:    {file}")
    print(f"the report: {page.resolve()}")
    return 0


def _write(text: str, output: str) -> None:
    if output == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # documents are UTF-8 wherever they go
        sys.stdout.write(text)
    else:
        Path(output).write_text(text, encoding="utf-8", newline="\n")


class _Progress:
    """One line that is rewritten while work goes on; silent where no terminal is."""

    def __init__(self, what: str) -> None:
        self._what, self._shown, self._last = what, sys.stderr.isatty(), 0.0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def share(self, part: float) -> None:
        """Return how far the work has come, from 0 to 1."""
        self._write_line(f"{100 * part:.0f} %")

    def count(self, number: int) -> None:
        """Return how many are done."""
        self._write_line(f"{number:,}")

    def _write_line(self, words: str) -> None:
        now = time.monotonic()
        if self._shown and now - self._last > 0.1:
            self._last = now
            print(f"\r\x1b[K{self._what} … {words}", end="", file=sys.stderr, flush=True)
