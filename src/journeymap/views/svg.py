"""A scene as SVG: escaped, self-contained, readable in light and in dark."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path as FilePath

from journeymap.views.scene import Box, Dot, Path, Scene, Shape, Words
from journeymap.views.text_fit import shown
from journeymap.views.tokens import DARK, LIGHT, css_of

__all__ = ["STYLE", "svg", "write_svg"]

STYLE = f"""
svg.jm{{{css_of(LIGHT)};font-family:system-ui,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}}
@media (prefers-color-scheme:dark){{svg.jm{{{css_of(DARK)}}}}}
.jm .paper{{fill:var(--paper)}}
.jm path{{fill:none;stroke-linecap:round;stroke-linejoin:round}}
.jm .track{{stroke:var(--track)}} .jm path.buy,.jm circle.buy{{stroke:var(--buy)}}
.jm path.own,.jm circle.own{{stroke:var(--own)}}
.jm .chevron{{stroke:#fff;stroke-opacity:.9}} .jm .chord{{stroke:var(--faint);stroke-opacity:.55}}
.jm .back{{stroke:var(--leak);stroke-opacity:.65;stroke-dasharray:5 5}}
.jm .chord-head{{fill:var(--faint)}} .jm .back-head,.jm .leak-head{{fill:var(--leak);stroke:none}}
.jm .leak{{stroke:var(--leak);stroke-linecap:butt}} .jm .leader{{stroke:var(--line)}}
.jm circle.node{{fill:var(--node);stroke-width:2.5}} .jm .flow{{stroke-linecap:butt}}
.jm text{{fill:var(--ink)}} .jm .name{{font-weight:650}} .jm .number{{font-weight:700}}
.jm .soft{{fill:var(--soft)}} .jm .loss{{fill:var(--leak)}}
.jm .lobe{{font-weight:750;letter-spacing:.12em}}
.jm text.lobe,.jm .halo{{paint-order:stroke;stroke:var(--paper);stroke-width:6;
stroke-linejoin:round}}
.jm text.buy{{fill:var(--buy)}} .jm text.own{{fill:var(--own)}}
.jm path.band{{fill:var(--buy);fill-opacity:.3;stroke:none}} .jm path.band.own{{fill:var(--own)}}
.jm path.band.rest{{fill:var(--faint)}} .jm rect.stop{{fill:var(--card);stroke:var(--buy)}}
.jm rect.stop.own{{stroke:var(--own)}} .jm rect.stop.rest{{stroke:var(--faint)}}
.jm path.band.a{{fill:var(--a);fill-opacity:.55}}
.jm path.band.b{{fill:var(--b);fill-opacity:.55}} .jm path.band.same{{fill:var(--faint)}}
.jm rect.differs{{fill:var(--card);stroke:var(--line)}}
.jm rect.differs.a{{fill:var(--a);fill-opacity:.35}}
.jm rect.differs.b{{fill:var(--b);fill-opacity:.35}}
.jm .stop-name{{font-weight:600}}
.jm rect.lane{{fill:var(--card)}} .jm .way{{stroke:var(--faint);stroke-opacity:.45}}
.jm circle.touch{{fill:var(--node);stroke:var(--faint);stroke-width:3}}
.jm circle.touch.buy{{stroke:var(--buy)}} .jm circle.touch.own{{stroke:var(--own)}}
.jm .mood{{stroke:var(--soft)}} .jm .mood-band{{fill:var(--soft);fill-opacity:.18}}
.jm .mood-dot{{fill:var(--soft)}} .jm .moment{{fill:var(--ink)}}
.jm text.in-moment{{fill:var(--paper);font-weight:700}} .jm rect.wait{{fill:var(--faint)}}
.jm rect.stray,.jm .notch{{fill:var(--leak)}} .jm .stream{{stroke:var(--own);stroke-opacity:.35;
stroke-linecap:butt}} .jm .skip{{stroke:var(--leak);stroke-opacity:.5}}
.jm rect.card{{fill:var(--card);stroke:var(--line)}} .jm rect.rule{{fill:var(--line)}}
"""


def svg(scene: Scene, *, frame: bool = True, styled: bool = True) -> str:
    """Write a scene as SVG; ``frame`` paints the paper, ``styled``: it brings its style sheet."""
    size = f'viewBox="0 {scene.top:g} {scene.width:g} {scene.height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="jm" {size} role="img" '
        f'width="{scene.width:g}" height="{scene.height:g}">',
        f"<title>{_text(scene.title)}</title><desc>{_text(scene.description)}</desc>",
    ]
    if styled:
        parts.append(f"<style>{STYLE.strip()}</style>")
    if frame:
        parts.append(
            f'<rect class="paper" y="{scene.top:g}" '
            f'width="{scene.width:g}" height="{scene.height:g}"/>'
        )
    parts += [_shape(shape) for shape in scene.shapes]
    return "\n".join([*parts, "</svg>\n"])


def write_svg(scene: Scene, path: str | os.PathLike[str] | None) -> str:
    """Write a scene as SVG, and into a file if one is given."""
    text = svg(scene)
    if path is not None:
        FilePath(path).write_text(text, encoding="utf-8", newline="\n")
    return text


def _shape(shape: Shape) -> str:
    if isinstance(shape, Words):
        return _words(shape)
    tip = f"<title>{_text(shape.tip)}</title>" if shape.tip else ""
    role = escape(shape.role, quote=True)
    if isinstance(shape, Path):
        return _path(shape, role, tip)
    colour = f' style="fill:{escape(shape.colour, quote=True)}"' if shape.colour else ""
    if isinstance(shape, Dot):
        place = f'cx="{_short(shape.x)}" cy="{_short(shape.y)}" r="{_short(shape.radius)}"'
        return f'<circle class="{role}" {place}{colour}>{tip}</circle>'
    return _box(shape, role, colour, tip)


def _short(number: float) -> str:
    """Write a length to a tenth of a pixel, without a needless zero."""
    written = f"{number:.1f}".removesuffix(".0")
    return "0" if written == "-0" else written


def _path(path: Path, role: str, tip: str) -> str:
    places = [f"{_short(x)},{_short(y)}" for x, y in path.points]
    if path.curved:
        where = "L".join(f"{a}C{b} {c} {d}" for a, b, c, d in _curves(places))
    else:
        where = " ".join(places)
    paint = "fill" if path.filled else "stroke"
    colour = f' style="{paint}:{escape(path.colour, quote=True)}"' if path.colour else ""
    end = "Z" if path.filled else ""
    width = "" if path.filled else f' stroke-width="{_short(path.width)}"'
    return f'<path class="{role}" d="M{where}{end}"{width}{colour}>{tip}</path>'


def _curves(places: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Give the points of each curve: both ends, and the two between that bend it."""
    points = iter(places)
    return zip(points, points, points, points, strict=True)


def _box(shape: Box, role: str, colour: str, tip: str) -> str:
    place = f'x="{_short(shape.x)}" y="{_short(shape.y)}"'
    size = f'width="{_short(shape.width)}" height="{_short(shape.height)}" rx="4"'
    return f'<rect class="{role}" {place} {size}{colour}>{tip}</rect>'


def _words(words: Words) -> str:
    x = _short(words.x)
    first, *others = [_text(line) for line in words.lines] or [""]
    lines = first + "".join(
        f'<tspan x="{x}" dy="{_short(words.size * words.leading)}">{line}</tspan>'
        for line in others
    )  # fmt: skip
    anchor = "" if words.anchor == "start" else f' text-anchor="{words.anchor}"'
    return (
        f'<text class="{escape(words.role, quote=True)}" x="{x}" y="{_short(words.y)}" '
        f'font-size="{words.size:g}"{anchor}>{lines}</text>'
    )


def _text(text: str) -> str:
    return escape(shown(text), quote=True)
