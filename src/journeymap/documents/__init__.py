"""Text <-> model: maps as YAML, JSON and TOML, and the schema their editors use."""

from journeymap.documents.loading import Format, dump, dumps, load, loads
from journeymap.documents.schema import schema

__all__ = ["Format", "dump", "dumps", "load", "loads", "schema"]
