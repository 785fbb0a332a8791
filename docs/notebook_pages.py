"""The notebooks of the examples as pages, with the tables and pictures that they show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["write_notebooks"]


def write_notebooks(notebooks: Path, target: Path) -> None:
    """Write each notebook as a page.

    Args:
        notebooks: Their folder.
        target: The folder of the pages.
    """
    target.mkdir(parents=True, exist_ok=True)
    for notebook in sorted(notebooks.glob("*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        text = "\n\n".join(part for cell in cells for part in _parts(cell))
        page = target / f"{notebook.stem}.md"
        page.write_text(f"{text}\n", encoding="utf-8", newline="\n")


def _parts(cell: dict[str, Any]) -> list[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return [source]
    shown = [_shown(output) for output in cell.get("outputs", ())]
    return [f"```python\n{source}\n```", *filter(None, shown)]


def _shown(output: dict[str, Any]) -> str:
    data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
    if "text/html" in data:
        return f'```{{raw}} html\n<div class="shown">{data["text/html"]}</div>\n```'
    text = data.get("text/plain") or "".join(output.get("text", ""))
    return f"```text\n{text}\n```" if text else ""
