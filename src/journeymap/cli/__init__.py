"""The command line: maps, logs and stores from a shell; needs the extra ``cli``."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from journeymap.exceptions import (
    DocumentError,
    JourneyMapError,
    MapError,
    MissingExtra,
    require,
)

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after ``journeymap`` (None: those of the process).

    Returns:
        The exit code: 0 done, 1 a map with errors, 2 a failure, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):  # a narrow console shows what it can
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        require("cli", "click")
    except MissingExtra as error:
        return _fail(str(error))
    import click

    from journeymap.cli.group import journeymap

    try:
        done = journeymap.main(
            None if arguments is None else list(arguments), "journeymap", standalone_mode=False
        )
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return _fail(error.format_message())
    except (DocumentError, MapError) as error:
        problems = "; ".join(str(problem) for problem in error.problems)
        return _fail(f"{getattr(error, 'file', None) or 'map'}: {problems}")
    except (JourneyMapError, OSError) as error:
        return _fail(str(error))
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted", 130)
    return done if isinstance(done, int) else 0


def _fail(message: str, code: int = 2) -> int:
    print(f"journeymap: {' '.join(message.split())}", file=sys.stderr)
    return code
