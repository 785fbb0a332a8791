"""Templates: key journeys with their steps, times, owners, metrics and moments of truth."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from attrs import field, frozen

from journeymap.documents import dumps, loads
from journeymap.exceptions import ElementError, UnknownName
from journeymap.model import JourneyMap, KeyJourney

__all__ = ["Template", "industries", "load", "names"]

_PLACE = files("journeymap.templates") / "catalogue"
_TAKEN = ("stages", "channels", "departments", "processes", "touchpoints", "metrics", "moments",
          "key_journeys")  # fmt: skip
Data = dict[str, Any]


@frozen(repr=False)
class Template:
    """A key journey of the catalogue, as a small map of its own.

    Attributes:
        id: The id of the key journey.
        industry: The industry that it is written for; many serve others, too.
        map: The map: the key journey, its touchpoints, metrics and moments, and one touchpoint by
            which customers come to it.
    """

    id: str
    industry: str
    map: JourneyMap = field(eq=False)

    @property
    def key_journey(self) -> KeyJourney:
        """The key journey."""
        return self.map.key_journeys[self.id]

    @property
    def touchpoints(self) -> tuple[str, ...]:
        """The ids of its steps, in order."""
        return tuple(name for step in self.key_journey.steps for name in step.touchpoints)

    def add_to(
        self,
        map: JourneyMap,  # noqa: A002
        *,
        touchpoints: Mapping[str, str] | None = None,
        stages: Mapping[str, str] | None = None,
        departments: Mapping[str, str] | None = None,
    ) -> JourneyMap:
        """Take the key journey into a map, with its metrics, moments, process and touchpoints.

        What the map has under the same id stays as the map has it. A touchpoint that the map lacks
        is added: to the stage that is named for its own, else to that of the same id, else to
        the last one of the same half of the loop.

        Args:
            map: The map.
            touchpoints: The map's own touchpoints, by those of the template.
            stages: The map's stages, by those of the template.
            departments: The map's departments, by those of the template.

        Returns:
            The new map.

        Raises:
            UnknownName: The template or the map has no such touchpoint, stage or department.
            ElementError: The map has such a key journey already.

        >>> from journeymap.model import Department, Stage, Touchpoint
        >>> shop = JourneyMap("shop", departments=[Department("sales")],
        ...     stages=[Stage("order", "buy"), Stage("own", "own")],
        ...     touchpoints=[Touchpoint("checkout", "order", department="sales")])
        >>> both = load("product_delivery").add_to(shop, touchpoints={"order_placed": "checkout"})
        >>> both.key_journeys["product_delivery"].start
        'checkout'
        """
        if self.id in map.key_journeys:
            message = "the map has a key journey of that id already"
            raise ElementError("Template", "add_to", self.id, message)
        points = _checked("touchpoint", touchpoints, self.touchpoints, map.touchpoints)
        owners = _checked("department", departments, self.map.departments, map.departments)
        places = {name: _stage_for(stage.phase, name, map) or name
                  for name, stage in self.map.stages.items()}  # fmt: skip
        places |= _checked("stage", stages, self.map.stages, map.stages)
        own, data = self._taken(points, owners, places), _as_data(map)
        needed = {one["stage"] for one in own["touchpoints"] if one["id"] not in points}
        own["stages"] = [one for one in _as_data(self.map)["stages"] if one["id"] in needed]
        for kind in _TAKEN:
            there = data.setdefault(kind, [])
            known = {one["id"] for one in there} | set(points)
            there += [one for one in own.get(kind, ()) if one["id"] not in known]
        used = _used(data)
        for kind in ("channels", "departments"):
            ours = getattr(map, kind)
            data[kind] = [one for one in data[kind] if one["id"] in ours or one["id"] in used[kind]]
        return loads(json.dumps(data), format="json")

    def _taken(
        self, points: Mapping[str, str], owners: Mapping[str, str], places: Mapping[str, str]
    ) -> Data:
        """Give what is taken into a map, under the map's names."""
        own: Data = _rename(_as_data(self.map), points, owners, places)
        own["touchpoints"] = [one for one in own["touchpoints"] if one["id"] in self.touchpoints]
        mine = {points.get(name, name) for name in self.touchpoints}
        own["metrics"] = [
            one for one in own.get("metrics", ()) if one["of"].get("touchpoint") in (None, *mine)
        ]
        return own

    def __repr__(self) -> str:
        steps = len(self.key_journey.steps)
        return f"<Template {self.id!r} for {self.industry}: {steps} steps>"


