"""Output of commands: texts in files or on the terminal, and how far work has come."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import TracebackType

__all__ = ["ShownProgress", "write_text"]


def write_text(text: str, output: str) -> None:
    """Write a text to a file at once, or to the terminal (``-``).

    Args:
        text: The text.
        output: The file.
    """
    if output == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # documents are UTF-8 wherever they go
        sys.stdout.write(text)
        return
    whole = Path(output)
    part = whole.with_name(f".{whole.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        os.replace(part, whole)
    finally:
        part.unlink(missing_ok=True)


class ShownProgress:
    """One line that is rewritten while work goes on; silent where no terminal is."""

    def __init__(self, what: str) -> None:
        """Prepare the line.

        Args:
            what: What is being done.
        """
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._shown = Progress(
            TextColumn("{task.description} … "), BarColumn(), TextColumn("{task.fields[done]}"),
            console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty(),
        )  # fmt: skip
        self._task = self._shown.add_task(what, total=None, done="")

    def __enter__(self) -> ShownProgress:
        self._shown.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._shown.stop()

    def share(self, part: float) -> None:
        """Show how far the work has come, from 0 to 1."""
        self._shown.update(self._task, total=1.0, completed=part, done=f"{100 * part:.0f} %")

    def count(self, number: int) -> None:
        """Show how many are done."""
        self._shown.update(self._task, done=f"{number:,}")
