"""All four adapters against the laws of their kind."""

import itertools
import shutil
from pathlib import Path

from attrs import evolve
from hypothesis import strategies as st

from journeymap import JourneyMap, Live
from journeymap.adapters.registry import actions, installed, sources, stores, views
from journeymap.testing import check_action, check_source, check_store, check_view, hostile_maps

LINES = st.lists(
    st.sampled_from(["2026-03-01T09:00Z | 555 | asked for help | failed", "no note", "| | |"])
    | st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)
)


def test_the_source(tmp_path: Path) -> None:
    count = itertools.count()

    def made(lines: list[str]):
        file = tmp_path / f"{next(count)}.txt"
        file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return evolve(sources["callnotes"](str(file)), batch=3)

    check_source(made, LINES)


def test_the_store(tmp_path: Path) -> None:
    place = tmp_path / "store"

    def cleared() -> None:
        shutil.rmtree(place, ignore_errors=True)

    check_store(lambda: stores["folder"](f"folder://{place}"), cleared)
    with Live(JourneyMap("empty"), f"folder://{tmp_path}/live"):
        assert (tmp_path / "live" / "journeys.db").exists()


def test_the_action(tmp_path: Path) -> None:
    def effects() -> list[str]:
        return [
            file.stem for file in sorted(tmp_path.iterdir(), key=lambda f: f.stat().st_mtime_ns)
        ]

    check_action(lambda: actions["reminders"](str(tmp_path)), effects,
                 claims=frozenset({"remembers"}))  # fmt: skip


def test_the_view() -> None:
    check_view(views["stagelist"], hostile_maps())


def test_it_is_installed() -> None:
    mine = {one.name: one.failure for one in installed()
            if one.package == "journeymap-example-adapter"}  # fmt: skip
    assert mine == {"callnotes": None, "folder": None, "reminders": None, "stagelist": None}
