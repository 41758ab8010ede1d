"""From any trained classifier to an early-exit network."""

from .graph import Graph, Location, analyse
from .joint import JointRecipe, JointRun, fine_tune
from .network import AugmentedNetwork
from .result import Augmentation
from .run import AugmentRun, augment
from .stream import BranchRecipe, Step

__all__ = [
    "AugmentRun",
    "Augmentation",
    "AugmentedNetwork",
    "BranchRecipe",
    "Graph",
    "JointRecipe",
    "JointRun",
    "Location",
    "Step",
    "analyse",
    "augment",
    "fine_tune",
]
