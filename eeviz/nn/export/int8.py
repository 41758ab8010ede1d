"""An early-exit network as int8 files for onnxruntime: weights per channel, activations per tensor, calibrated on images."""

from __future__ import annotations

import json
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...core.table.policy import Policy
from ...launch.packages import require
from ..network import EarlyExitNetwork
from .network import Export, export

CALIBRATION, BATCH = 256, 32
FLOAT_OUTPUTS = ("Gemm", "MatMul")  # the logits of a head stay floats


@dataclass(frozen=True, eq=False)
class Agreement:
    """Share of the images on which two networks predict the same, for each of K exits; worst over the exits."""

    share: np.ndarray
    images: int

    @property
    def worst(self) -> float:
        return float(self.share.min())


def needs_reduced_range() -> bool:
    """Does onnxruntime add int8 products in 16 bits here, so that weights of 8 bits could overflow? (x86 without VNNI.)"""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return True
    return not any(f" {flag} " in flags.replace("\n", " ") for flag in ("avx512_vnni", "avx_vnni"))


def export_int8(
    network: EarlyExitNetwork,
    policy: Policy,
    folder: Path | str,
    images,
    *,
    reduce_range: bool | None = None,
    **options,
) -> Export:
    """Write `network` as `nn.export` does, then quantize every file to 8 bits (QDQ form).

    images : (N, H, W[, 3]) uint8 training images, or prepared samples, whose activations give the ranges.
    reduce_range : weights use 7 bits; None: where this processor needs it. options : of `export`.
    The returned difference is that of the files before they were quantized. Raises ValueError as `export` does.
    """
    require("onnx", "onnxruntime", for_="export to int8")
    if reduce_range is None:
        reduce_range = needs_reduced_range()
    written = export(network.folded(), policy, folder, **options)
    x = _prepared(network, images[:CALIBRATION])
    for entry in _steps(written.folder):
        file = written.folder / entry["file"]
        out = _outputs(file, x) if entry["kind"] == "segment" else None
        _quantize(file, x, reduce_range)
        if out is not None:
            x = out
    return written


def agreement(network: EarlyExitNetwork, folder: Path | str, images) -> Agreement:
    """How often `network` (usually from `quantize` at 8 bits) predicts at each kept exit what the files predict."""
    x = _prepared(network, images)
    found = logits_of_files(folder, x).argmax(axis=2)  # (N, K)
    kept = [entry["exit"] for entry in _steps(Path(folder)) if entry["kind"] == "head"]
    parts = []
    with torch.inference_mode():
        for start in range(0, len(x), BATCH * 8):
            parts.append(network(torch.from_numpy(x[start : start + BATCH * 8]))[:, kept].argmax(dim=2).numpy())
    return Agreement((np.concatenate(parts) == found).mean(axis=0), len(x))


def logits_of_files(folder: Path | str, x: np.ndarray) -> np.ndarray:
    """Logits (N, K, C) of the K kept exits, of prepared samples x (N, ...)."""
    folder, logits = Path(folder), []
    for entry in _steps(folder):
        out = _outputs(folder / entry["file"], x)
        if entry["kind"] == "head":
            logits.append(out)
        else:
            x = out
    return np.stack(logits, axis=1)


def _steps(folder: Path) -> list[dict]:
    return json.loads((folder / "network.json").read_text("utf-8"))["steps"]


def _prepared(network: EarlyExitNetwork, images) -> np.ndarray:
    if isinstance(images, Tensor) and images.dtype != torch.uint8:
        return np.ascontiguousarray(images.numpy())
    return np.ascontiguousarray(network.prepare(images).numpy())


def session_of(file: Path | str, threads: int = 1):
    """An onnxruntime session of a file, quiet, on so many threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _outputs(file: Path, x: np.ndarray) -> np.ndarray:
    session = session_of(file)
    return np.concatenate([session.run(None, {"x": x[i : i + BATCH]})[0] for i in range(0, len(x), BATCH)])


def _quantize(file: Path, x: np.ndarray, reduce_range: bool) -> None:
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as temporary, _quiet():
        ready, made = Path(temporary) / "ready.onnx", Path(temporary) / "made.onnx"
        quant_pre_process(str(file), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready),
            str(made),
            _Reader(x),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"OpTypesToExcludeOutputQuantization": list(FLOAT_OUTPUTS)},
        )
        file.write_bytes(made.read_bytes())


@contextmanager
def _quiet() -> Iterator[None]:
    """onnxruntime's advice on preparing models is on the root logger."""
    import logging

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Reader:
    """Batches of x for onnxruntime's calibration."""

    def __init__(self, x: np.ndarray):
        self.batches = iter([x[i : i + BATCH] for i in range(0, len(x), BATCH)])

    def get_next(self):
        batch = next(self.batches, None)
        return None if batch is None else {"x": batch}
