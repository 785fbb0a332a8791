"""The start of the library: nothing is loaded that was not asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import journeymap


def loaded(code: str) -> set[str]:
    """Run code in a process of its own, and list our modules that it loads."""
    code += "\nimport sys; print(*[one for one in sys.modules if one.startswith('journeymap')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(shown.stdout.split())


def test_the_library_loads_what_is_asked_for() -> None:
    assert loaded("import journeymap") == {"journeymap"}
    tracker = loaded("import journeymap; journeymap.Tracker")
    assert "journeymap.tracking.tracker" in tracker
    assert not {
        one for one in tracker if one.split(".")[1:2] in (["live"], ["views"], ["analysis"])
    }


def test_every_public_name_has_one_home() -> None:
    assert set(journeymap._HOME_OF) | {"templates"} == set(journeymap.__all__)
    for name in journeymap.__all__:
        assert getattr(journeymap, name) is not None
    assert set(journeymap.__all__) <= set(dir(journeymap))


def test_parts_are_loaded_by_their_names() -> None:
    assert "journeymap.documents" in loaded("import journeymap; journeymap.documents.load")
    with pytest.raises(AttributeError, match="no attribute 'trackr'"):
        _ = journeymap.trackr  # type: ignore[attr-defined]


_NO_PACKAGES = (
    "import journeymap.views, importlib.metadata as m\n"
    "m.Distribution.discover = classmethod(lambda cls, **words: iter(()))"
)


@pytest.mark.parametrize("before", ["", _NO_PACKAGES])
def test_a_map_shows_itself_in_a_new_process(before: str) -> None:
    shows = "print(journeymap.JourneyMap('shop')._repr_html_()[:4])"
    code = f"import journeymap\n{before}\n{shows}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "<svg\n"
