"""Adapters of other packages: found, listed, kept apart when they break; one really installed."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest

from journeymap import (
    AdapterError,
    Customers,
    Identities,
    Identity,
    IdentityRules,
    JourneyMap,
    JourneyMapError,
    Live,
    UnknownName,
)
from journeymap.adapters import registry
from journeymap.adapters.mapping import load_mapping
from journeymap.adapters.registry import Registry, actions, installed, sources, stores, views
from journeymap.analysis import Log
from tests.conftest import required

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]


def test_what_comes_with_journeymap_is_listed() -> None:
    found = {(one.kind, one.name) for one in installed() if one.package == "journeymap"}
    assert {("source", "xes"), ("store", "sqlite"), ("action", "file"), ("view", "map")} <= found
    assert all(one.failure is None for one in installed() if one.package == "journeymap")
    with pytest.raises(UnknownName, match="there is no source 'xez'; did you mean 'xes'"):
        sources["xez"]
    assert "postgresql" in stores
    assert repr(views) == "<Registry of views: chart, chart-dark, customer, map, report>"
    assert len(actions) == 2


def test_a_plugin_that_breaks_breaks_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_broken(*, group: str) -> list[EntryPoint]:
        found = [*entry_points(group=group)]
        name = group
        broken = EntryPoint("broken", "no_such_module_at_all:thing", name)
        twin = EntryPoint("csv", "no_such_module_at_all:thing", name)
        return [twin, broken, *found]

    monkeypatch.setattr(registry, "entry_points", with_broken)
    with pytest.raises(AdapterError, match="the source 'broken' cannot be loaded: ModuleNotFound"):
        sources["broken"]
    assert callable(sources["csv"])  # ours goes before a stranger's of the same name
    from journeymap.cli import main

    assert main(["adapters"]) == 0
    told = capsys.readouterr().out
    assert "broken" in told
    assert "FAILED: ModuleNotFoundError" in told
    assert main(["adapters", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert any(row["name"] == "xes" and row["failure"] is None for row in rows)


def test_one_can_be_offered_without_a_package() -> None:
    own: Registry[Any] = Registry("source")
    own.add("mine", list)
    assert own["mine"] is list
    assert "mine" in own


def test_the_command_line_proposes_a_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from journeymap.cli import main

    file = tmp_path / "till.jsonl"
    file.write_text('{"at": "2026-03-01T09:00:00Z", "email": "a@x.org", "event": "paid"}\n')
    assert main(["map-payload", str(file)]) == 0
    out, err = capsys.readouterr()
    assert 'id = "till"' in out
    assert "1 of 1 payloads give records" in err
    assert main(["map-payload", str(tmp_path / "a.pdf")]) == 2


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with journeymap and the example package, both built as wheels."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    example = PROJECT / "packages" / "journeymap-example-adapter"
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(PROJECT), str(example)],
        capture_output=True, text=True,
    )  # fmt: skip
    wheels = sorted(str(one) for one in folder.glob("*.whl"))
    required(len(wheels) == 2, f"a way to build wheels: {built.stderr[-500:]}")
    done = subprocess.run(
        [*pip, "install", *wheels, "hypothesis", "pytest"], capture_output=True, text=True
    )
    required(done.returncode == 0, f"a package registry: {done.stderr[-500:]}")
    return python


def test_the_example_package_passes_the_kit_in_a_fresh_environment(
    fresh: Path, tmp_path: Path
) -> None:
    tests = PROJECT / "packages" / "journeymap-example-adapter" / "tests"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        [str(fresh), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "5 passed" in done.stdout
    listed = (
        "from journeymap.adapters.registry import installed\n"
        "for one in installed(): print(one.package, one.failure)"
    )
    told = subprocess.run([str(fresh), "-c", listed], capture_output=True, text=True, check=True)
    assert told.stdout.count("journeymap-example-adapter None") == 4
    assert all(line.endswith(" None") for line in told.stdout.splitlines())
    command = subprocess.run(
        [str(fresh.parent / "journeymap"), "adapters"], capture_output=True, text=True
    )
    assert command.returncode == 2
    assert "pip install 'journeymap[cli]'" in command.stderr  # the core has no command line
    core = (
        "import sys, journeymap.testing; print('numpy' in sys.modules);"
        "from journeymap.adapters.mapping.documents import builtin_mappings, load_mapping;"
        "print(len([load_mapping(name) for name in builtin_mappings()]))"
    )
    out = subprocess.run([str(fresh), "-c", core], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["False", "20"]


def take_a_number() -> None:
    with Live(JourneyMap("a"), identities=IdentityRules()) as live:
        live.take([7])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Identities("x"), "IdentityRules are expected"),  # type: ignore[arg-type]
        (lambda: Identities().learn([7]), "Evidence is expected"),  # type: ignore[list-item]
        (lambda: Identities().learn(Identity("a", "b")), "Evidence is expected"),  # type: ignore[arg-type]
        (lambda: Customers().take([7]), "a Record is expected"),  # type: ignore[list-item]
        (lambda: Customers().read([]), "a source is expected"),  # type: ignore[arg-type]
        (lambda: Log.from_source(7), "a source is expected"),  # type: ignore[arg-type]
        (take_a_number, "a Record"),
        (lambda: Live(JourneyMap("a"), identities="x"), "IdentityRules"),  # type: ignore[arg-type]
        (lambda: Live(JourneyMap("a"), "postgers://x/y"), "did you mean 'postgresql'"),
    ],
)
def test_what_is_none_is_told_at_the_door(wrong: Any, told: str) -> None:
    with pytest.raises(JourneyMapError, match=told):
        wrong()
    with pytest.raises(FileNotFoundError, match=r"there is no file 'mine\.toml'"):
        load_mapping("mine.toml")
