"""The commands on logs: a page about one, and a draft of its map."""

from __future__ import annotations

import time

import click

from journeymap.analysis import Overview
from journeymap.cli.output import write_text
from journeymap.cli.reading import log_file, reading_options
from journeymap.documents import dump, dumps
from journeymap.exceptions import JourneyMapError

__all__ = ["report", "sketch"]

_to_file = click.option("-o", "--output", default="-", show_default=True, metavar="FILE",
                        help="The file to write (-: the terminal).")  # fmt: skip


@click.command()
@reading_options
@click.option("--title", help="The page's title.")
@click.option("--note", help="What readers must know first.")
@click.option("--every", type=click.FloatRange(1), metavar="SECONDS",
              help="Write the page anew after so many seconds, until interrupted.")  # fmt: skip
@click.option("-o", "--output", default="report.html", show_default=True, metavar="FILE",
              help="The file to write (-: the terminal).")  # fmt: skip
def report(
    context: click.Context, title: str | None, note: str | None, every: float | None, output: str
) -> int:
    """Write one self-contained page about LOG."""
    from journeymap.views import report as draw_report

    reading = log_file(context)

    def write() -> None:
        log = reading.log()
        page = draw_report(Overview.of(log), title=title or reading.defaults.title,
                           note=note or reading.defaults.note)  # fmt: skip
        write_text(page, output)
        if output != "-":
            click.echo(f"{log!r} → {output}")

    write()
    while every is not None:
        time.sleep(every)
        try:
            write()
        except (JourneyMapError, OSError) as error:  # the log may be exchanged just now
            click.echo(f"journeymap: {error}; the page stays as it is", err=True)
    return 0


@click.command()
@reading_options
@_to_file
def sketch(context: click.Context, output: str) -> int:
    """Draft a map from LOG, to be corrected by people."""
    journey = log_file(context).log(mapped=False).sketch()
    if output == "-":
        write_text(dumps(journey), "-")
    else:
        dump(journey, output)
        click.echo(f"{journey!r} → {output}")
    return 0
