"""A scene as SVG: escaped, self-contained, readable in light and in dark."""

from __future__ import annotations

from html import escape

from journeymap.views.scene import Box, Dot, Path, Scene, Shape, Words
from journeymap.views.text_fit import shown
from journeymap.views.tokens import DARK, LIGHT, css_of

__all__ = ["svg"]

_STYLE = f"""
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
.jm .band{{fill:var(--buy);fill-opacity:.3;stroke:none}} .jm .band.own{{fill:var(--own)}}
.jm .band.rest{{fill:var(--faint)}} .jm rect.stop{{fill:var(--card);stroke:var(--buy)}}
.jm rect.stop.own{{stroke:var(--own)}} .jm rect.stop.rest{{stroke:var(--faint)}}
.jm .stop-name{{font-weight:600}}
.jm rect.card{{fill:var(--card);stroke:var(--line)}} .jm rect.rule{{fill:var(--line)}}
"""


def svg(scene: Scene, *, frame: bool = True) -> str:
    """Write a scene as SVG; ``frame`` paints the paper behind it."""
    size = f'viewBox="0 {scene.top:g} {scene.width:g} {scene.height:g}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="jm" {size} role="img" '
        f'width="{scene.width:g}" height="{scene.height:g}">',
        f"<title>{_text(scene.title)}</title><desc>{_text(scene.description)}</desc>",
        f"<style>{_STYLE.strip()}</style>",
    ]
    if frame:
        parts.append(
            f'<rect class="paper" y="{scene.top:g}" '
            f'width="{scene.width:g}" height="{scene.height:g}"/>'
        )
    parts += [_shape(shape) for shape in scene.shapes]
    return "\n".join([*parts, "</svg>\n"])


def _shape(shape: Shape) -> str:
    if isinstance(shape, Words):
        return _words(shape)
    tip = f"<title>{_text(shape.tip)}</title>" if shape.tip else ""
    role = escape(shape.role, quote=True)
    if isinstance(shape, Path):
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        paint = "fill" if shape.filled else "stroke"
        colour = f' style="{paint}:{escape(shape.colour, quote=True)}"' if shape.colour else ""
        end = "Z" if shape.filled else ""
        width = f' stroke-width="{shape.width:.1f}"'
        return f'<path class="{role}" d="M{where}{end}"{width}{colour}>{tip}</path>'
    colour = f' style="fill:{escape(shape.colour, quote=True)}"' if shape.colour else ""
    if isinstance(shape, Dot):
        place = f'cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:.1f}"'
        return f'<circle class="{role}" {place}{colour}>{tip}</circle>'
    return _box(shape, role, colour, tip)


def _box(shape: Box, role: str, colour: str, tip: str) -> str:
    place = f'x="{shape.x:.1f}" y="{shape.y:.1f}"'
    size = f'width="{shape.width:.1f}" height="{shape.height:.1f}" rx="4"'
    return f'<rect class="{role}" {place} {size}{colour}>{tip}</rect>'


def _words(words: Words) -> str:
    lines = "".join(
        f'<tspan x="{words.x:.1f}" dy="{words.size * words.leading if place else 0:.1f}">'
        f"{_text(line)}</tspan>"
        for place, line in enumerate(words.lines)
    )
    return (
        f'<text class="{escape(words.role, quote=True)}" x="{words.x:.1f}" y="{words.y:.1f}" '
        f'font-size="{words.size:g}" text-anchor="{words.anchor}">{lines}</text>'
    )


def _text(text: str) -> str:
    return escape(shown(text), quote=True)
