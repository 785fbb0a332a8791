"""Stores that come with journeymap: SQLite, and any database that SQLAlchemy speaks to."""

from journeymap.adapters.stores.sqlalchemy import SqlStore
from journeymap.adapters.stores.sqlite import SqliteStore, sqlite_store

__all__ = ["SqlStore", "SqliteStore", "sqlite_store"]
