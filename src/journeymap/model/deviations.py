"""The kinds of deviation: the ways in which a real key journey departs from the expected one."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

__all__ = ["DEVIATION_KINDS", "DeviationKind", "StepDeviationKind"]

StepDeviationKind: TypeAlias = Literal["missing", "ad hoc", "out of order"]
"""The kinds that the matcher finds: a step that did not come, an interaction that no step
expected, and both at once: the step came elsewhere."""
DeviationKind: TypeAlias = StepDeviationKind | Literal["failed", "late"]
"""All kinds: *failed* comes from an interaction's outcome, *late* from the time it took."""
DEVIATION_KINDS: tuple[DeviationKind, ...] = (*get_args(StepDeviationKind), "failed", "late")
"""All kinds in the order in which answers list them."""
