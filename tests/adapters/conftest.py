"""The stores that the tests of live use, here too."""

from tests.live.conftest import database, postgres

__all__ = ["database", "postgres"]
