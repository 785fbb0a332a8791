"""Asking a log from the shell: any question, by segment, over time, into any file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from journeymap.analysis import Breakdown, Log, Trend
from journeymap.analysis.answers import Answer
from journeymap.cli.output import replaced, write_text
from journeymap.cli.question_text import read_question
from journeymap.cli.reading import log_file, reading_options, take_question, warn_of_rejected

__all__ = ["ask", "describe"]

_CHARTS = (".png", ".svg", ".html")
_FILES = (".csv", ".json", ".xlsx", *_CHARTS)


@click.command()
@reading_options
@click.argument("question", required=False)
@click.option("--by", metavar="LEVEL", help="For each segment: a level, or a column.")
@click.option("--every", metavar="PERIOD", help="For each period: day, week, month, quarter, year.")
@click.option("--where", multiple=True, metavar="LEVEL=NAME",
              help="Only interactions of a name; may be repeated.")  # fmt: skip
@click.option("--since", metavar="TIME", help="Only what happened from then on.")
@click.option("--until", metavar="TIME", help="Only what happened before.")
@click.option("--rows", type=click.IntRange(1), default=20, show_default=True,
              help="How many rows the terminal shows.")  # fmt: skip
@click.option("--dark", is_flag=True, help="A chart for a dark ground.")
@click.option("-o", "--output", default="-", metavar="FILE",
              help=f"The file to write, by its suffix: {', '.join(_FILES)}.")  # fmt: skip
def ask(
    context: click.Context, question: str | None, by: str | None, every: str | None,
    where: tuple[str, ...], since: str | None, until: str | None, rows: int, *, dark: bool,
    output: str,
) -> int:  # fmt: skip
    """Ask LOG a QUESTION, such as 'Funnel(["cart", "order"])' or Transitions.

    The question is read as data and never run. With a file the answer is written there: as a
    table, or as its chart.
    """
    wanted = read_question(take_question(context) if question is None else question)
    if by is not None:
        wanted = Breakdown(wanted, by=by)
    if every is not None:
        wanted = Trend(wanted, every=every)  # type: ignore[arg-type]
    suffix = Path(output).suffix.lower()
    if output != "-" and suffix not in _FILES:
        message = f"{output!r} has none of the suffixes {', '.join(_FILES)}"
        raise click.UsageError(message)
    named = [one.partition("=")[0].strip() for one in where]
    whole = log_file(context).keeping(by, *named).log()
    log = _chosen(whole, where, since, until)
    warn_of_rejected(whole)
    _write(log.ask(wanted), output, suffix, rows, dark=dark)
    return 0


def _chosen(log: Log, where: tuple[str, ...], since: str | None, until: str | None) -> Log:
    """Select the interactions that were asked for."""
    names: dict[str, list[str]] = {}
    for one in where:
        level, sign, name = one.partition("=")
        if not sign or not level:
            raise click.UsageError(f"--where {one!r}: LEVEL=NAME is expected")
        names.setdefault(level.strip(), []).append(name.strip())
    if not (names or since or until):
        return log
    return log.where(since=since, until=until, columns=names or None)


def _write(answer: Answer[Any], output: str, suffix: str, rows: int, *, dark: bool) -> None:
    if output == "-":
        click.echo(repr(answer.show(rows)))
    elif suffix == ".csv":
        write_text(answer.to_csv(), output)
    elif suffix == ".json":
        write_text(answer.to_polars().write_json() + "\n", output)
    else:
        with replaced(output) as file:
            if suffix == ".xlsx":
                answer.to_excel(file)
            else:
                answer.chart(dark=dark).save(str(file))
    if output != "-":
        click.echo(f"{len(answer):,} rows → {output}")


@click.command()
@reading_options
def describe(context: click.Context) -> int:
    """Count customers and interactions of LOG, its period, and the names at each level."""
    log = log_file(context).log()
    click.echo(repr(log.describe()))
    for reason, number in log.rejected.reasons.most_common(10):
        click.echo(f"set aside, {reason}: {number:,}")
    return 0
