"""Small untrained classifiers of many families, none of them made with early exits in mind."""

import itertools

import torch
import torch.nn.functional as F
from torch import nn

from eeviz.nn.models.classifiers import BottleneckResNet


class PlainCNN(nn.Module):
    """VGG-like: convolutions, max-pooling, a hidden linear layer; activations in place."""

    def __init__(self, classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Linear(24 * 64, 64), nn.ReLU(inplace=True), nn.Dropout(), nn.Linear(64, classes)
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class DenseNet(nn.Module):
    """Two dense blocks with a transition between them; inside a block everything is needed until its end."""

    def __init__(self, classes=10, growth=6):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, 1, 1, bias=False)
        self.block1 = nn.ModuleList(self._layer(12 + i * growth, growth) for i in range(3))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(30), nn.ReLU(), nn.Conv2d(30, 15, 1, bias=False), nn.AvgPool2d(2)
        )
        self.block2 = nn.ModuleList(self._layer(15 + i * growth, growth) for i in range(3))
        self.norm, self.linear = nn.BatchNorm2d(33), nn.Linear(33, classes)

    @staticmethod
    def _layer(channels, growth):
        return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, growth, 3, 1, 1, bias=False))

    def forward(self, x):
        x = self.transition(self._block(self.block1, F.max_pool2d(self.stem(x), 2)))
        return self.linear(F.relu(self.norm(self._block(self.block2, x))).mean((2, 3)))

    @staticmethod
    def _block(layers, x):
        features = [x]
        for layer in layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)


class Inception(nn.Module):
    """Modules of four parallel paths, concatenated (Szegedy et al. 2014)."""

    def __init__(self, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2))
        self.modules_ = nn.Sequential(*(self.Module(c) for c in (16, 32, 32)))
        self.head = nn.Linear(32, classes)

    class Module(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.one, self.three = (
                nn.Conv2d(channels, 8, 1),
                nn.Sequential(nn.Conv2d(channels, 8, 1), nn.Conv2d(8, 8, 3, 1, 1)),
            )
            self.five = nn.Sequential(nn.Conv2d(channels, 4, 1), nn.Conv2d(4, 8, 5, 1, 2))
            self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(channels, 8, 1))

        def forward(self, x):
            return F.relu(torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1))

    def forward(self, x):
        x = self.modules_(self.stem(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.up(F.relu(self.down(s))))


class MobileNet(nn.Module):
    """Inverted residuals with squeeze-and-excite and hard-swish, a two-layer classifier (MobileNetV3-like)."""

    def __init__(self, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish(inplace=True))
        self.blocks = nn.Sequential(
            self.Block(8, 8, 2, 1), self.Block(8, 16, 3, 2), self.Block(16, 16, 3, 1), self.Block(16, 16, 3, 1)
        )
        self.classifier = nn.Sequential(
            nn.Linear(16, 32), nn.Hardswish(inplace=True), nn.Dropout(0.2), nn.Linear(32, classes)
        )

    class Block(nn.Module):
        def __init__(self, channels, out, expand, stride):
            super().__init__()
            wide = channels * expand
            self.layers = nn.Sequential(
                nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.Hardswish(inplace=True),
                nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.Hardswish(inplace=True),
                SqueezeExcite(wide), nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out),
            )  # fmt: skip
            self.residual = stride == 1 and channels == out

        def forward(self, x):
            return x + self.layers(x) if self.residual else self.layers(x)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.classifier(F.adaptive_avg_pool2d(x, 1).flatten(1))


class VisionTransformer(nn.Module):
    """Patches, a class token, position embeddings, pre-norm blocks of multi-head attention."""

    def __init__(self, classes=10, width=24, depth=3):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.cls, self.position = nn.Parameter(torch.randn(1, 1, width)), nn.Parameter(torch.randn(1, 17, width))
        self.blocks = nn.ModuleList(self.Block(width) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

        def forward(self, x):
            y = self.norm1(x)
            x = x + self.attention(y, y, y, need_weights=False)[0]
            return x + self.mlp(self.norm2(x))

    def forward(self, x):
        n = x.shape[0]
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(n, -1, -1), x], dim=1) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class EncoderTransformer(nn.Module):
    """torch's own nn.TransformerEncoder over the columns of the picture."""

    def __init__(self, classes=10, width=24):
        super().__init__()
        self.embed = nn.Linear(96, width)
        layer = nn.TransformerEncoderLayer(width, 4, 48, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x.flatten(1, 2).transpose(1, 2))).mean(1))


