"""An early-exit network as files: one ONNX per segment and head, a JSON of thresholds and mapping, a small runner."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ...core.platform.cost import homes
from ...core.platform.mapping import Mapping
from ...core.table.calibration import MEASURES
from ...core.table.policy import Policy
from ...launch.packages import require
from ..network import EarlyExitNetwork

OPSET = 17
TOLERANCE = 1e-4
BATCHES = (1, 3)  # of the check against PyTorch
PICTURES = {"values": "uint8", "layout": "samples, height, width, channels", "range": [0, 255], "scaled": [0, 1]}
FORMAT, VERSION = "eeviz-export", 1


@dataclass(frozen=True)
class Export:
    """What was written: folder, names of the files, largest difference to PyTorch over all outputs."""

    folder: Path
    files: tuple[str, ...]
    difference: float


@dataclass(frozen=True, eq=False)
class _Step:
    """A piece to run next: consecutive segments, or a kept head; processor : where."""

    kind: str
    module: nn.Module
    processor: int
    exit: int = -1


def export(
    network: EarlyExitNetwork,
    policy: Policy,
    folder: Path | str,
    *,
    mapping: Mapping | None = None,
    measure: str | None = None,
    temperature: Sequence[float] | None = None,
    classes: Sequence[str] = (),
    example: Tensor | None = None,
) -> Export:
    """Write `network` with the thresholds of `policy` into `folder` (made if need be), and check it in onnxruntime.

    Segments that no kept head and no processor parts become one file; heads of removed exits are left out. Inputs are
    float32 as `network.prepare` gives them, any number of samples at once; for uint8 pictures network.json says how they
    are prepared (mean, std, layout, range) and run.py does it. Exits are named as in the page. mapping : which processor runs what; None:
    all on one. measure, temperature : as in the records; None: the network's own, else max_probability and 1.
    example : (n, ...) prepared samples for the check, None: random ones, seed 0.

    Raises ValueError when lengths disagree, an operator cannot be exported, or an output differs by more than 1e-4.
    """
    require("onnx", "onnxruntime", for_="export to ONNX")
    measure = measure or getattr(network, "measure", None) or "max_probability"
    temperature = temperature if temperature is not None else getattr(network, "temperature", None)
    temperature = [1.0] * network.exits_count if temperature is None else [float(t) for t in temperature]
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} cannot be exported: choose one of {', '.join(MEASURES)}.")
    for name, count in (("thresholds", len(policy.thresholds) + 1), ("temperatures", len(temperature))):
        if count != network.exits_count:
            raise ValueError(f"the network has {network.exits_count} exits, which {count} {name} do not fit.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    training = network.training
    network.eval()
    try:
        steps = _steps(network, policy, mapping)
        if example is None:
            example = torch.randn(max(BATCHES), *network.input_shape, generator=torch.Generator().manual_seed(0))
        entries, difference = _write(steps, example, folder, policy, temperature)
    finally:
        network.train(training)
    used = mapping.platform if mapping else None
    document = {
        "format": FORMAT,
        "version": VERSION,
        "input": list(network.input_shape),
        "preparation": _preparation(network),
        "measure": measure,
        "classes": list(classes),
        "exits": network.exits_count,
        "processors": [p.name for p in used.processors] if used else ["this-host"],
        "links": [link.name for link in used.links] if used else [],
        "steps": entries,
    }
    (folder / "network.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    shutil.copyfile(Path(__file__).with_name("runner.py"), folder / "run.py")
    return Export(folder, tuple(entry["file"] for entry in entries), difference)


def _preparation(network: EarlyExitNetwork) -> dict | None:
    """How uint8 pictures (N, H, W[, C]) become inputs, as `run.py` does it; None: inputs are given prepared."""
    if not hasattr(network, "preparation"):
        return PICTURES | {"mean": [network.mean], "std": [network.std]}
    own = getattr(network.preparation, "described", lambda: None)()
    return None if own is None else PICTURES | own


def _steps(network: EarlyExitNetwork, policy: Policy, mapping: Mapping | None) -> list[_Step]:
    """Segments and kept heads in the order in which they run."""
    count = len(network.segments)
    assignment = mapping.assignment if mapping else (0,) * count
    if len(assignment) != count:
        raise ValueError(f"the mapping has {len(assignment)} segments, the network {count}.")
    home = homes(mapping.segments, assignment, mapping.heads) if mapping else [0] * network.exits_count
    if len(home) != network.exits_count:
        raise ValueError(f"the mapping has {len(home)} heads, the network {network.exits_count}.")
    kept = [*policy.kept.tolist(), True]
    steps: list[_Step] = []
    for index, segment in enumerate(network.segments):
        last = steps[-1] if steps else None
        if last and last.kind == "segment" and last.processor == assignment[index]:
            # a new Sequential is in training mode, to which the exporter would return every layer inside
            steps[-1] = _Step("segment", nn.Sequential(last.module, segment).eval(), last.processor)
        else:
            steps.append(_Step("segment", segment, assignment[index]))
        steps += [_Step("head", network.branches[k], home[k], k) for k in network.at(index) if kept[k]]
    return steps


def _write(steps: Sequence[_Step], example: Tensor, folder: Path, policy: Policy, temperature) -> tuple[list, float]:
    """Write and check every step; its entries for the document, and the largest difference."""
    final = max(step.exit for step in steps)
    entries, worst, x, segments, leaving = [], 0.0, example, 0, 0
    for step in steps:
        name = f"segment_{segments}.onnx" if step.kind == "segment" else f"head_{step.exit}.onnx"
        _to_onnx(step.module, x, folder / name)
        worst = max(worst, check(folder / name, step.module, x))
        with torch.no_grad():
            out = step.module(x)
        entry = {"kind": step.kind, "file": name, "processor": step.processor, "output": list(out.shape[1:])}
        if step.kind == "segment":
            x, segments = out, segments + 1
        else:
            threshold = 0.0 if step.exit == final else policy.thresholds[step.exit]
            leaving += 1
            name = "final" if step.exit == final else f"exit {leaving}"
            entry |= {"exit": step.exit, "name": name, "threshold": threshold, "temperature": temperature[step.exit]}
        entries.append(entry)
    return entries, worst


def _to_onnx(module: nn.Module, x: Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own advice on its future
        try:
            torch.onnx.export(
                module,
                (x.contiguous(),),
                str(path),
                input_names=["x"],
                output_names=["y"],
                dynamic_axes={"x": {0: "samples"}, "y": {0: "samples"}},
                opset_version=OPSET,
                dynamo=False,
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            named = re.search(r"operator '([\w:]+)'", str(error))
            what = f"its operator {named[1]} has no form in opset {OPSET}" if named else _first_line(error)
            raise ValueError(f"{path.name} cannot be exported to ONNX: {what}.") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]


def check(path: Path, module: nn.Module, x: Tensor) -> float:
    """Largest difference between onnxruntime and PyTorch, relative to the largest output, over batches of several sizes.

    Raises ValueError when it exceeds 1e-4, and when onnxruntime cannot load or run the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"{path.name}: onnxruntime cannot load it ({_first_line(error)}).") from error
    worst = 0.0
    for size in {*BATCHES, len(x)}:
        part = x[torch.arange(size) % len(x)]
        with torch.no_grad():
            expected = module(part).numpy()
        try:
            found = session.run(None, {"x": np.ascontiguousarray(part.numpy())})[0]
        except Exception as error:
            raise ValueError(f"{path.name}: onnxruntime fails on {size} samples ({_first_line(error)}).") from error
        if found.shape != expected.shape:
            raise ValueError(
                f"{path.name}: onnxruntime gives {found.shape} for {size} samples, PyTorch {expected.shape}."
            )
        scale = max(1.0, float(np.abs(expected).max()))
        worst = max(worst, float(np.abs(found - expected).max()) / scale)
    if not worst <= TOLERANCE:
        raise ValueError(f"{path.name}: onnxruntime differs from PyTorch by {worst:.2g}, more than {TOLERANCE:g}.")
    return worst
