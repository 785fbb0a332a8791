"""For tests of what is built on journeymap: strategies for its values, laws for questions.

>>> from hypothesis import given
>>> from journeymap.testing import interactions, maps
"""

from journeymap.exceptions import require

require("testing", "hypothesis")

# ruff: noqa: E402  # what follows needs the extra
from journeymap.testing.laws import check_question
from journeymap.testing.strategies import interactions, maps, names

__all__ = ["check_question", "interactions", "maps", "names"]
