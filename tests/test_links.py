"""Links of the documentation lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")),
         *sorted((ROOT / "examples").rglob("*.md"))]  # fmt: skip
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """List the anchors of a page's headings, as they are made of their words."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if re.match(r"https://|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page if not name else (page.parent / name)
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_the_documentation_as_text(tmp_path: Path) -> None:
    import sys

    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from language_models import write_texts  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    write_texts(ROOT / "docs", tmp_path)
    index = (tmp_path / "llms.txt").read_text(encoding="utf-8")
    whole = (tmp_path / "llms-full.txt").read_text(encoding="utf-8")
    pages = [page for page in (ROOT / "docs").glob("*.md") if page.stem != "index"]
    for page in pages:
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        assert f"- [{title}]({page.stem}.html): " in index
        assert f"# {title}" in whole
    assert "toctree" not in whole
    assert "Count handoffs: two consecutive interactions" in whole  # of the reference
