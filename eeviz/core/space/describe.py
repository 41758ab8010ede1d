"""An architecture in words and as plain values to draw: both follow from its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..network.layers import Block, Layer, Shape, macs, parameters, walk
from ..network.plan import Head

if TYPE_CHECKING:
    from .space import Architecture


def drawing(architecture: Architecture) -> dict[str, Any]:
    """{"input", "macs", "parameters", "stages", "branches"}: plain tuples, dicts, numbers and strings.

    Each stage: name, macs, share (of the network's MACs), shape (channels, height, width) that leaves it, blocks; each
    block: name, kind, macs, parameters, shape, layers (words). Each branch: name, design, position (of the stage it
    reads), macs, parameters, threshold (None where the genome has none), layers (words).
    """
    plan = architecture.plan
    total = int(plan.macs().backbone[-1] + plan.macs().heads.sum())
    stages = []
    for position, (segment, shape) in enumerate(zip(plan.segments, plan.shapes, strict=False)):
        blocks = tuple(_block(layer, at) for layer, at in walk(segment, shape))
        cost = macs(segment, shape)
        stages.append(
            {
                "name": f"stage {position + 1}",
                "macs": cost,
                "share": cost / total,
                "shape": plan.shapes[position + 1],
                "blocks": blocks,
            }
        )
    branches = tuple(_branch(architecture, head, shape) for head, shape in zip(plan.heads, plan.taps, strict=True))
    return {
        "space": architecture.space.name,
        "input": plan.input,
        "classes": plan.classes,
        "macs": total,
        "parameters": plan.parameters(),
        "stages": tuple(stages),
        "branches": branches,
    }


def describe(architecture: Architecture) -> str:
    """Lines of text: what `drawing` holds, blocks of a stage on one line."""
    drawn = drawing(architecture)
    channels, height, width = drawn["input"]
    lines = [
        f"{drawn['space']}: {_count(drawn['macs'])} MACs with every exit, {_count(drawn['parameters'])} parameters, "
        f"input {channels} x {height} x {width}, {drawn['classes']} classes"
    ]
    for position, stage in enumerate(drawn["stages"]):
        blocks = ", ".join(block["words"] for block in stage["blocks"])
        lines.append(f"{stage['name']} ({_count(stage['macs'])} MACs, gives {_shape(stage['shape'])}): {blocks}")
        for branch in drawn["branches"]:
            if branch["position"] == position:
                threshold = "" if branch["threshold"] is None else f", threshold {branch['threshold']:g}"
                words = ", ".join(branch["layers"])
                lines.append(f"  {branch['name']} ({_count(branch['macs'])} MACs{threshold}): {words}")
    return "\n".join(lines)


def _block(layer: Layer, shape: Shape) -> dict[str, Any]:
    block = isinstance(layer, Block)
    return {
        "name": layer.name if block else getattr(layer, "name", type(layer).__name__.lower()),
        "kind": layer.kind if block else "layer",
        "words": f"{layer.kind} to {layer.out(shape)[0]}" if block else layer.words,
        "macs": layer.macs(shape),
        "parameters": layer.parameters(shape),
        "shape": layer.out(shape),
        "layers": tuple(inner.words for inner in layer.layers) if block else (layer.words,),
    }


def _branch(architecture: Architecture, head: Head, shape: Shape) -> dict[str, Any]:
    threshold = architecture.values.get(f"threshold{head.position + 1}")
    final = head is architecture.plan.heads[-1]
    return {
        "name": head.name,
        "design": head.design,
        "position": head.position,
        "macs": macs(head.layers, shape),
        "parameters": parameters(head.layers, shape),
        "threshold": None if final else threshold,
        "layers": tuple(layer.words for layer in head.layers),
    }


def _count(number: float) -> str:
    return f"{number / 1e6:.3g} M" if number >= 1e6 else f"{number / 1e3:.3g} k"


def _shape(shape: Shape) -> str:
    return " x ".join(str(side) for side in shape)
