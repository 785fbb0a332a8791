"""The catalogue of key journeys: ready to be taken into a map, each with all that belongs to it."""

from journeymap.templates.template import Template, industries, load, names

__all__ = ["Template", "industries", "load", "names"]
