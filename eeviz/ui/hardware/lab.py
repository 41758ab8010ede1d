"""The hardware lab: `hardware_lab` builds it; `HardwareLab` is what the caller keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ...core.network.plan import Plan
from ...core.table.records import ExitRecords
from ...hardware.clock import Clocked
from ...hardware.provider import as_workload
from ...labs.hardware.bits import AMOUNTS
from ...labs.hardware.networks import Networks
from ...labs.hardware.settings import OWN, Settings
from ...labs.hardware.state import Fronts, HardwareState, Reading
from ...labs.hardware.subject import Subject
from ..lab.facade import Lab, asked_for
from ..page.facade import checked_parts
from .app import PARTS, HardwareApp


class HardwareLab(Lab):
    """Facade of one hardware lab: plain values in and out, displayed by Jupyter.

    settings, phase, reading, fronts, machines, rounded, clocked, trained, code, url; look(), measure(), fine_tune(), stop(),
    undo(), redo(), join().
    """

    state: HardwareState
    _app: HardwareApp

    @property
    def reading(self) -> Reading | None:
        """Costs and layers on show: costs, layers, notes."""
        return self.state.reading

    @property
    def fronts(self) -> Fronts | None:
        """The best thresholds under every cost."""
        return self.state.fronts

    @property
    def machines(self) -> tuple:
        """The same network on every provider."""
        return self.state.machines

    @property
    def rounded(self) -> tuple:
        """What was measured at each pair of bits, by calibration and fine-tuned."""
        return self.state.rounded

    @property
    def clocked(self) -> tuple[Clocked, ...]:
        """What was measured of the network on this host."""
        return self.state.clocked

    @property
    def trained(self) -> dict:
        """(network, pair of bits) -> QuantizedNetwork: what was fine-tuned during this visit."""
        found = self._app.driver.rounding.trained
        return {key: one.network for key, one in found.items() if one.network is not None}

    def look(self, **changes) -> None:
        """Ask for other settings by name, as in `hardware_lab`. Raises ValueError in words."""
        self._app.driver.look(replace(self.settings, **changes))

    def measure(self, pairs: Sequence[tuple[str, str]] | None = None) -> None:
        """Answers at pairs of bits (backbone, exits), by calibration; None: those of the settings."""
        self._app.driver.rounding.measure(pairs)

    def fine_tune(self, count: int = AMOUNTS[0]) -> None:
        """Train on at the bits of the settings, with the rounding, on `count` training images (0: all), then answer."""
        self._app.driver.rounding.fine_tune(count)

    def undo(self) -> None:
        self._app.driver.undo()

    def redo(self) -> None:
        self._app.driver.redo()

    def __repr__(self) -> str:
        subject = self.state.subject
        bits = "" if subject is None else subject.bits_words(self.settings)
        return f"HardwareLab({self.settings.words(bits)}; {self.phase})"


def hardware_lab(
    network="fashion",
    records: ExitRecords | None = None,
    *,
    data=None,
    calibration=None,
    training=None,
    accelerator: str = "edge_tpu_like",
    bits: str = "8/8",
    head_bits: str = "8/8",
    cost: str = "energy x latency",
    max_drop: float = 0.01,
    store: str | Path | None = None,
    hide: Sequence[str] = (),
    projector: bool = False,
) -> HardwareLab:
    """Open the hardware lab: where time and energy of an early-exit network go on modelled accelerators, or on this host.

    network : a demo, a network of a stored search ("two-level-1-12": method, run, candidate), or an EarlyExitNetwork, Plan or Workload of one's own;
    then records : its answers on samples that tune, data : the Dataset of these samples in their order, calibration :
    (n, H, W[, 3]) uint8 training images; without them its exits have no thresholds, without the last two its bits cannot be
    measured. training : the Dataset that it is trained on, to fine-tune it at fewer bits. accelerator : one whose layer
    costs ship with eeviz; or "this-host", "this-host-batch": this machine, measured, whose bits are "8/8" or "32/32" of both
    and whose cost is "latency" or "macs". bits, head_bits : weights/activations of the backbone
    and of the exits: "8/8", "6/6", "4/8" or "4/4"; of no effect on a network with bits of its own. cost : "energy x latency", "energy", "latency" or "macs", traded for
    accuracy. max_drop : of accuracy, a share. store : of a search, None: the search lab's. hide : parts to take away, of
    `PARTS`. projector : large type. In Voila the page's address overrides them (net, hw, bits, exitbits, objective, drop,
    projector).

    Raises ValueError where they do not fit; a network with layers that have no rule, or that does not fit its records, is
    told in the page, with a demo in its place.

    >>> lab = ee.hardware_lab("fashion", bits="4/8")
    >>> lab.settings.bits
    '4/8'
    """
    hide = checked_parts(hide, PARTS)
    given, complaint = None, ""
    if not isinstance(network, str):
        try:
            given = own_network(network, records, data, calibration, training)
        except ValueError as error:  # in the page, where whoever opens it looks
            complaint, network = f"Your network cannot be shown, a demo is: {error}", "fashion"
    wanted = Settings(OWN if given else network, accelerator, bits, head_bits, cost, max_drop)
    settings, large, misfit = asked_for(wanted, projector)
    complaint = complaint or misfit
    app = HardwareApp(HardwareState(settings, projector=large), Networks(given, store), hide=hide, complaint=complaint)
    app.driver.look(tell=not complaint)
    return HardwareLab(app)


def own_network(network, records: ExitRecords | None = None, data=None, calibration=None, training=None) -> Subject:
    """A network of one's own for the lab. Raises ValueError in words where its parts do not fit."""
    work = as_workload(network)
    if records is not None and records.exits_count != len(work.heads):
        raise ValueError(f"records: {records.exits_count} exits, but the network has {len(work.heads)} heads.")
    runs = callable(getattr(network, "prepare", None))
    return Subject(
        OWN,
        f"your network ({type(network).__name__})",
        work,
        records,
        network=(lambda: network) if runs else None,
        data=None if data is None else lambda: data,
        calibration=None if calibration is None else lambda: calibration,
        training=None if training is None else lambda: training,
        plan=network if isinstance(network, Plan) else None,
    )
