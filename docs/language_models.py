"""The documentation as plain text: an index, and all of it in one file."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["write_texts"]

_TREE = re.compile(r"```\{toctree\}\n(?::.*\n)*\n?((?:[\w/-]+\n)+)```")
_MEMBERS = re.compile(r"^\.\. auto\w+:: (\S+)$", re.MULTILINE)


def write_texts(source: Path, target: Path) -> None:
    """Write ``llms.txt``, a list of the pages, and ``llms-full.txt``, all of them.

    Args:
        source: The folder of the pages.
        target: The folder of the built documentation.
    """
    index = (source / "index.md").read_text(encoding="utf-8")
    [tree] = _TREE.findall(index)
    known = [name for name in tree.split() if (source / f"{name}.md").is_file()]
    pages = {name: _read(source / f"{name}.md") for name in known if "/" not in name}
    first = index.split("\n\n")
    lines = [f"{first[0]}", "", f"> {' '.join(first[1].split())}", "", "## Pages", ""]
    lines += [f"- [{_title(text)}]({name}.html): {_about(text)}" for name, text in pages.items()]
    (target / "llms.txt").write_text("\n".join([*lines, ""]), encoding="utf-8", newline="\n")
    whole = "\n\n".join([_TREE.sub("", index).strip(), *pages.values()])
    (target / "llms-full.txt").write_text(whole + "\n", encoding="utf-8", newline="\n")


def _read(page: Path) -> str:
    """Read a page; where it lists members, with their documentation."""
    text = page.read_text(encoding="utf-8").strip()
    return _MEMBERS.sub(lambda found: _document(found[1]), text).replace("```{eval-rst}", "```")


def _document(name: str) -> str:
    """Give the documentation of a public name."""
    import inspect
    from importlib import import_module

    parts = name.split(".")
    for size in range(len(parts) - 1, 0, -1):
        try:
            found = import_module(".".join(parts[:size]))
        except ImportError:
            continue
        for part in parts[size:]:
            found = getattr(found, part)
        return f"{name}\n{inspect.getdoc(found) or ''}\n"
    return name


def _title(text: str) -> str:
    return text.partition("\n")[0].removeprefix("# ")


def _about(text: str) -> str:
    """Give the first sentence of a page."""
    for paragraph in text.split("\n\n")[1:]:
        if paragraph[:1].isalpha() or paragraph[:1] == "`":
            return re.split(r"(?<=[.])\s", " ".join(paragraph.split()))[0].rstrip(":")
    return ""
