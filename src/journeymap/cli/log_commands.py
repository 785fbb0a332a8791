"""The commands on logs: a page about one, and a draft of its map."""

from __future__ import annotations

from datetime import UTC, datetime
from time import sleep

import click

from journeymap.analysis import Overview
from journeymap.analysis.measuring.periods import PERIODS, Period
from journeymap.cli.following import follow_customers
from journeymap.cli.output import write_text
from journeymap.cli.question_text import read_question
from journeymap.cli.reading import log_file, reading_options, warn_of_rejected
from journeymap.documents import dump, dumps
from journeymap.exceptions import JourneyMapError
from journeymap.profile import Customer

__all__ = ["report", "sketch"]

_TIMELINES = 12
_to_file = click.option("-o", "--output", default="-", show_default=True, metavar="FILE",
                        help="The file to write (-: the terminal).")  # fmt: skip


@click.command()
@reading_options
@click.option("--title", help="The page's title.")
@click.option("--note", help="What readers must know first.")
@click.option("--by", metavar="LEVEL", help="Let readers choose segments by this column or level.")
@click.option("--period", type=click.Choice(PERIODS), help="The length of periods (else: chosen).")
@click.option("--ask", "asked", multiple=True, metavar="QUESTION",
              help="Add the answer to a question; may be repeated.")  # fmt: skip
@click.option("--people", is_flag=True, help="Let the page name customers.")
@click.option("--charts", is_flag=True, help="Draw the answers as charts, too.")
@click.option("--every", type=click.FloatRange(1), metavar="SECONDS",
              help="Write the page anew after so many seconds, until interrupted.")  # fmt: skip
@click.option("-o", "--output", default="report.html", show_default=True, metavar="FILE",
              help="The file to write (-: the terminal).")  # fmt: skip
def report(
    context: click.Context, title: str | None, note: str | None, by: str | None,
    period: Period | None, asked: tuple[str, ...], people: bool, charts: bool,
    every: float | None, output: str,
) -> int:  # fmt: skip
    """Write one self-contained page about LOG, with a part for each kind of reader."""
    from journeymap.views import report as draw_report

    reading = log_file(context).keeping(by)
    questions = tuple(read_question(text) for text in asked)

    def write() -> None:
        log = reading.log()
        overview = Overview.of(log, by=by, every=period, sliced=period is not None, asked=questions)
        now = datetime.now(UTC) if reading.is_store else log.last
        line = follow_customers(log, now=now)
        waiting = dict.fromkeys(one.customer for one in (line.waiting if line and people else ()))
        views = [Customer.of(one, log, as_of=now) for one in list(waiting)[:_TIMELINES]]
        named = title or reading.defaults.title or (reading.name if log.map is None else None)
        page = draw_report(overview, title=named,
                           note=note or reading.defaults.note, front_line=line,
                           customers=views, people=people,
                           charts=charts)  # fmt: skip
        write_text(page, output)
        if output != "-":
            click.echo(f"{log!r} → {output}")

    write()
    while every is not None:
        sleep(every)
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
    log = log_file(context).log(mapped=False)
    warn_of_rejected(log)
    journey = log.sketch()
    if output == "-":
        write_text(dumps(journey), "-")
    else:
        dump(journey, output)
        click.echo(f"{journey!r} → {output}")
    return 0
