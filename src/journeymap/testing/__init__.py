"""For tests of what is built on journeymap: Hypothesis strategies for its values.

>>> from hypothesis import given
>>> from journeymap.testing import interactions, maps
"""

from journeymap.exceptions import require

require("testing", "hypothesis")

from journeymap.testing.strategies import interactions, maps, names  # noqa: E402

__all__ = ["interactions", "maps", "names"]
