"""Stores that come with journeymap: SQLite, and any database that SQLAlchemy speaks to."""
