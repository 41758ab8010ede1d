"""Subject: one network as the lab needs it: its layers, its answers, its bits, and how to have its weights and data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...core.network.bits import Bits
from ...core.network.plan import Plan
from ...core.network.workload import Workload
from ...core.table.records import ExitRecords
from .settings import Settings, bits_of, own_words, pair_words


@dataclass(frozen=True)
class Part:
    """Segments or a head. name : for people; look : whose colour it has; index : numbers of the segments or of the head."""

    name: str
    look: str
    head: bool
    index: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Subject:
    """A network as the lab needs it.

    work : its layers. records : its answers on the samples that tune, None where there are none; costs MACs.
    network, data, calibration : functions that give the EarlyExitNetwork, the images and labels of the records (a
    Dataset in their order) and (n, H, W[, 3]) uint8 training images; None where there are none: then its bits cannot be
    measured. report : gives the records of the report split, None without any. training : gives the Dataset that it is
    trained on, None: it cannot be fine-tuned. plan : of its layers, to run it where its weights do not matter.
    """

    name: str
    title: str
    work: Workload
    records: ExitRecords | None = None
    network: Callable | None = None
    data: Callable | None = None
    calibration: Callable | None = None
    report: Callable | None = None
    training: Callable | None = None
    plan: Plan | None = None

    def runnable(self):
        """An EarlyExitNetwork of these layers, with random weights where its own are not here. Raises ValueError in words."""
        if self.network is not None:
            return self.network()
        if self.plan is None:
            raise ValueError(
                "this network came as a workload, which cannot be run: give an EarlyExitNetwork or a Plan."
            )
        from ...nn.build import build

        return build(self.plan, seed=0).eval()

    @property
    def pieces(self) -> tuple[Part, ...]:
        """What runs in one go, in the order in which a sample meets it: segments that no head parts, and heads."""
        last, found, index = self.exits - 1, [], []
        for place in range(len(self.work.segments)):
            index.append(place)
            at = [k for k, position in enumerate(self.work.position) if position == place]
            if at or place == len(self.work.segments) - 1:
                first, end = index[0] + 1, index[-1] + 1
                name = f"segment {end}" if first == end else f"segments {first}–{end}"
                found.append(Part(name, f"segment {len(found) + 1}", False, tuple(index)))
                index = []
            for k in at:
                name = "final" if k == last else f"exit {k + 1}"
                found.append(Part(name, name, True, (k,)))
        return tuple(found)

    @property
    def exits(self) -> int:
        """Heads, the final classifier among them."""
        return len(self.work.heads)

    @property
    def own_bits(self) -> tuple[Bits, tuple[Bits, ...]] | None:
        """Bits of the backbone and (E,) of the heads that the network and its answers have; None where the form says them."""
        return None if self.work.bits is None else self.work.at_bits(None, None)

    def bits_at(self, settings: Settings) -> tuple[Bits, tuple[Bits, ...]]:
        """Bits of the backbone and (E,) of the heads that costs are charged at: on this host always the form's."""
        own = None if settings.batch else self.own_bits
        return own or bits_of(settings.pair, self.exits)

    def bits_words(self, settings: Settings) -> str:
        """`bits_at` in words."""
        own = None if settings.batch else self.own_bits
        return own_words(*own) if own else pair_words(settings.pair)

    @property
    def can_round(self) -> bool:
        """Whether the answers can be had at other bits."""
        return self.own_bits is None and None not in (self.records, self.network, self.data, self.calibration)
