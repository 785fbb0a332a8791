"""YAML 1.2 to plain data and back: plain values only, bounded, with every place known.

The document is built from the parser's events rather than by its constructor: so no tag can
make an object, an alias cannot explode, nesting is bounded, and each value keeps its line.
"""

from __future__ import annotations

import io
import re
from typing import Any, Protocol

from attrs import define, field

from journeymap.documents.parsed import MAX_NESTING, Parsed, Path, Place, fault
from journeymap.exceptions import DocumentError, require

__all__ = ["read", "write"]

MAX_NODES = 200_000
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None,
          "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False}  # fmt: skip
_OTHERWISE = re.compile(
    r"""(?ix) y | n | yes | no | on | off | true | false | null | ~ | = | <<
      | [-+]? [0-9][0-9_]* (?: : [0-5]?[0-9])+ (?: \.[0-9_]*)?   # base 60: 1:30:00
      | [-+]? 0b[01_]+ | [-+]? 0x[0-9a-f_]+ | [-+]? 0o?[0-7_]+
      | [-+]? (?: [0-9][0-9_]* (?: \.[0-9_]*)? | \.[0-9_]+) (?: e[-+]?[0-9]+)?
      | [-+]? \.inf | \.nan
    """,
    re.ASCII,
)
"""Texts that mean something else in YAML 1.1, which many readers still take."""
_MISSING = object()


class _Mark(Protocol):
    line: int
    column: int


def _ruamel(kind: str) -> Any:
    require("yaml", "ruamel.yaml")
    from ruamel.yaml import YAML

    return YAML(typ=kind, pure=True)


def read(text: str, file: str | None) -> Parsed:
    """Parse one YAML document; raises DocumentError for anything but plain data."""
    if text.count("\n") > MAX_NODES or text.count(",") > 2 * MAX_NODES:
        message = f"more than {MAX_NODES} lines, or {2 * MAX_NODES} commas, are no map"
        raise fault(file, message, None, None)
    from_ruamel = _ruamel("safe")
    from ruamel.yaml.error import YAMLError

    builder = _Builder(file)
    try:
        for event in from_ruamel.parse(text):
            builder.take(event)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or str(error).split("\n", 1)[0]
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise fault(file, f"this is not YAML: {message}", line, column) from None
    except DocumentError:
        raise
    except (RecursionError, ValueError, IndexError) as error:
        raise fault(file, f"this is not YAML: {error}", None, None) from None
    return Parsed(builder.root, builder.locate)


def write(data: Any) -> str:
    """Write block-style YAML, keys in their order."""
    yaml = _ruamel("rt")
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 1 << 30  # a folded line beside an escape is not read back as it was
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_quoted(data), stream)
    return stream.getvalue()


def _quoted(data: Any) -> Any:
    """Quote the texts that readers of YAML 1.1 take for truth values, numbers or nothing."""
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    if isinstance(data, dict):
        return {_quoted(name): _quoted(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_quoted(value) for value in data]
    if isinstance(data, str) and _OTHERWISE.fullmatch(data):
        return SingleQuotedScalarString(data)
    return data


@define
class _Open:
    """A list or mapping that is being filled; ``weight`` counts the nodes in it, aliases too."""

    value: Any
    anchor: str | None
    weight: int = 1
    key: Any = _MISSING


@define
class _Builder:
    file: str | None
    root: Any = None
    open: list[_Open] = field(factory=list)
    anchors: dict[str, tuple[Any, int]] = field(factory=dict)
    places: dict[tuple[int, str | int], Place] = field(factory=dict)
    documents: int = 0
    nodes: int = 0

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        mark: _Mark = event.start_mark
        if kind == "ScalarEvent":
            self._put(self._scalar(event), event.anchor, 1, mark)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._tagged(event, "map" if kind.startswith("M") else "seq")
            if len(self.open) >= MAX_NESTING:
                raise self._fault(f"nested deeper than {MAX_NESTING} levels", mark)
            value: Any = {} if kind.startswith("M") else []
            self._announce(value, mark)
            self.open.append(_Open(value, event.anchor))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            done = self.open.pop()
            if done.anchor:
                self.anchors[done.anchor] = (done.value, done.weight)
            self._weigh(done.weight, mark)
        elif kind == "AliasEvent":
            if event.anchor not in self.anchors:
                raise self._fault(f"the alias *{event.anchor} stands for nothing yet", mark)
            value, weight = self.anchors[event.anchor]
            self._put(value, None, weight, mark)
        elif kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                raise self._fault("one document is expected, here begins a second", mark)

    def locate(self, path: Path) -> Place | None:
        value, place = self.root, self.places.get((0, ""))
        for step in path:
            place = self.places.get((id(value), step), place)
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                break
        return place

    def _put(self, value: Any, anchor: str | None, weight: int, mark: _Mark) -> None:
        """Give a finished value (a scalar, or what an alias stands for) its place."""
        if self.open and isinstance(self.open[-1].value, dict) and self.open[-1].key is _MISSING:
            self._key(value, mark)
        else:
            self._announce(value, mark)
        if anchor:
            self.anchors[anchor] = (value, weight)
        self._weigh(weight, mark)

    def _key(self, key: Any, mark: _Mark) -> None:
        mapping = self.open[-1]
        if not isinstance(key, str):
            raise self._fault(f"a key is a text, not {key!r}; put it in quotes", mark)
        if key in mapping.value:
            raise self._fault(f"the key {key!r} stands twice in one mapping", mark)
        mapping.key = key
        self.places[id(mapping.value), key] = (mark.line + 1, mark.column + 1)

    def _announce(self, value: Any, mark: _Mark) -> None:
        """Hang a value, perhaps still to be filled, where it belongs."""
        place = (mark.line + 1, mark.column + 1)
        if not self.open:
            self.root = value
            self.places[0, ""] = place
            return
        parent = self.open[-1]
        if isinstance(parent.value, list):
            self.places[id(parent.value), len(parent.value)] = place
            parent.value.append(value)
        elif parent.key is _MISSING:
            raise self._fault("a key is a text, not a list or mapping", mark)
        else:
            parent.value[parent.key] = value
            self.places[id(parent.value), parent.key] = place
            parent.key = _MISSING

    def _weigh(self, weight: int, mark: _Mark) -> None:
        self.nodes += 1
        if self.open:
            self.open[-1].weight += weight
            weight = self.open[-1].weight
        if max(weight, self.nodes) > MAX_NODES:
            raise self._fault(f"more than {MAX_NODES} values, counted through aliases", mark)

    def _tagged(self, event: Any, kind: str) -> None:
        tag = event.tag
        if tag is not None and str(tag) not in ("!", f"tag:yaml.org,2002:{kind}"):
            raise self._fault(f"the tag {tag} is not allowed; plain values only", event.start_mark)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.style is not None or not event.implicit[0]:
            self._tagged(event, "str")
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            if len(text) > 400:
                raise self._fault("a number has too many digits", event.start_mark)
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        return text

    def _fault(self, message: str, mark: _Mark) -> Exception:
        return fault(self.file, message, mark.line + 1, mark.column + 1)
