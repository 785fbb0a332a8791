"""The documentation of everything public: fields, arguments, results and errors are described."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

ROOMS = (
    "", ".model", ".interactions", ".identity", ".documents", ".tracking", ".profile", ".live",
    ".adapters.source", ".adapters.store", ".adapters.action", ".adapters.view",
    ".adapters.registry", ".adapters.sources", ".adapters.mapping", ".adapters.stores",
    ".adapters.actions", ".analysis", ".engines", ".views", ".simulation", ".testing",
    ".exceptions",
)  # fmt: skip
# Methods of a contract, which is where they are described.
CONTRACTS = {
    "measure", "merge", "answer", "ask_log", "prepared", "splitting", "find_customers", "apply",
    "mark", "without_bounds",
}  # fmt: skip


def public() -> Iterator[tuple[str, Any]]:
    """Every public name, once, by the first path that offers it."""
    seen: set[int] = set()
    for room in ROOMS:
        module = importlib.import_module(f"journeymap{room}")
        for name in module.__all__:
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and id(value) not in seen:
                seen.add(id(value))
                yield f"{module.__name__}.{name}", value


EVERYTHING = dict(public())


def sections(text: str) -> dict[str, str]:
    """The sections of a docstring in Google's style, by their headings."""
    found = re.split(r"^(Attributes|Args|Returns|Yields|Raises):\n", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def described(section: str) -> set[str]:
    return {name.lstrip("*") for name in re.findall(r"^    (\*{0,2}\w+):", section, re.MULTILINE)}


def raises(function: Any) -> bool:
    """Whether a function raises by itself, not in a function within it."""
    if function.__code__.co_filename.startswith("<"):  # made by Hypothesis from one that draws
        return False
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]

    def own(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.Lambda)):
                yield child
                yield from own(child)

    return any(isinstance(node, ast.Raise) for node in own(tree))


def faults_of_function(name: str, function: Any) -> Iterator[str]:
    text = inspect.getdoc(function) or ""
    if re.match(r"See `", text):
        return
    found = sections(text)
    parameters = [
        p.name for p in inspect.signature(function).parameters.values()
        if p.name not in ("self", "cls")
    ]  # fmt: skip
    missing = set(parameters) - described(found.get("Args", ""))
    if missing:
        yield f"{name}: Args lacks {sorted(missing)}"
    if not (missing or not parameters or described(found["Args"]) <= set(parameters)):
        yield f"{name}: Args names what is no parameter"
    gives = inspect.signature(function).return_annotation
    told = {"Returns", "Yields"} & set(found)
    if gives not in ("None", "Never", inspect.Signature.empty) and not told:
        yield f"{name}: Returns is missing"
    if raises(function) and "Raises" not in found:
        yield f"{name}: Raises is missing"


def faults_of_class(name: str, kind: Any) -> Iterator[str]:
    found = sections(inspect.getdoc(kind) or "")
    if attrs.has(kind):
        fields = [
            a.name for a in attrs.fields(kind)
            if a.init and not a.name.startswith("_")
            and (not a.inherited or kind.__name__ == "JourneyMap")
        ]  # fmt: skip
        missing = set(fields) - described(found.get("Attributes", ""))
        if missing:
            yield f"{name}: Attributes lacks {sorted(missing)}"
    for inner, value in vars(kind).items():
        function = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        written = inspect.isfunction(function) and not inner.startswith("_")
        if written and inner not in CONTRACTS and not hasattr(function, "__isabstractmethod__"):
            yield from faults_of_function(f"{name}.{inner}", function)
    init = vars(kind).get("__init__")
    written = inspect.isfunction(init) and init.__code__.co_filename == inspect.getfile(kind)
    if written and not issubclass(kind, BaseException):
        parts = [sections(inspect.getdoc(part) or "").get("Args", "") for part in (kind, init)]
        missing = set(list(inspect.signature(init).parameters)[1:]) - described("".join(parts))
        if missing:
            yield f"{name}: Args lacks {sorted(missing)}"


@pytest.mark.parametrize("name", EVERYTHING)
def test_everything_public_is_described(name: str) -> None:
    value = EVERYTHING[name]
    find = faults_of_class if inspect.isclass(value) else faults_of_function
    assert list(find(name, value)) == []


def test_the_reference_lists_everything_public() -> None:
    reference = Path(__file__).parents[1] / "docs" / "reference.md"
    text = reference.read_text(encoding="utf-8")
    missing = [name for name in EVERYTHING if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert missing == []