class ConvNeXt(nn.Module):
    """Depthwise 7x7, then channels last through a perceptron; scaled residuals; blocks of two sizes."""

    def __init__(self, classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 4, 4)
        self.stages = nn.Sequential(self.Block(16), self.Block(16), nn.Conv2d(16, 32, 2, 2), self.Block(32))
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, classes)

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.depthwise = nn.Conv2d(channels, channels, 7, 1, 3, groups=channels)
            self.norm, self.scale = nn.LayerNorm(channels), nn.Parameter(torch.full((channels,), 0.1))
            self.up, self.down = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)

        def forward(self, x):
            y = self.depthwise(x).permute(0, 2, 3, 1)
            y = self.scale * self.down(F.gelu(self.up(self.norm(y))))
            return x + y.permute(0, 3, 1, 2)

    def forward(self, x):
        return self.head(self.norm(self.stages(self.stem(x)).mean((2, 3))))


class ShuffleNet(nn.Module):
    """Channel split, shuffle by reshaping: sizes read from the tensor all along."""

    def __init__(self, classes=10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.Conv2d(8, 8, 1), nn.ReLU()
            )
            for _ in range(3)
        )
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        batch = x.size(0)
        x = self.stem(x)
        for block in self.blocks:
            kept, changed = x.chunk(2, dim=1)
            x = torch.cat((kept, block(changed)), dim=1)
            n, channels, height, width = x.size()
            x = x.view(n, 2, channels // 2, height, width).transpose(1, 2).contiguous().view(n, channels, height, width)
        return self.head(x.mean((2, 3)).view(batch, -1))


class ShapeChecking(nn.Module):
    """Looks at its input's shape: torch.fx cannot follow, torch.export can."""

    def __init__(self, classes=10):
        super().__init__()
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(8, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, 1, 1)]
        )
        self.head = nn.Linear(16, classes)

    def forward(self, x):
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
            if x.shape[-1] > 8:
                x = F.max_pool2d(x, 2)
        return self.head(x.mean((2, 3)).view(x.size(0), -1))


class SignalCNN(nn.Module):
    """1-D convolutions on a raw signal of one channel (N, 1, 320)."""

    def __init__(self, classes=5):
        super().__init__()
        sizes = (1, 8, 16, 16, 24)
        self.layers = nn.Sequential(
            *(
                layer
                for a, b in itertools.pairwise(sizes)
                for layer in (nn.Conv1d(a, b, 9, 2, 4), nn.BatchNorm1d(b), nn.ReLU())
            )
        )
        self.head = nn.Linear(24, classes)

    def forward(self, x):
        return self.head(self.layers(x).mean(2))


class TokenMixer(nn.Module):
    """MLP-Mixer: perceptrons over patches and over channels."""

    def __init__(self, classes=10, width=16):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.blocks = nn.Sequential(*(self.Block(width, 16) for _ in range(3)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    class Block(nn.Module):
        def __init__(self, width, tokens):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.across = nn.Sequential(nn.Linear(tokens, 32), nn.GELU(), nn.Linear(32, tokens))
            self.within = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))

        def forward(self, x):
            x = x + self.across(self.norm1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.within(self.norm2(x))

    def forward(self, x):
        x = self.blocks(self.patches(x).flatten(2).transpose(1, 2))
        return self.head(self.norm(x).mean(1))


PICTURE = (3, 32, 32)
FAMILIES = {
    "plain": (PlainCNN, PICTURE),
    "bottleneck": (lambda: BottleneckResNet((1, 2, 2, 1), classes=10, width=8), PICTURE),
    "dense": (DenseNet, PICTURE),
    "inception": (Inception, PICTURE),
    "mobile": (MobileNet, PICTURE),
    "transformer": (VisionTransformer, PICTURE),
    "encoder": (EncoderTransformer, PICTURE),
    "convnext": (ConvNeXt, PICTURE),
    "shuffle": (ShuffleNet, PICTURE),
    "shape-checking": (ShapeChecking, PICTURE),
    "signal": (SignalCNN, (1, 320)),
    "mixer": (TokenMixer, PICTURE),
}
"""Name -> (class, shape of one input); eeviz.nn.models.classifiers adds residual, DS-CNN and heartbeat networks."""


def make(name, seed=0):
    """An untrained classifier in evaluation mode whose batch norms have something to do, and its input shape."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind, shape = FAMILIES[name]
        model = kind()
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model.eval(), shape
