"""Output of commands: texts in files or on the terminal, and how far work has come."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

__all__ = ["ShownProgress", "replaced", "write_text"]


def write_text(text: str, output: str) -> None:
    """Write a text to a file, whole or not at all, or to the terminal (``-``).

    Args:
        text: The text.
        output: The file.
    """
    if output == "-":
        if sys.stdout is None:
            raise OSError("there is no output to write to: name a file with -o")
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # documents are UTF-8 wherever they go
        sys.stdout.write(text)
        return
    with replaced(output) as file:
        file.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def replaced(output: str) -> Iterator[Path]:
    """Give a file to be written that takes the place of another when it is done.

    A link stays one, and a file keeps who may read it. What is no file, such as a pipe, is written
    directly; so is a file in a folder where none can be made.

    Args:
        output: The file whose place it takes.

    Raises:
        OSError: It is a folder, or cannot be written.
    """
    target = Path(output).resolve() if Path(output).is_symlink() else Path(output)
    if not target.name or target.is_dir():
        raise IsADirectoryError(f"{output!r} is a folder: a file is expected")
    if target.exists() and not target.is_file():
        yield target
        return
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
    try:
        handle, name = tempfile.mkstemp(target.suffix, ".journeymap-", target.parent)
    except PermissionError:
        if not target.exists():
            raise PermissionError(f"{output!r} cannot be written in its folder") from None
        yield target
        return
    except FileNotFoundError:
        raise FileNotFoundError(f"{output!r}: there is no folder {str(target.parent)!r}") from None
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, mode)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def _umask() -> int:
    """Read which rights new files do not get."""
    current = os.umask(0o077)
    os.umask(current)
    return current


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
