"""Supernet: one set of weights for every architecture of a space; a subnet takes its slices.

Layers of one name share a weight, as `core.plan` says: a narrower layer uses the first channels, a smaller kernel the
centre (Cai et al. 2020, Once-for-all, arXiv:1908.09791; Yu et al. 2020, BigNAS, arXiv:2003.11142).
"""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...core.network import layers as described
from ...core.space.space import Genome, SearchSpace
from ..build import build, named
from ..build import module as module_of
from ..network import EarlyExitNetwork
from .depthwise import DepthwiseConvolution
from .slots import initial, learned, sizes_of


class Supernet(nn.Module):
    """Shared weights of a space, initialised from `seed`; mean, std : of pixel values in [0, 1].

    The weights are parameters called by their place in the plan ("/" for "."), each as large as the largest
    architecture needs it. Batch norms keep no statistics here: in training they use the batch's, in extracted networks
    those that `recalibrate` finds.
    """

    def __init__(self, space: SearchSpace, mean: float = 0.0, std: float = 1.0, seed: int = 0):
        super().__init__()
        self.space, self.mean, self.std = space, float(mean), float(std)
        plan = space.decode(space.largest()).offered()
        self.input_shape, self.classes = plan.input, plan.classes
        self._built: dict[tuple[described.Layer, described.Shape], nn.Module] = {}
        generator = torch.Generator().manual_seed(seed)
        sizes, closing = sizes_of(space)
        for name, shape in sorted(sizes.items()):
            weight = initial(name, shape, generator)
            # residual blocks that start as the identity: block types need not be brought into line first, which no
            # short training achieves (Goyal et al. 2017, arXiv:1706.02677, start so for another reason)
            self.register_parameter(_key(name), nn.Parameter(torch.zeros(shape) if name in closing else weight))

    def largest(self, rng: np.random.Generator | None = None) -> Genome:
        """Every size gene at its last option; block types drawn by rng, or all alike (the last) without one."""
        return self._extreme(rng, -1)

    def smallest(self, rng: np.random.Generator | None = None) -> Genome:
        """Every size gene at its first option; block types drawn by rng, or all alike (the first) without one."""
        return self._extreme(rng, 0)

    def _extreme(self, rng: np.random.Generator | None, end: int) -> Genome:
        drawn = self.space.lower if rng is None else rng.integers(self.space.lower, self.space.upper, endpoint=True)
        extreme = self.space.upper if end else self.space.lower
        typed = np.array([gene.name.endswith(".type") for gene in self.space.genes])
        if rng is None:
            drawn = extreme
        return self.space.backbone_part(np.where(typed, drawn, extreme).tolist())

    def sample(self, rng: np.random.Generator) -> Genome:
        """A random backbone; exits are all offered anyway, so their genes stand at 0."""
        return self.space.backbone_part(self.space.sample(rng))

    def prepare(self, images) -> Tensor:
        """Images uint8 -> standardised (N, channels, H, W), as `EarlyExitNetwork.prepare`."""
        return EarlyExitNetwork.prepare(self, images)

    def view(self, genome: Sequence[int]) -> EarlyExitNetwork:
        """The network of a genome with every branch design, its weights slices of the shared ones.

        Gradients flow into the supernet; batch norms use the statistics of the batch. For one training step: layers
        are kept and used again, so a view holds until the next one is asked for. `extract` gives a lasting network.
        """
        plan = self.space.decode(genome).offered()
        segments = [self._layers(*pair) for pair in zip(plan.segments, plan.shapes, strict=False)]
        branches = [self._layers(head.layers, shape) for head, shape in zip(plan.heads, plan.taps, strict=True)]
        network = EarlyExitNetwork(segments, branches, plan.input, self.mean, self.std, plan.position)
        for name, module in named(network):
            for kind, shape in module.weight_shapes.items():
                setattr(module, kind, self.slice(f"{name}.{kind}", shape))
        return network

    def _layers(self, layers: described.Layers, shape: described.Shape) -> nn.Sequential:
        return nn.Sequential(*(self._layer(layer, at) for layer, at in described.walk(layers, shape)))

    def _layer(self, layer: described.Layer, shape: described.Shape) -> nn.Module:
        if (layer, shape) not in self._built:  # building them took a tenth of a training step
            with torch.random.fork_rng(devices=[]):  # its weights are drawn, and thrown away
                self._built[layer, shape] = _hollow(module_of(layer, shape))
        return self._built[layer, shape]

    def extract(self, genome: Sequence[int]) -> EarlyExitNetwork:
        """A network of its own with every branch design and copied weights, in evaluation mode.

        Its batch norms have no statistics worth the name before `recalibrate`.
        """
        network = build(self.space.decode(genome).offered(), mean=self.mean, std=self.std)
        with torch.no_grad():
            for name, module in named(network):
                for kind, parameter in module.named_parameters(recurse=False):
                    parameter.copy_(self.slice(f"{name}.{kind}", parameter.shape))
        return network.eval()

    def slice(self, name: str, shape: Sequence[int]) -> Tensor:
        """The part of a shared weight that a layer of this shape uses: first channels, centre of the kernel.

        Raises ValueError when the supernet has no such weight, or only a smaller one.
        """
        whole = self._parameters.get(_key(name))
        if whole is None or len(whole.shape) != len(shape) or any(w < s for w, s in zip(whole.shape, shape)):  # noqa: B905
            held = "none" if whole is None else tuple(whole.shape)
            raise ValueError(f"the supernet's weight {name} is {held}, an architecture needs {tuple(shape)}.")
        for axis, size in enumerate(shape):
            if whole.shape[axis] != size:
                whole = whole.narrow(axis, (whole.shape[axis] - size) // 2 if axis > 1 else 0, size)
        # a convolution answers in its weight's format where its input's is ambiguous (one channel), and keeps it
        return whole.contiguous(memory_format=torch.channels_last) if whole.ndim == 4 else whole

    def confidences(self, genome: Sequence[int], copied: bool = True) -> dict[int, tuple[Tensor, Tensor]]:
        """{head: weight (1, features), bias (1,)} of the heads that learn their own confidence, see `answers`."""
        plan = self.space.decode(genome).offered()
        found = {}
        for k, (name, features) in learned(plan).items():
            pair = self.slice(f"{name}.weight", (1, features)), self.slice(f"{name}.bias", (1,))
            found[k] = tuple(p.detach().clone() for p in pair) if copied else pair
        return found


def answers(network: EarlyExitNetwork, x: Tensor, confidences: dict) -> tuple[Tensor, dict[int, Tensor]]:
    """Logits (N, E, C), and {head: learned confidence (N,) in (0, 1)} for the heads that have one."""
    logits, sure = [], {}
    for index, segment in enumerate(network.segments):
        x = segment(x)
        for k in network.at(index):
            answer, features = _head(network.branches[k], x)
            logits.append(answer)
            if k in confidences:
                sure[k] = torch.sigmoid(functional.linear(features, *confidences[k]))[:, 0]
    return torch.stack(logits, dim=1), sure


def training_answers(
    network: EarlyExitNetwork, x: Tensor, chosen: Container[int], early_weight: float, others: int, confidences: dict
) -> tuple[list[Tensor], dict[int, Tensor]]:
    """Logits (n, C) of each head and logits (n,) of the learned confidences, with gradients as a step wants them.

    chosen : the heads whose gradient reaches the backbone, scaled by `early_weight`; the final classifier's does
    unscaled. All other heads learn on detached features of the first `others` samples, the confidences on detached
    features of their head.
    """
    logits, sure = [], {}
    for index, segment in enumerate(network.segments):
        x = segment(x)
        for k in network.at(index):
            if k == network.exits_count - 1:
                tap = x
            elif k in chosen:
                tap = _ScaledGradient.apply(x, early_weight)
            else:
                tap = x[:others].detach()
            answer, features = _head(network.branches[k], tap)
            logits.append(answer)
            if k in confidences:
                sure[k] = functional.linear(features.detach(), *confidences[k])[:, 0]
    return logits, sure


@torch.no_grad()
def recalibrate(network: EarlyExitNetwork, images: np.ndarray) -> EarlyExitNetwork:
    """Give the batch norms the statistics of these *training* images, uint8; returns the network, changed in place.

    All images pass as one batch, so a layer's statistics are exact and depend on the layers before it alone: those of
    a prefix of the backbone are the same whatever follows.
    """
    x = network.eval().prepare(images)
    for index, segment in enumerate(network.segments):
        x = calibrate(segment, x)
        for k in network.at(index):
            calibrate(network.branches[k], x)
    return network


@torch.no_grad()
def calibrate(module: nn.Module, x: Tensor) -> Tensor:
    """One segment or branch of `recalibrate`: sets its statistics from x (N, channels, H, W), returns its output."""
    hooks = [norm.register_forward_pre_hook(_measure) for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)]
    try:
        return module.eval()(x)
    finally:
        for hook in hooks:
            hook.remove()


