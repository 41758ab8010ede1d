"""A frozen backbone made fast: batch norms folded into convolutions, channels last, small chunks that stay in the cache.

Every rewriting is tried on real samples beside the segments as they were cut: what moves a value by more than `BOUND` of
the largest one, or does not run, is left out.
"""

from __future__ import annotations

import contextlib
import copy
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CHUNK = 32
BOUND = 1e-4  # of the largest value
_NORMS = {nn.Conv1d: nn.BatchNorm1d, nn.Conv2d: nn.BatchNorm2d, nn.Conv3d: nn.BatchNorm3d}


def fused(segments: Sequence[nn.Module], x: Tensor) -> list[nn.Module]:
    """Copies of segments in evaluation mode that give the same within `BOUND`; a segment as it is where none does.

    x : (n, ...) several samples as the model takes them, on which every copy is compared.
    """
    made: list[nn.Module] = []
    with torch.no_grad():
        expected, given = x, x
        for segment in segments:
            expected = segment(expected.clone())
            for candidate in _candidates(segment):
                try:
                    found = candidate(given.clone())
                except Exception:  # noqa: BLE001  whatever a layout makes an operator raise: it is left out
                    continue
                if close(found, expected):
                    made.append(candidate)
                    given = found
                    break
            else:
                return list(segments)
    return made


def close(found: Tensor, expected: Tensor, bound: float = BOUND) -> bool:
    """Of one shape, and nowhere further apart than `bound` of the largest expected value; NaN is close to nothing."""
    if found.shape != expected.shape or not found.numel():
        return found.shape == expected.shape
    return bool((found - expected).abs().max() <= bound * expected.abs().max())


def takes_channels_last(segments: Sequence[nn.Module], x: Tensor) -> bool:
    """Whether segments in evaluation mode give the same within `BOUND` when pictures x (n, C, H, W) lie channels last."""
    if x.ndim != 4:
        return False
    with torch.no_grad():
        expected, found = x.contiguous(), x.contiguous(memory_format=torch.channels_last)
        try:
            for segment in segments:
                expected, found = _call(segment, expected), _call(segment, found)
        except Exception:  # noqa: BLE001  as in `fused`
            return False
    return close(found, expected)


def copied(module: nn.Module) -> nn.Module:
    """A deep copy; tensors that hooks compute from weights (weight_norm, spectral_norm, pruning) are copied by value."""
    memo = {
        id(value): value.detach().clone()
        for inner in module.modules()
        for value in vars(inner).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    return copy.deepcopy(module, memo)


class _Laid(nn.Module):
    """A segment that gets pictures channels last, or as it would without."""

    def __init__(self, segment: nn.Module, layout: torch.memory_format):
        super().__init__()
        self.segment, self.layout = segment, layout

    def forward(self, x: Tensor) -> Tensor:
        return _call(self.segment, x.contiguous(memory_format=self.layout) if x.ndim == 4 else x.contiguous())


def _call(segment: nn.Module, x: Tensor) -> Tensor:
    """segment(x); of a graph module without the page that it prints when an operator does not run."""
    return segment.forward(x) if isinstance(segment, fx.GraphModule) else segment(x)


def _candidates(segment: nn.Module) -> Iterator[nn.Module]:
    """From the fastest to the segment itself."""
    short = folded(segment)
    for rewritten in (segment,) if short is segment else (short, segment):
        with contextlib.suppress(RuntimeError, TypeError, NotImplementedError):  # volumes have another, scripts none
            yield _Laid(copied(rewritten).to(memory_format=torch.channels_last), torch.channels_last)
        yield _Laid(rewritten, torch.contiguous_format)
    yield segment


def folded(segment: nn.Module) -> nn.Module:
    """A copy with each batch norm folded into the convolution that only it reads; the segment itself where there is none.

    A convolution that is called again, with another norm behind or none, gets a folded copy for this call alone.
    """
    if isinstance(segment, nn.Sequential):
        parts = [folded(part) for part in segment]
        return segment if all(map(operator.is_, parts, segment)) else nn.Sequential(*parts).eval()
    if not isinstance(segment, fx.GraphModule):
        return segment
    made = copied(segment)
    modules, count = dict(made.named_modules()), 0
    for node in list(made.graph.nodes):
        before = node.args[0] if node.args else None
        if node.op != "call_module" or not isinstance(before, fx.Node) or before.op != "call_module":
            continue
        layer, norm = modules[before.target], modules[node.target]
        if type(norm) is not _NORMS.get(type(layer)) or len(before.users) > 1 or not (_bare(layer) and _bare(norm)):
            continue
        if norm.running_mean is None or norm.running_var is None or norm.training:
            continue
        made.add_submodule(f"folded_{count}", fuse_conv_bn_eval(layer, norm))
        modules[f"folded_{count}"] = made.get_submodule(f"folded_{count}")
        before.target, count = f"folded_{count}", count + 1
        node.replace_all_uses_with(before)
        made.graph.erase_node(node)
    if not count:
        return segment
    made.delete_all_unused_submodules()
    made.recompile()
    return made.eval()


def _bare(module: nn.Module) -> bool:
    """Without hooks, such as those that compute its weights."""
    return not (module._forward_hooks or module._forward_pre_hooks)


def outputs(
    segments: Sequence[nn.Module], readers: Mapping[int, Callable[[Tensor], Tensor]], x: Tensor
) -> tuple[dict[int, Tensor], Tensor]:
    """What each reader makes of the output of its segment, {segment: (N, ...)}, and the last segment's (N, C)."""
    read: dict[int, list[Tensor]] = {k: [] for k in readers}
    last = []
    for part in x.split(CHUNK):
        for k, segment in enumerate(segments):
            part = segment(part)
            if k in readers:
                read[k].append(readers[k](part))
        last.append(part)
    return {k: torch.cat(parts) for k, parts in read.items()}, torch.cat(last)
