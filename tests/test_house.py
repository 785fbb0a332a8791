"""The rules of the house, enforced: who may import whom, how long a module is, what it costs."""

from __future__ import annotations

import ast
import contextlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import journeymap

SOURCE = Path(journeymap.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

_ADAPTERS = {"documents", "identity", "interactions", "model", "exceptions"}
_PROFILE = {"tracking", "identity", "interactions", "model", "exceptions"}
_ANALYSIS = {"adapters"} | _ADAPTERS
ALLOWED: dict[str, set[str]] = {
    "exceptions": set(),
    "model": {"exceptions"},
    "interactions": {"model", "exceptions"},
    "identity": {"interactions", "model", "exceptions"},
    "documents": {"interactions", "model", "exceptions"},
    "tracking": {"interactions", "model", "exceptions"},
    "templates": {"documents", "model", "exceptions"},
    "simulation": {"interactions", "model", "exceptions"},
    "profile": _PROFILE,
    "adapters": _ADAPTERS,
    "analysis": _ANALYSIS,
    "live": {"profile", "tracking", "adapters"} | _PROFILE | _ADAPTERS,
    "engines": {"analysis"} | _ANALYSIS,
    "views": {"analysis", "tracking", "profile", "model", "exceptions"},
    "testing": {"*"},
    "cli": {"*"},
    "__init__": {"*"},
    "__main__": {"*"},
}
BANNED = {"utils", "util", "helpers", "common", "base", "manager", "misc", "core"}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every room of ours that is imported, wherever the import stands, type checking apart."""
    checking = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in checking:
            continue
        named: list[str] = []
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in named:
            parts = name.split(".")
            if parts[0] == "journeymap" and len(parts) > 1:
                yield getattr(node, "lineno", 0), parts[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_follow_the_table(path: Path) -> None:
    mine = room(path)
    allowed = ALLOWED[mine] | {mine}
    if "*" in allowed:
        return
    found = list(imports(ast.parse(path.read_text(encoding="utf-8"))))
    wrong = [f"line {line} imports {other}" for line, other in found if other not in allowed]
    assert not wrong, f"{mine} may import {sorted(allowed)}: {wrong}"


def test_the_table_bites() -> None:
    tree = ast.parse("def f():\n    from journeymap.analysis import Log\n")
    assert list(imports(tree)) == [(2, "analysis")]


def test_nothing_imports_testing() -> None:
    for path in MODULES:
        if room(path) != "testing":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert "testing" not in {other for _, other in imports(tree)}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_tells_one_story(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 600
    assert path.stem not in BANNED
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno
            assert lines < 60, f"{node.name} does not fit on a screen"
            public = not node.name.startswith("_")
            # The words of where are names of columns, and no options.
            passed = node.args.kwarg and (node.name, node.args.kwarg.arg) != ("where", "others")
            assert not (public and passed), f"{node.name} passes on what it gets"


LOOKED_UP = {"journeymap", *sys.stdlib_module_names}
"""Where the names begin that are looked up; others are those of variables."""


def replaced(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Find what tests replace for a while: the line, and the dotted name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called, first = ast.unparse(node.func), node.args[0]
        if called.endswith((".setattr", "patch")) and isinstance(first, ast.Constant):
            yield node.lineno, str(first.value)
        elif called.endswith((".setattr", "patch.object")) and len(node.args) > 1:
            yield node.lineno, f"{ast.unparse(first)}.{ast.literal_eval(node.args[1])}"
    assigned = (node for node in ast.walk(tree) if isinstance(node, ast.Assign))
    for target in (target for node in assigned for target in node.targets):
        if isinstance(target, ast.Attribute):
            yield target.lineno, ast.unparse(target)


def owner(name: str) -> str:
    """Find the module that a dotted name is looked up in, as that module calls itself."""
    *path, _ = name.split(".")
    found: object = sys.modules.get(path[0]) or importlib.import_module(path[0])
    for at in range(1, len(path)):
        with contextlib.suppress(ImportError):
            importlib.import_module(".".join(path[: at + 1]))
        found = getattr(found, path[at], None)
    return found.__name__ if isinstance(found, ModuleType) else ""


def test_no_test_replaces_what_other_threads_use() -> None:
    """A function of the standard library is replaced for all threads: one may be asleep in it."""
    assert owner("journeymap.engines.progress.time.monotonic") == "time"
    assert owner("journeymap.cli.log_commands.sleep") == "journeymap.cli.log_commands"
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        for line, name in replaced(ast.parse(path.read_text(encoding="utf-8"))):
            module = owner(name) if name.split(".")[0] in LOOKED_UP else ""
            allowed = module == "sys" or module.split(".")[0] not in sys.stdlib_module_names
            assert allowed, f"{path.name}, line {line}: {name} is replaced for everyone"


def test_every_public_name_is_documented_and_there() -> None:
    for name in journeymap.__all__:
        value = getattr(journeymap, name)
        if callable(value):
            assert value.__doc__, name


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_core_needs_three_packages_alone() -> None:
    code = """
import sys, sysconfig
import journeymap
print(*sorted({name.partition(".")[0] for name, module in sys.modules.items()
               if "site-packages" in (getattr(module, "__file__", None) or "")}))
"""
    heavy = {"numpy", "polars", "scipy", "ruamel", "jinja2", "altair", "hypothesis", "pandas"}
    assert not heavy & set(run(code).split())


def test_the_core_does_not_load_an_event_loop() -> None:
    """It costs a fifth of the whole import, and only `AsyncLive` uses it."""
    assert run("import sys, journeymap; print('asyncio' in sys.modules)") == "False"


@pytest.mark.parametrize(
    ("hidden", "code", "extra"),
    [
        ("polars", "import journeymap.analysis", "analysis"),
        ("ruamel.yaml", "import journeymap; journeymap.loads('a: 1')", "yaml"),
        ("tomli_w", "import journeymap as j; j.dumps(j.JourneyMap('a'), format='toml')", "toml"),
        ("hypothesis", "import journeymap.testing", "testing"),
    ],
)
def test_a_missing_extra_names_the_install(hidden: str, code: str, extra: str) -> None:
    told = run(
        f"""
import sys
sys.modules[{hidden!r}] = None
from journeymap.exceptions import MissingExtra
try:
    {code}
except MissingExtra as error:
    print(error)
"""
    )
    assert f"pip install 'journeymap[{extra}]'" in told
