"""The network as int8 files that onnxruntime runs, and how often they predict what the page's rounding predicts."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.table import format
from ...core.table.policy import Policy
from .subject import Subject

COMPARED = 1000
"""Images on which predictions are compared."""


@dataclass(frozen=True, eq=False)
class Int8:
    """data : a zip of ONNX segments and heads, network.json, and the runner. agreement : of `nn.export_int8`, over the kept
    exits. reduced : have weights 7 bits, as processors without VNNI need?"""

    data: bytes
    agreement: Any
    reduced: bool

    def words(self) -> str:
        """What was written, for people."""
        shares = [format.percent(float(share)) for share in self.agreement.share]
        weights = " Weights use 7 of their 8 bits, as this processor needs." if self.reduced else ""
        return (
            f"int8 files written. On {self.agreement.images:,} samples they predict what the network rounded to 8/8 predicts: "
            f"{', '.join(shares)} at the kept exits, the last the final classifier.{weights}"
        )


def written(subject: Subject, policy: Policy, trained=None) -> Iterator[tuple[str, float] | Int8]:
    """Write and compare; yields (what, share done), then Int8. trained : a fine-tuned network to write instead.

    Raises ImportError without onnxruntime, ValueError as `nn.export_int8` does.
    """
    from ...nn.export.int8 import agreement, export_int8, needs_reduced_range
    from ...nn.quantize import quantize

    reduced, images = needs_reduced_range(), subject.calibration()
    network = subject.network() if trained is None else trained.unrounded()
    out = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="eeviz-") as folder:
        yield "writing segments and exits as int8", 0.1
        export_int8(network, policy, folder, images, reduce_range=reduced, measure=subject.records.measure,
                    temperature=subject.records.temperature, classes=subject.records.classes or ())  # fmt: skip
        yield "comparing predictions", 0.6
        rounded = quantize(network, images, 8, reduce_range=reduced)
        found = agreement(rounded, folder, subject.data().images[:COMPARED])
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(Path(folder).iterdir()):
                file.write(path, path.name)
    yield Int8(out.getvalue(), found, reduced)