def _measure(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    values = inputs[0].permute(0, 2, 3, 1).flatten(0, 2)  # (N*H*W, channels), no copy in channels_last
    mean = values.mean(dim=0)
    norm.running_mean.copy_(mean)
    # torch.var_mean over this axis takes six times as long
    norm.running_var.copy_((values - mean).square_().mean(dim=0))


class _ScaledGradient(torch.autograd.Function):
    @staticmethod
    def forward(context, x: Tensor, scale: float) -> Tensor:
        context.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient: Tensor):
        return gradient * context.scale, None


def _hollow(part: nn.Module) -> nn.Module:
    """The module without weights of its own and without batch-norm statistics, in training mode."""
    for _, module in named(part):
        kinds = {kind: weight for kind, weight in module._parameters.items() if weight is not None}
        module.weight_shapes = {kind: tuple(weight.shape) for kind, weight in kinds.items()}
        for kind in kinds:
            del module._parameters[kind]
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.__class__ = DepthwiseConvolution
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = module.running_var = module.num_batches_tracked = None
    return part.train()


def _head(branch: nn.Sequential, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (N, C), and the flattened features (N, F) that its last layer reads."""
    for layer in branch[:-1]:
        x = layer(x)
    return branch[-1](x), x.flatten(1)


def _key(name: str) -> str:
    return name.replace(".", "/")
