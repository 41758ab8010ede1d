"""Networks, training and counting: the only part of eeviz that imports torch."""

from ..launch.packages import require

require("torch", "fvcore", "safetensors", for_="Running or training a network")
