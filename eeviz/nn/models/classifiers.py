"""Known static classifiers: architectures whose published checkpoints can be loaded by name, and small base models.

ResNet-20 ... -110 for CIFAR: He et al. 2015 (arXiv:1512.03385), section 4.2, shortcuts of option A (subsampled, padded
with zeros). ResNet-50, -101, -152: the same paper's bottlenecks, stride at the 3x3 convolution and names as in torchvision,
whose checkpoints fit. DS-CNN: Zhang et al. 2017 (arXiv:1711.07128), the small one. All take one tensor and give logits (N, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .weight_file import SeveralTables, fitting, read_weights

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Per channel, of pixels in [0, 1]: how the inputs of many public checkpoints, CIFAR's too, were standardised."""


class _Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.stride, self.added = stride, out - channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.added or self.stride != 1:
            before = self.added // 2
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, before, self.added - before))
        return F.relu(y + x)


class CifarResNet(nn.Module):
    """6 n + 2 layers in three stages of 16, 32 and 64 channels; x (N, 3, 32, 32) -> logits (N, classes)."""

    def __init__(self, depth: int = 20, classes: int = 10):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth {depth}: a CIFAR ResNet has 6 n + 2 layers, for example 20, 32, 44 or 56.")
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks = (depth - 2) // 6
        self.layer1 = self._stage(16, 16, blocks, 1)
        self.layer2 = self._stage(16, 32, blocks, 2)
        self.layer3 = self._stage(32, 64, blocks, 2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def _stage(channels: int, out: int, blocks: int, stride: int) -> nn.Sequential:
        rest = [_Block(out, out, 1) for _ in range(blocks - 1)]
        return nn.Sequential(_Block(channels, out, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = F.avg_pool2d(x, x.size()[3])
        return self.linear(x.view(x.size(0), -1))


class _Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        out = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.relu, self.downsample = nn.ReLU(inplace=True), None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        return self.relu(y + shortcut)


class BottleneckResNet(nn.Module):
    """7x7 stem, max-pooling, four stages of bottlenecks; x (N, 3, H, W) -> logits (N, classes)."""

    def __init__(self, blocks: tuple[int, int, int, int], classes: int = 1000, width: int = 64):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        channels, stages = width, []
        for stage, count in enumerate(blocks):
            inner, stride = width * 2**stage, 2 if stage else 1
            layers = [_Bottleneck(channels, inner, stride)]
            layers += [_Bottleneck(4 * inner, inner, 1) for _ in range(count - 1)]
            stages.append(nn.Sequential(*layers))
            channels = 4 * inner
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class DSCNN(nn.Module):
    """DS-CNN-S: a 10 x 4 convolution, then depthwise-separable blocks of 3 x 3; x (N, 1, time, features) -> (N, classes).

    With 49 x 10 inputs, 64 channels and four blocks it has about 2.7 M MACs.
    """

    def __init__(self, classes: int = 12, channels: int = 64, blocks: int = 4, dropout: float = 0.2):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, channels, (10, 4), (2, 2), (5, 1), bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(self._block(channels) for _ in range(blocks)))
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, classes)

    @staticmethod
    def _block(channels: int) -> nn.Sequential:
        depthwise = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
        pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        return nn.Sequential(
            depthwise, nn.BatchNorm2d(channels), nn.ReLU(), pointwise, nn.BatchNorm2d(channels), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x)).mean((2, 3))
        return self.linear(self.dropout(x))


class HeartbeatCNN(nn.Module):
    """1-D residual CNN on single heartbeats; x (N, 1 + extra, samples) -> logits (N, classes).

    One signal channel and `extra` constant ones: what is known of the beat beside its signal (RR intervals), folded into
    the one input tensor so that every segment of the network still has a single input.
    """

    def __init__(self, classes: int = 4, extra: int = 2, width: int = 16, stages: int = 4, dropout: float = 0.2):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(1 + extra, width, 7, 2, 3, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        layers, channels = [], width
        for stage in range(stages):
            out = width * 2 ** min(stage, 2)
            layers += [_Beat(channels, out, 2 if stage else 1), _Beat(out, out, 1)]
            channels = out
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(self.stem(x)).mean(2)
        return self.linear(self.dropout(x))


class _Beat(nn.Module):
    """Two convolutions of width 5 with a shortcut."""

    def __init__(self, channels: int, out: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv1d(channels, out, 5, stride, 2, bias=False)
        self.bn1 = nn.BatchNorm1d(out)
        self.conv2 = nn.Conv1d(out, out, 5, 1, 2, bias=False)
        self.bn2 = nn.BatchNorm1d(out)
        same = channels == out and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv1d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def with_intervals(beats: Tensor, intervals: Tensor) -> Tensor:
    """Beats (N, L) or (N, 1, L) and their side values (N, K), each held constant -> one tensor (N, 1 + K, L)."""
    beats = beats if beats.ndim == 3 else beats[:, None]
    if intervals.ndim != 2 or len(intervals) != len(beats):
        raise ValueError(f"intervals: expected ({len(beats)}, values), got {tuple(intervals.shape)}.")
    return torch.cat([beats, intervals[:, :, None].expand(-1, -1, beats.shape[2]).to(beats.dtype)], dim=1)


KNOWN: Mapping[str, Callable[..., nn.Module]] = {
    **{f"resnet{depth}": partial(CifarResNet, depth) for depth in (20, 32, 44, 56, 110)},
    "resnet50": partial(BottleneckResNet, (3, 4, 6, 3)),
    "resnet101": partial(BottleneckResNet, (3, 4, 23, 3)),
    "resnet152": partial(BottleneckResNet, (3, 8, 36, 3)),
    "ds-cnn-s": DSCNN,
    "heartbeat-cnn": HeartbeatCNN,
}
"""Name -> constructor; `load` fills them."""


def build(name: str, **options) -> nn.Module:
    """A known classifier, untrained, in evaluation mode. Raises ValueError for an unknown name."""
    if name not in KNOWN:
        raise ValueError(f"no architecture {name!r} is known: choose one of {', '.join(KNOWN)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # layers draw from the global generator, which is put back as it was
        return KNOWN[name](**options).eval()


def load(name: str, checkpoint: Path | str, weights: str = "", **options) -> nn.Module:
    """A known classifier with the weights of a checkpoint, .safetensors or PyTorch's, found in it wherever they lie.

    weights : name of the table where several fit (an average, a teacher): they are never guessed. options : as of `build`.
    Raises ValueError, naming the file, when it cannot be read safely or does not fit (see `weight_file`).
    """
    model = build(name, **options)
    try:
        model.load_state_dict(fitting(checkpoint, read_weights(checkpoint), model.state_dict(), weights))
    except SeveralTables:
        raise
    except ValueError as error:
        raise ValueError(f"{error} ({name})") from error
    return model
