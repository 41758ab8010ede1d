"""random: backbones drawn evenly; exits, designs and thresholds solved as in two-level. What a search must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..protocols import Proposal, Situation, unseen
from .two_level import TwoLevel


@dataclass(frozen=True)
class Random(TwoLevel):
    """Every generation is drawn evenly from the genes; nothing is learned."""

    name = "random"

    def propose(self, situation: Situation, count: int, rng: np.random.Generator) -> Proposal:
        return Proposal(tuple(unseen(lambda: situation.domain.sample(rng), situation.seen, count)))
