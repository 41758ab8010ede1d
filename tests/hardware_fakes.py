"""A small untrained network of the space `compact` with answers of its own: every layer is in the tables."""

import numpy as np

from eeviz.core.network.plan import Plan
from eeviz.core.space.space import SearchSpace
from eeviz.core.table.records import ExitRecords
from eeviz.datasets import Dataset
from eeviz.labs.hardware.settings import OWN, Settings

SAMPLES = 600
ASKED = Settings(OWN, max_drop=0.05)


def plan() -> Plan:
    """The smallest backbone with a linear classifier behind its second and a separable one behind its third stage."""
    space = SearchSpace.preset("compact")
    return space.decode(space.with_exits(space.smallest(), ["none", "linear", "separable", "none"])).plan


def pictures(count=SAMPLES, seed=0) -> Dataset:
    """(N, 28, 28) uint8: each class is bright in another place."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count)
    images = rng.integers(0, 90, (count, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 8] += 120
    return Dataset(images, labels, tuple(f"class {c}" for c in range(10)), "pictures", "validation", "made up")


def answers(data: Dataset, macs) -> ExitRecords:
    """Made-up answers that get better with depth."""
    rng, n = np.random.default_rng(1), len(data)
    logits = rng.normal(size=(n, 3, 10)).astype(np.float32)
    for k, strength in enumerate((1.5, 2.5, 4.0)):
        logits[np.arange(n), k, data.labels] += strength * rng.random(n).astype(np.float32) * 2
    return ExitRecords.from_logits(logits, data.labels, {"macs": macs}, dataset="pictures", split="validation")


def network_and_answers():
    """(EarlyExitNetwork, records of its own answers, data, calibration images)."""
    from eeviz.nn.build import build
    from eeviz.nn.collect import collect

    network, data = build(plan(), seed=0, mean=0.3, std=0.3).eval(), pictures()
    return network, collect(network, data), data, pictures(64, seed=2).images


def opened(subject, settings=ASKED, tmp_path=None):
    """A HardwareApp on one network, without a store, its work done on this thread."""
    from eeviz.labs.hardware.networks import Networks
    from eeviz.labs.hardware.state import HardwareState
    from eeviz.ui.hardware.app import HardwareApp

    app = HardwareApp(HardwareState(settings), Networks(subject, tmp_path / "none.db"), inline=True)
    app.driver.look()
    assert app.status.level != "error", app.status.details
    return app
