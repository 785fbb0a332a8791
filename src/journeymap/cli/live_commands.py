"""The commands on a live store: what operators do, and look at."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from attrs import asdict

from journeymap.adapters.registry import actions
from journeymap.adapters.stores.open_store import check_store_file
from journeymap.cli.defaults import read_defaults
from journeymap.cli.kept_options import kept_option, kept_values
from journeymap.cli.output import ShownProgress, write_text
from journeymap.documents import load
from journeymap.live import Live

__all__ = ["live"]


@click.group()
def live() -> None:
    """Operate a live store: --store and --map, or those of a journeymap.toml in this folder."""


def _on_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --store and --map: see `_opened`."""
    words = "The map along which customers are followed."
    command = kept_option("--map", type=click.Path(path_type=Path), metavar="MAP", help=words)(
        command
    )
    store = kept_option("--store", metavar="ADDRESS", help="Such as sqlite:///journey.db.")
    return click.pass_context(store(command))


def _opened(context: click.Context) -> Live:
    """Open the store that was named, or is in the defaults; close it when done."""
    given, defaults = kept_values(context), read_defaults(Path())
    address, file = given["store"] or defaults.store, given["map"] or defaults.map
    if address is None:
        raise click.UsageError("--store is missing, such as sqlite:///journey.db")
    if file is None:
        raise click.UsageError("--map is missing: the map along which customers are followed")
    check_store_file(address)
    return Live(load(file), address)


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r} is no time; such as 2026-03-01T09:00+01:00") from None
    if found.tzinfo is None:
        raise click.UsageError(f"{text!r} has no zone; such as 2026-03-01T09:00+01:00")
    return found.astimezone(UTC)


@live.command(short_help="Tell the time: absences, deadlines and silence become due.")
@_on_store
@click.option("--now", metavar="TIME", help="The time (that of the clock, unless given).")
def advance(context: click.Context, now: str | None) -> int:
    """Let what is due by now become known, and count the signals."""
    with _opened(context) as opened:
        signals = opened.advance(None if now is None else _time(now))
        click.echo(f"{len(signals):,} signals")
        return 0


@live.command(short_help="Hand waiting signals to an action.")
@_on_store
@click.option("--action", required=True, metavar="NAME:TARGET",
              help="The action, such as file:signals.jsonl or log:journeys.")  # fmt: skip
@click.option("--parallel", type=click.IntRange(1), default=1, show_default=True,
              help="How many are handed out at once.")  # fmt: skip
def deliver(context: click.Context, action: str, parallel: int) -> int:
    """Hand the signals that wait in the outbox to an action; the exit code is 1 if any failed."""
    with _opened(context) as opened:
        name, _, target = action.partition(":")
        done = opened.deliver(actions[name](target), parallel=parallel)
        click.echo(json.dumps(asdict(done), default=str))
        return int(bool(done.failed or done.dead or done.broken))


@live.command(short_help="List the signals that were given up.")
@_on_store
def dead_letters(context: click.Context) -> int:
    """List the signals that were given up, with the reason of the last failure."""
    with _opened(context) as opened:
        for one in opened.dead_letters():
            click.echo(f"{one.id}  {one.signal.kind}  {one.attempts} attempts  {one.reason}")
        return 0


@live.command(short_help="Let signals that were given up wait once more.")
@_on_store
@click.argument("letters", nargs=-1)
def requeue(context: click.Context, letters: tuple[str, ...]) -> int:
    """Let the signals with the ids LETTERS wait once more; all that were given up without any."""
    with _opened(context) as opened:
        done = opened.requeue(letters or None)
        click.echo(f"{done:,} wait once more")
        return int(done < len(letters))


@live.command(short_help="Everything a store knows of a customer.")
@_on_store
@click.argument("customer")
@click.option("-o", "--output", default="-", metavar="FILE", help="The file to write (JSON).")
def export(context: click.Context, customer: str, output: str) -> int:
    """Write everything that the store knows of CUSTOMER, as JSON."""
    with _opened(context) as opened:
        found = opened.export(customer)
        write_text(json.dumps(found, indent=2, ensure_ascii=False, default=str) + "\n", output)
        return 0


@live.command(short_help="Remove everything of a customer.")
@_on_store
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def forget(context: click.Context, customer: str, *, yes: bool) -> int:
    """Remove everything of CUSTOMER, for good."""
    with _opened(context) as opened:
        if not yes:
            click.confirm(f"remove everything of {customer!r} for good?", abort=True)
        known = opened.export(customer)
        if not any(known.get(name) for name in known if name != "customer"):
            click.echo(f"nothing is known of {customer!r}", err=True)
            return 1
        opened.forget(customer)
        click.echo("forgotten")
        return 0


@live.command(short_help="Follow all customers anew, along a changed map.")
@_on_store
def rebuild(context: click.Context) -> int:
    """Fold the journal anew; it may be interrupted, and goes on when called once more."""
    with _opened(context) as opened:
        with ShownProgress("rebuilding") as progress:
            done = opened.rebuild(progress.count)
        click.echo(repr(done))
        return 0


@live.command(short_help="How much a store holds, and what waits.")
@_on_store
def stats(context: click.Context) -> int:
    """Write how much the store holds, as JSON."""
    with _opened(context) as opened:
        click.echo(json.dumps(asdict(opened.stats()), indent=2, default=str))
        return 0


@live.command(short_help="Remove letters that were taken before a time.")
@_on_store
@click.option("--before", required=True, metavar="TIME", help="The time, with its zone.")
def prune(context: click.Context, before: str) -> int:
    """Remove the letters that were taken or withdrawn before a time."""
    with _opened(context) as opened:
        click.echo(f"{opened.prune(_time(before)):,} letters removed")
        return 0
