"""What happened: interactions and the values they carry."""

from journeymap.interactions.interaction import Interaction
from journeymap.interactions.values import SCALES, Identity, Money, Score, ScoreKind

__all__ = ["SCALES", "Identity", "Interaction", "Money", "Score", "ScoreKind"]
