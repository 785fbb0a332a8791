"""XML as a stream of events, with nothing in it that could do harm."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TypeAlias
from xml.parsers import expat

from journeymap.adapters.reading.guarded_files import reporting_damage, unpack
from journeymap.exceptions import SourceError

__all__ = ["Event", "read_xml_events"]

Event: TypeAlias = tuple[str, str, dict[str, str], int]
"""``start``, ``end`` or ``text``; the element's name or the text; its attributes; the line."""

_CHUNK = 1 << 16  # bytes parsed at a time
MAX_TOKEN_BYTES = 16_000_000  # bytes without an event: one gigantic token
MAX_DEPTH = 200  # levels of elements: logs nest ten or so, and each level costs memory


class _Handlers:
    """Takes what the parser finds, until it is fetched."""

    def __init__(self, name: str) -> None:
        self.name, self.found, self.depth = name, list[Event](), 0
        # Without expansion of any entity: a document type is refused before one is declared.
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.refuse

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise SourceError(self.name, "nested too deep", self.parser.CurrentLineNumber)
        line = self.parser.CurrentLineNumber
        self.found.append(("start", tag.rpartition("}")[2], attributes, line))

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.found.append(("end", tag.rpartition("}")[2], {}, self.parser.CurrentLineNumber))

    def text(self, data: str) -> None:
        if not data.isspace():
            self.found.append(("text", data, {}, self.parser.CurrentLineNumber))

    def refuse(self, *_: object) -> None:
        message = "a document type is refused: it could declare entities"
        raise SourceError(self.name, message, self.parser.CurrentLineNumber)


def read_xml_events(path: str | os.PathLike[str]) -> Iterator[Event]:
    """Read the events of an XML file, plain or .gz, one by one.

    Raises SourceError where it is not well-formed, is cut short, or has a document type.
    """
    name = str(path)
    handlers = _Handlers(name)
    silent = 0
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {name!r}")
    with open(path, "rb") as raw, reporting_damage(name):
        stream = unpack(raw, name)
        while True:
            data = stream.read(_CHUNK)
            try:
                handlers.parser.Parse(data, not data)
            except expat.ExpatError as error:
                message = f"not well-formed: {expat.ErrorString(error.code)}"
                raise SourceError(name, message, error.lineno) from None
            except (ValueError, LookupError) as error:  # an encoding that there is not
                raise SourceError(name, f"not XML that can be read: {error}") from None
            silent = 0 if handlers.found else silent + len(data)
            if silent > MAX_TOKEN_BYTES:
                raise SourceError(name, "a single token of many megabytes")
            yield from handlers.found
            handlers.found.clear()
            if not data:
                return