def names(industry: str | None = None) -> tuple[str, ...]:
    """List the key journeys of the catalogue.

    Args:
        industry: An industry (None: all).

    Returns:
        Their ids, industry by industry.

    Raises:
        UnknownName: There is no such industry.

    >>> names("insurance")
    ('claim_submission', 'policy_change', 'policy_renewal', 'roadside_assistance')
    """
    if industry is not None and industry not in industries():
        raise UnknownName("industry", industry, industries())
    return tuple(name for name, kind in _listed() if industry in (None, kind))


def industries() -> tuple[str, ...]:
    """List the industries of the catalogue.

    Returns:
        Their names.
    """
    return tuple(dict.fromkeys(kind for _, kind in _listed()))


def load(name: str) -> Template:
    """Read a key journey of the catalogue; needs the extra ``yaml``.

    Args:
        name: Its id.

    Returns:
        The template.

    Raises:
        UnknownName: There is none of that id.
        MissingExtra: The package that reads YAML is not installed.

    >>> load("claim_submission").key_journey.owner
    'services'
    """
    known = dict(_listed())
    if name not in known:
        raise UnknownName("template", name, tuple(known))
    return Template(name, known[name], _map_of(name, known[name]))


@cache
def _map_of(name: str, industry: str) -> JourneyMap:
    file = _PLACE / industry.replace(" ", "_") / f"{name}.yaml"
    return loads(file.read_text(encoding="utf-8"))


@cache
def _listed() -> tuple[tuple[str, str], ...]:
    found = []
    for folder in sorted(_PLACE.iterdir(), key=lambda one: one.name):
        if folder.is_dir():
            inside = sorted(one.name for one in folder.iterdir())
            found += [(name[:-5], folder.name.replace("_", " ")) for name in inside]
    return tuple(found)


def _checked(
    kind: str, given: Mapping[str, str] | None, ours: Any, theirs: Any
) -> dict[str, str]:  # fmt: skip
    """Check that names are the template's, and what they stand for the map's."""
    for name, other in (given or {}).items():
        for one, known in ((name, ours), (other, theirs)):
            if one not in known:
                raise UnknownName(kind, one, tuple(known))
    return dict(given or {})


def _stage_for(phase: Any, name: str, map: JourneyMap) -> str | None:  # noqa: A002
    if name in map.stages and map.stages[name].phase is phase:
        return name
    alike = [stage.id for stage in map.stages.values() if stage.phase is phase]
    return alike[-1] if alike else None


def _as_data(map: JourneyMap) -> Data:  # noqa: A002
    data: Data = json.loads(dumps(map, format="json"))
    return data


_TEXTS = ("name", "description", "action", "customer_does", "company_does", "id")
"""What is written for people, and the ids of elements."""
_OTHERS = (
    "outcome", "outcomes", "channel", "channels", "product", "products", "process", "processes",
    "source", "kind", "phase", "unit", "direction", "currency", "consent", "trait", "per",
    "measure", "what", "work", "industry", "goals", "emotion", "within", "given_up_after",
)  # fmt: skip
"""What holds names that are no touchpoints', even where they are alike."""


def _rename(
    value: Any, points: Mapping[str, str], owners: Mapping[str, str], places: Mapping[str, str],
    key: str = "",
) -> Any:  # fmt: skip
    """Put the map's names in the place of the template's; texts for people stay."""
    if isinstance(value, dict):
        return {name: _rename(one, points, owners, places, name) for name, one in value.items()}
    if isinstance(value, list):
        renamed = [_rename(one, points, owners, places, key) for one in value]
        plain = all(isinstance(one, str) for one in renamed)
        return list(dict.fromkeys(renamed)) if plain else renamed  # two may be one here
    if key in (*_TEXTS, *_OTHERS):
        return value
    if key == "stage":
        return places.get(value, value)
    if key in ("owner", "department", "departments"):
        return owners.get(value, value)
    return points.get(value, value) if isinstance(value, str) else value


def _used(data: Data) -> dict[str, set[str]]:
    """List the channels and departments that anything of a map refers to."""
    found: dict[str, set[str]] = {"channels": set(), "departments": set()}
    for key, name in _texts(data.get("touchpoints", []), ""):
        if key == "channels":
            found["channels"].add(name)
    for kind in ("touchpoints", "processes", "moments", "key_journeys"):
        for key, name in _texts(data.get(kind, []), ""):
            if key in ("owner", "department", "departments"):
                found["departments"].add(name)
    return found


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _texts(one, name)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, key)
    elif isinstance(value, str):
        yield key, value
