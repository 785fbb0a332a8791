"""How wide a text is and where it breaks, without asking a browser."""

from __future__ import annotations

import unicodedata

__all__ = ["shown", "width_of", "wrapped"]

_NARROW_LETTERS = frozenset("iljtfrI.,:;'|!()[] ")
_LEAST = 3  # letters in the rest of a word that is broken
_WIDE_LETTERS = frozenset("mwMW@%—")


def shown(text: str) -> str:
    """Make a text that may stand in XML: control characters and lone surrogates become spaces."""
    return "".join(
        " " if unicodedata.category(c) in ("Cc", "Cs", "Cn") or c in "\ufffe\uffff" else c
        for c in text
    )


def width_of(text: str, size: float) -> float:
    """Estimate the width of a text in a plain sans-serif face, rather too much than too little."""
    total = 0.0
    for letter in text:
        if unicodedata.east_asian_width(letter) in "WF":
            total += 1.0
        elif letter in _NARROW_LETTERS:
            total += 0.36
        elif letter in _WIDE_LETTERS:
            total += 0.92
        elif letter.isupper():
            total += 0.70
        else:
            total += 0.57
    return total * size


def wrapped(text: str, size: float, room: float, most: int) -> tuple[str, ...]:
    """Break a text into so many lines at most; the rest ends in an ellipsis."""
    lines: list[str] = []
    line = ""
    text = text[:2000]  # no label has room for more
    words = [piece for word in shown(text).split() for piece in _pieces(word, size, room)]
    for place, word in enumerate(words):
        tried = f"{line} {word}".strip()
        if width_of(tried, size) <= room or not line:
            line = tried
            continue
        if len(lines) == most - 1:
            rest = " ".join([line, *words[place:]]).replace(f"{_SOFT} ", "")
            return (*lines, _cut(rest, size, room))
        lines.append(line.replace(_SOFT, "-"))
        line = word
    return (*lines, line) if line else tuple(lines)


_SOFT = "\u00ad"  # where a word goes on in the next line


def _pieces(word: str, size: float, room: float) -> list[str]:
    """Break a word that is too long for a line, so that a few letters at least are left."""
    pieces: list[str] = []
    word = word.replace(_SOFT, "")
    while len(word) > 1 and width_of(word, size) > room:
        fits = 1
        while width_of(word[: fits + 1] + _SOFT, size) <= room:
            fits += 1
        place = max(1, min(fits, len(word) - _LEAST))
        around = word[place - 1 : place + 1]
        within = around.isalpha() and unicodedata.east_asian_width(around[0]) not in "WF"
        pieces.append(word[:place] + (_SOFT if within else ""))
        word = word[place:]
    return [*pieces, word]


def _cut(text: str, size: float, room: float) -> str:
    kept, left = "", room - width_of("…", size)
    for letter in text:
        left -= width_of(letter, size)
        if left < 0:
            break
        kept += letter
    return kept.rstrip() + "…"
