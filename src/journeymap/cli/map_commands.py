"""The commands on maps, and on what else needs no log."""

from __future__ import annotations

import json
from pathlib import Path

import click
from attrs import asdict

from journeymap import templates as catalogue
from journeymap.cli.output import replaced, write_text
from journeymap.documents import dump, dumps, load
from journeymap.documents import schema as map_schema

__all__ = ["adapters", "check", "diff", "draw", "map_payload", "schema", "templates"]

_PATH = click.Path(path_type=Path)
_to_file = click.option("-o", "--output", default="-", show_default=True, metavar="FILE",
                        help="The file to write (-: the terminal).")  # fmt: skip


@click.command()
@click.argument("map", type=_PATH)
def check(map: Path) -> int:  # noqa: A002
    """Check MAP; the exit code is 1 where it has errors."""
    problems = load(map).check()
    for problem in problems:
        click.echo(f"{problem.severity}: {problem.where}: {problem.message}")
    if not problems:
        click.echo("nothing to say: a careful colleague would be content")
    return int(any(problem.severity == "error" for problem in problems))


@click.command()
@click.argument("older", type=_PATH)
@click.argument("newer", type=_PATH)
def diff(older: Path, newer: Path) -> int:
    """List what changed from the map OLDER to the map NEWER."""
    changes = load(newer).diff(load(older))
    for change in changes:
        click.echo(str(change))
    if not changes:
        click.echo("no difference")
    return 0


@click.command()
@click.argument("map", type=_PATH)
@_to_file
def draw(map: Path, output: str) -> int:  # noqa: A002
    """Draw MAP."""
    from journeymap.views import draw as draw_map

    if output != "-" and Path(output).suffix.lower() not in (".svg", ""):
        raise click.UsageError(f"{output!r}: a picture is SVG; name a file that ends with .svg")
    write_text(draw_map(load(map)), output)
    return 0


@click.command()
@_to_file
def schema(output: str) -> int:
    """Write the JSON Schema of a map's document."""
    write_text(json.dumps(map_schema(), indent=2, ensure_ascii=False) + "\n", output)
    return 0


@click.command()
@click.argument("name", required=False)
@click.option("--industry", help="Only those of an industry.")
@_to_file
def templates(name: str | None, industry: str | None, output: str) -> int:
    """List the catalogue of key journeys, or write the one called NAME as a map."""
    if name is not None and output != "-":
        with replaced(output) as file:
            dump(catalogue.load(name).map, file)
        return 0
    if name is not None:
        write_text(dumps(catalogue.load(name).map), output)
        return 0
    found = [catalogue.load(one) for one in catalogue.names(industry)]
    lines = [f"{one.id:<24} {one.industry:<24} {one.map.description}\n" for one in found]
    write_text("".join(lines), output)
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def adapters(*, as_json: bool) -> int:
    """List the adapters that packages offer, also those that cannot be loaded."""
    from journeymap.adapters.registry import installed

    found = installed()
    if as_json:
        write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n", "-")
        return 0
    for one in found:
        state = one.target if one.failure is None else f"FAILED: {one.failure}"
        click.echo(f"{one.kind:<7} {one.name:<14} {one.package:<28} {state}")
    return 0


@click.command()
@click.argument("file", type=_PATH)
@click.option("--source", help="What to call the source (as the file, unless named).")
@click.option("--rows", default="$", show_default=True,
              help="Where in a JSON document the payloads lie.")  # fmt: skip
@_to_file
def map_payload(file: Path, source: str | None, rows: str, output: str) -> int:
    """Propose a mapping for the payloads in FILE: JSON, JSON lines, CSV or Parquet."""
    from journeymap.adapters.mapping.proposing import propose_mapping
    from journeymap.adapters.sources.sampling import sample_payloads

    name = source or file.name.strip(".").split(".")[0] or "sample"
    made = propose_mapping(sample_payloads(file, rows), name)
    write_text(made.text, output)
    summary = f"{made.read} of {made.rows} payloads give records by it"
    click.echo(f"journeymap: {summary}", err=True)
    for reason, number in sorted(made.reasons.items(), key=lambda item: -item[1]):
        click.echo(f"journeymap: {number} set aside: {reason}", err=True)
    return 0
