"""The command ``journeymap``, whose commands are imported when they are called."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version

import click

__all__ = ["journeymap"]

_COMMANDS = {
    "adapters": ("map_commands", "adapters", "The adapters that are installed."),
    "ask": ("asking", "ask", "Ask a log any question."),
    "check": ("map_commands", "check", "What a careful colleague would say about a map."),
    "demo": ("demonstration", "demo", "Simulate a company's customers and report on them."),
    "describe": ("asking", "describe", "Count what is in a log."),
    "diff": ("map_commands", "diff", "What changed from one map to another."),
    "draw": ("map_commands", "draw", "A map as a picture (SVG)."),
    "live": ("live_commands", "live", "Operate a live store."),
    "map-payload": ("map_commands", "map_payload", "Propose a mapping from a sample of payloads."),
    "report": ("log_commands", "report", "One HTML page about a log."),
    "schema": ("map_commands", "schema", "The JSON Schema of a map, for editors."),
    "sketch": ("log_commands", "sketch", "Draft a map from a log."),
    "templates": ("map_commands", "templates", "The catalogue of key journeys."),
}


class _LateGroup(click.Group):
    """Lists commands without importing what they need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of the commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command (None: there is none of that name)."""
        if cmd_name not in _COMMANDS:
            return None
        module, name, _ = _COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(f"journeymap.cli.{module}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each with what it does."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in _COMMANDS.items()])


@click.group(
    cls=_LateGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version("journeymap"), prog_name="journeymap")
def journeymap() -> None:
    """Hold, follow and understand customer journeys.

    A journeymap.toml beside a log keeps its columns, map and titles, so that they are typed once.
    """
