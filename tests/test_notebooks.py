"""The notebooks of the examples: each runs in Jupyter, and shows what it is kept with."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from journeymap.analysis import Log, Overview
from journeymap.exceptions import UnknownName
from tests.conftest import required
from tests.factories import SHOP, at

FOLDER = Path(__file__).parents[1] / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_LINES = 3  # of an answer


def shown(cell: Any) -> list[list[str]]:
    """The words and numbers that a cell shows, however tables are drawn."""
    texts = [
        output.get("data", {}).get("text/plain") or f"{output.get('ename')} {output.get('evalue')}"
        for output in cell["outputs"]
    ]
    return [re.findall(r"[\w.%+-]+", text) for text in texts]


def run_again(path: Path) -> tuple[Any, Any]:
    """Run a notebook; give it as it is kept, and as it is now."""
    from nbclient import NotebookClient

    nbformat: Any = importlib.import_module("nbformat")
    kept = nbformat.read(path, 4)
    run = nbformat.from_dict(json.loads(json.dumps(kept)))
    place = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(run, timeout=300, resources=place, record_timing=False).execute()
    return kept, run


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_is_kept_with(path: Path) -> None:
    parts = ("nbclient", "nbformat", "ipykernel")
    required(all(map(importlib.util.find_spec, parts)), "Jupyter's kernel")
    kept, run = run_again(path)
    for old, new in zip(kept.cells, run.cells, strict=True):
        if old.cell_type == "code":
            assert shown(new) == shown(old), old.source


def test_twelve_questions_are_answered_in_three_lines_each() -> None:
    cells = json.loads((FOLDER / "twelve_questions.ipynb").read_text(encoding="utf-8"))["cells"]
    numbered = [
        place for place, cell in enumerate(cells) if "".join(cell["source"]).startswith("## ")
        and "".join(cell["source"])[3].isdigit()
    ]  # fmt: skip
    assert len(numbered) == 12
    for place in numbered:
        answer = cells[place + 1]
        assert len("".join(answer["source"]).splitlines()) <= MOST_LINES
        assert answer["outputs"]


def test_an_error_is_one_line_in_a_notebook() -> None:
    with pytest.raises(UnknownName) as caught:
        raise UnknownName("touchpoint", "ordr", ("order", "pay"))
    assert caught.value._render_traceback_() == [
        "UnknownName: there is no touchpoint 'ordr'; did you mean 'order'? (known: 'order', 'pay')"
    ]


def test_an_overview_is_a_page_in_a_frame_of_its_own() -> None:
    overview = Overview.of(Log.from_interactions([at("order", 0), at("call", 1)], map=SHOP))
    page = overview._repr_html_()
    assert page is not None
    assert page.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    assert page.endswith("</iframe>")
    assert page.count("<") == 2  # nothing of the page is part of the notebook
    assert repr(overview) == "<Overview of 2 interactions of 1 customers along 'shop'>"


if __name__ == "__main__":
    for notebook in NOTEBOOKS:
        importlib.import_module("nbformat").write(run_again(notebook)[1], notebook)
