"""Text and model: maps as YAML, JSON and TOML, and the schema that editors complete from."""

from journeymap.documents.loading import Format, dump, dumps, load, loads
from journeymap.documents.schema import schema

__all__ = ["Format", "dump", "dumps", "load", "loads", "schema"]
