"""The demo: simulated customers of a made-up company, and the report about them."""

from __future__ import annotations

from pathlib import Path

import click

from journeymap.adapters.tables.csv_writing import write_csv
from journeymap.analysis import Columns, Log, Overview
from journeymap.cli.following import follow_customers
from journeymap.cli.output import ShownProgress, write_text
from journeymap.documents import dump
from journeymap.simulation import broadband, broadband_customers

__all__ = ["demo"]

_SIMULATED = "Simulated data: a made-up broadband company, no real customer is in here."


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    metavar="FOLDER",
    help="The folder to fill.",
)
@click.option(
    "--customers",
    type=click.IntRange(1),
    default=20_000,
    show_default=True,
    help="How many customers.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="The seed of chance.")
def demo(output: Path, customers: int, seed: int) -> int:
    """Fill a folder with a map, a log and a report of simulated customers."""
    from journeymap.views import report

    output.mkdir(parents=True, exist_ok=True)
    journey = broadband()
    dump(journey, output / "broadband.yaml")
    file = output / "interactions.csv"
    with ShownProgress("simulating") as progress:
        write_csv(broadband_customers(customers, seed), file, progress=progress.count)
    columns = Columns(
        id="id", source="source", channel="channel", product="product", outcome="outcome",
        emotion="emotion", score="score", score_kind="score_kind", value="value",
        currency="currency",
    )  # fmt: skip
    with ShownProgress("reading") as progress:
        log = Log.read(file, columns, map=journey, progress=progress.share)
    page = output / "report.html"
    text = report(Overview.of(log), note=_SIMULATED, front_line=follow_customers(log))
    write_text(text, str(page))
    for line in (
        _SIMULATED, repr(log), f"the map:    {output / 'broadband.yaml'}",
        f"the log:    {file}", f"the report: {page.resolve()}",
    ):  # fmt: skip
        click.echo(line)
    return 0
