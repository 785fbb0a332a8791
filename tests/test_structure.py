"""The structure of the house, enforced: no circles, no borrowed privates, no riddles."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_house import MODULES, SOURCE

# Modules that share a name on purpose: each is that part of its own room.
SHARED_NAMES = {
    "codec": "one per room that writes its values as text",
    "deviations": "the kinds, and the question",
    "documents": "the room, and the documents of payload mappings",
    "key_journeys": "the fold's rules, and the question",
    "mapping": "the room, and the value that it is about",
    "moments": "the elements of a map, and the fold's rules",
    "reading": "the room for bytes of files, and the reader of documents",
    "rules": "one per room whose behaviour is set by rules",
    "table": "the room, and the value that it is about",
    "tables": "the room for encodings of rows, and those of a map",
    "live": "the room, and the class that it is about",
    "sources": "the room, and the kit for sources",
    "stores": "the room, and the kit for stores",
}
# Dunder-like names of the standard library and of notebooks, not somebody's privates.
PUBLIC_UNDERSCORES = {"_replace", "_asdict", "_fields", "_make", "_repr_html_"}
RIDDLES = {
    "told", "tell", "tells", "said", "say", "says", "hear", "hears", "heard", "going", "alone",
    "somebody", "nobody",
}  # fmt: skip
RIDDLE_NAMES = {"_again", "_of", "_on", "_is", "came", "again"}


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_name(path: Path) -> str:
    parts = ("journeymap", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_name(path): path for path in MODULES}


def imported(path: Path) -> Iterator[str]:
    """Every module of ours that a module imports: anywhere in it, type checking included."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom) and node.module in NAMES:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in NAMES else str(node.module)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The groups of modules that import each other (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            place = stack.index(name)
            group = stack[place:]
            del stack[place:]
            if len(group) > 1 or name in graph[name]:
                found.append(sorted(group))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def test_no_circle_of_imports() -> None:
    graph = {name: set(imported(path)) for name, path in NAMES.items()}
    assert circles(graph) == []


def test_a_circle_would_be_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert circles(graph) == [["a", "b", "c"]]


def private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in PUBLIC_UNDERSCORES


def defined(tree: ast.Module) -> set[str]:
    """The private names that a module gives to something itself."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_private_name_of_another_module(path: Path) -> None:
    tree = parse(path)
    mine = defined(tree)
    taken = [
        f"line {node.lineno}: {alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if private(alias.name)
    ]
    taken += [
        f"line {node.lineno}: .{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and private(node.attr)
        and node.attr not in mine
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]
    assert not taken


def test_no_two_modules_of_one_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        stem = path.parent.name if path.stem == "__init__" else path.stem
        if path.parent != SOURCE or path.stem != "__init__":
            places[stem].append(str(path.relative_to(SOURCE)))
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert set(twice) <= set(SHARED_NAMES), {
        n: f for n, f in twice.items() if n not in SHARED_NAMES
    }
    assert set(SHARED_NAMES) <= set(twice), "a name that is not shared any more"


def test_no_two_public_classes_of_one_name() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in parse(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(SOURCE)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every name that a module gives: of functions, classes, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield getattr(node, "lineno", 0), node.asname


def words(name: str) -> set[str]:
    return set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_riddle_as_a_name(path: Path) -> None:
    wrong = sorted(
        f"line {line}: {name}"
        for line, name in identifiers(parse(path))
        if name in RIDDLE_NAMES or words(name) & RIDDLES
    )
    assert not wrong


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), getattr(node, "name", "the module"), text


DIALECT = re.compile(rf"\b({'|'.join(sorted(RIDDLES - {'going', 'alone'}))})\b", re.IGNORECASE)
SUBJECT = re.compile(r"(What|Who|Whose|Whether|Nobody|It|Its|Anybody|Somebody)\b")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_docstrings_are_plain(path: Path) -> None:
    wrong = []
    for line, name, text in docstrings(parse(path)):
        prose = re.sub(r"``[^`]*``|`[^`]*`", "", re.split(r"\n\s*>>>", text)[0])
        found = DIALECT.search(prose)
        if found:
            wrong.append(f"line {line} {name}: {found[0]!r}")
        if SUBJECT.match(prose):
            wrong.append(f"line {line} {name}: begins with {prose.split()[0]!r}")
    assert not wrong


def test_nothing_is_tracked_that_was_built_or_fetched() -> None:
    """Archives and large files come from elsewhere: they are fetched or made when needed."""
    root = SOURCE.parents[1]
    if shutil.which("git") is None or not (root / ".git").exists():
        pytest.skip("this is no clone")
    shown = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    files = [root / name for name in shown.stdout.decode().split("\0") if name]
    built = {".whl", ".gz", ".zip", ".tar", ".png", ".jpg", ".pdf", ".so", ".pyc", ".db"}
    found = [
        str(file.relative_to(root)) for file in files
        if file.exists() and (file.suffix in built or file.stat().st_size > 400_000)
    ]  # fmt: skip
    assert found == []
