"""Networks whose exits learn their confidence: each early branch gives one output more, and leaving is cumulative.

NACHOS (Gambella et al. 2024, arXiv:2401.13330); the mixture of answers that trains it: Scardapane et al. 2020,
Differentiable branching in deep networks for fast inference, ICASSP.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.table.calibration import confidence_of, cumulative_confidence
from ..core.table.cost import Cost
from ..core.table.policy import Policy
from ..core.table.records import ExitRecords
from ..datasets import Dataset
from .count.macs import macs
from .network import EarlyExitNetwork, rows
from .train.joint import Recipe, joint_loss

MEASURE = "learned, cumulative"


class LearnedExitNetwork(EarlyExitNetwork):
    """An EarlyExitNetwork whose early branches give C + 1 outputs, the last one the logit of their confidence h.

    A sample leaves where 1 - prod(1 - h_j) over the exits so far reaches the exit's threshold.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, E, C) of every branch for x (N, channels, H, W)."""
        return self.with_confidence(x)[0]

    def with_confidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, E, C), and each early exit's own confidence (N, E - 1) in [0, 1]."""
        outputs = []
        for index, segment in enumerate(self.segments):
            x = segment(x)
            outputs += [self.branches[k](x) for k in self.at(index)]  # (N, C + 1) each, the final one (N, C)
        classes = outputs[-1].shape[1]
        logits = torch.stack([output[:, :classes] for output in outputs], dim=1)
        own = [output[:, classes].sigmoid() for output in outputs[:-1]]
        return logits, torch.stack(own, dim=1) if own else logits.new_zeros(len(logits), 0)

    def infer(self, x, policy: Policy, measure: str = MEASURE, temperature=None, chunk: int = 256):
        """As `EarlyExitNetwork.infer`, by the learned confidences. Raises ValueError for a policy that removes exits."""
        if measure != MEASURE or temperature is not None:
            raise ValueError(f"this network's confidence is learned: expected measure {MEASURE!r}, no temperature.")
        if None in policy.thresholds:
            raise ValueError("learned confidences depend on which exits exist: no exit can be removed.")
        return super().infer(x, policy, measure, temperature, chunk)

    def _infer_chunk(self, x, policy, measure, temperature, predicted, exit_of, confidence) -> None:
        active, doubt = np.arange(len(x)), np.ones(len(x))  # rows left; product of (1 - h) so far
        for index, segment in enumerate(self.segments):
            x = segment(x)
            for k in self.at(index):
                output = self.branches[k](x)
                if k == self.exits_count - 1:
                    logits = output.numpy()
                    sure, leaves = confidence_of(logits[:, None])[:, 0], np.ones(len(active), bool)
                else:
                    logits = output[:, :-1].numpy()
                    doubt = doubt * (1.0 - output[:, -1].sigmoid().numpy().astype(np.float64))
                    sure = cumulative_confidence(np.stack([1.0 - doubt, 1.0 - doubt], axis=1))[:, 0]
                    leaves = sure >= np.float32(policy.thresholds[k])
                left = active[leaves]
                predicted[left], exit_of[left], confidence[left] = logits[leaves].argmax(axis=1), k, sure[leaves]
                if leaves.all():
                    return
                if leaves.any():
                    x = rows(x, torch.from_numpy(np.flatnonzero(~leaves)))
                    active, doubt = active[~leaves], doubt[~leaves]


def with_confidences(
    network: EarlyExitNetwork, own: Mapping[int, tuple[Tensor, Tensor]] | None = None
) -> LearnedExitNetwork:
    """A copy of `network` whose early branches give one output more: the logit of a confidence of their own.

    own : early exit -> weight (1, features) and bias (1,) on what the branch's last linear layer reads; None: zeros, to
    be loaded. Raises ValueError for an early exit without one, or whose branch has no linear layer with a bias.
    """
    segments, branches = copy.deepcopy(network.segments), copy.deepcopy(network.branches)
    for k, branch in enumerate(branches[:-1]):
        linear = next((m for m in reversed(list(branch.modules())) if isinstance(m, nn.Linear)), None)
        if linear is None or linear.bias is None:
            raise ValueError(f"exit {k + 1} does not end in a linear layer with a bias: it can learn no confidence.")
        if own is not None and k not in own:
            raise ValueError(f"exit {k + 1} has no confidence of its own.")
        weight, bias = (
            (linear.weight.new_zeros(1, linear.in_features), linear.bias.new_zeros(1)) if own is None else own[k]
        )
        linear.weight = nn.Parameter(torch.cat([linear.weight.detach(), weight]))  # (C + 1, features)
        linear.bias = nn.Parameter(torch.cat([linear.bias.detach(), bias]))
        linear.out_features += 1
    made = LearnedExitNetwork(segments, branches, network.input_shape, network.mean, network.std, network.position)
    return made.train(network.training)


@torch.inference_mode()
def collect_learned(
    network: LearnedExitNetwork,
    dataset: Dataset,
    batch: int = 250,
    costs: Mapping[str, Cost] | None = None,
    weight: np.ndarray | None = None,
) -> ExitRecords:
    """Records of the network on a data set by the cumulative rule; no exit of them can be removed. costs : else MACs.

    weight : (N,) what a right answer counts.
    """
    training = network.training
    network.eval()
    parts = [
        network.with_confidence(network.prepare(dataset.images[i : i + batch])) for i in range(0, len(dataset), batch)
    ]
    network.train(training)
    logits = torch.cat([part[0] for part in parts]).numpy()  # (N, E, C)
    own = torch.cat([part[1] for part in parts]).numpy()  # (N, E - 1)
    final = confidence_of(logits)[:, -1:]
    return ExitRecords(
        cumulative_confidence(np.concatenate([own, final], axis=1)),
        logits.argmax(axis=2),
        dataset.labels,
        costs or {"macs": macs(network)},
        position=network.position,
        weight=weight,
        group=dataset.groups,
        classes=dataset.classes,
        dataset=dataset.name,
        split=dataset.split,
        removable=False,
        measure=MEASURE,
    )


def learned_loss(network: LearnedExitNetwork, x: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    """`joint_loss` of the logits, and the negative log likelihood of the answers mixed by where a sample leaves."""
    logits, own = network.with_confidence(x)
    stays = torch.cumprod(torch.cat([torch.ones_like(own[:, :1]), 1 - own], dim=1), dim=1)  # (N, E)
    leaves = stays * torch.cat([own, torch.ones_like(stays[:, :1])], dim=1)  # (N, E), sums to 1
    mixed = (leaves[:, :, None] * logits.softmax(dim=2)).sum(dim=1)  # (N, C)
    return joint_loss(logits, labels, recipe) + F.nll_loss(mixed.clamp_min(1e-7).log(), labels)
