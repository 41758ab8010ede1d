"""Which orders of a layer's loops are tried: ZigZag's LOMA engine without most that only exchange rows and columns."""

from __future__ import annotations

from zigzag.opt.loma.engine import LomaEngine
from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage

PAIRS = (("OX", "OY"), ("FX", "FY"))
FEW = 5  # loops up to which nothing else is left out


class OrderedLoma(LomaEngine):
    """Of layers with a kernel, orders in which columns come before rows; with more than FEW loops only those in which the
    two follow each other. Of other layers every order: on arrays that share out rows and columns unequally they differ.
    (On a sample of layers and accelerators these cost what the best of all orders costs: see `hardware_lookup`.)"""

    def ordering_generator(self):
        for order in super().ordering_generator():
            if tried([str(loop) for loop, _ in order]):
                yield order


class OrderedMappingStage(TemporalMappingGeneratorStage):
    """ZigZag's stage of temporal mappings, with `OrderedLoma` for its engine."""

    def generate_temporal_mappings(self):
        engine = OrderedLoma(
            accelerator=self.accelerator,
            layer=self.layer,
            spatial_mapping=self.spatial_mapping,
            mapping_type=self.mapping_type,
            **self.kwargs,
        )
        yield from engine.run()


def tried(order: list[str]) -> bool:
    """Whether this order of loops (innermost first) is one of those that are tried."""
    if not {"FX", "FY"} & set(order):
        return True
    together = len(set(order)) > FEW
    for first, second in PAIRS:
        at = {name: [i for i, loop in enumerate(order) if loop == name] for name in (first, second)}
        both = sorted(at[first] + at[second])
        if at[first] and at[second] and at[first][0] > at[second][0]:
            return False
        if together and both and both[-1] - both[0] != len(both) - 1:
            return False
    return True
