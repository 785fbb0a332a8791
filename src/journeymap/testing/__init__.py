"""Testing: strategies for journeymap's values, and the laws of what plugs into it.

>>> from hypothesis import given
>>> from journeymap.testing import interactions, maps
"""

from journeymap.exceptions import require

require("testing", "hypothesis")

# ruff: noqa: E402  # what follows needs the extra
from journeymap.testing.doing import ActionClaim, check_action, check_view, hostile_maps
from journeymap.testing.laws import check_question
from journeymap.testing.sources import check_source
from journeymap.testing.steps import Steps, given
from journeymap.testing.stores import StoreClaim, check_store
from journeymap.testing.strategies import interactions, maps, names

__all__ = [
    "ActionClaim", "Steps", "StoreClaim", "check_action", "check_question", "check_source",
    "check_store", "check_view", "given", "hostile_maps", "interactions", "maps", "names",
]  # fmt: skip
