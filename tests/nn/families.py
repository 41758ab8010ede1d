"""Forty families of classifiers at their smallest: blocks as people write them, each between a stem and a classifier."""

import torch
import torch.nn.functional as F
from torch import nn

C = 8


class Block(nn.Module):
    """layers : by name; call : what they do with (n, 8, h, w)."""

    def __init__(self, call, **layers):
        super().__init__()
        self.layers, self.call = nn.ModuleDict(layers), call

    def forward(self, x):
        return self.call(x, self.layers)


class Classifier(nn.Module):
    def __init__(self, block):
        super().__init__()
        self.stem, self.first, self.second = nn.Conv2d(3, C, 3, 2, 1), block(), block()
        self.last, self.out = nn.Conv2d(C, C, 3, 1, 1), nn.Linear(C, 5)

    def forward(self, x):
        x = self.second(self.first(F.relu(self.stem(x))))
        return self.out(F.relu(self.last(x)).mean((2, 3)))


def conv(k=3, groups=1, out=C, into=C, **options):
    return nn.Conv2d(into, out, k, padding=k // 2 * options.get("dilation", 1), groups=groups, **options)


def normed(*layers):
    return nn.Sequential(*layers, nn.BatchNorm2d(C))


def tokens(x):
    return x.flatten(2).transpose(1, 2)


def back(t, like):
    return t.transpose(1, 2).reshape_as(like)


def shuffled(x, groups=2):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def attention(x, m):
    q, k, v = m.qkv(tokens(x)).chunk(3, dim=-1)
    return x + back((q @ k.transpose(1, 2) / C**0.5).softmax(-1) @ v, x)


def fused_attention(x, m):
    q, k, v = m.qkv(tokens(x)).unflatten(-1, (3, 2, C // 2)).permute(2, 0, 3, 1, 4)
    return x + back(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2), x)


def windowed(x, m):
    n, c, h, w = x.shape
    t = x.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 3, 5, 1).reshape(-1, 4, c)
    t = t + (t @ t.transpose(1, 2)).softmax(-1) @ m.value(t)
    return t.view(n, h // 2, w // 2, 2, 2, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)


def capsule(x, m):
    y = m.conv(x).unflatten(1, (4, 2))
    square = (y * y).sum(2, keepdim=True)
    return (square / (1 + square) * y / (square + 1e-6).sqrt()).flatten(1, 2)


def standardised(x, m):
    w = m.conv.weight
    w = (w - w.mean((1, 2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True)
    return x + F.conv2d(F.gelu(x), w, m.conv.bias, padding=1)


def reversible(x, m):
    a, b = x.chunk(2, 1)
    a = a + m.f(b)
    return torch.cat([a, b + m.g(a)], 1)


def recurrent(x, m):
    state = F.relu(m.into(x))
    for _ in range(2):
        state = F.relu(m.into(x) + m.own(state))
    return state


def linear_attention(x, m):
    q, k, v = m.qkv(tokens(x)).chunk(3, -1)
    q, k = F.elu(q) + 1, F.elu(k) + 1
    return x + back(q @ (k.transpose(1, 2) @ v) / (q @ k.sum(1, keepdim=True).transpose(1, 2)), x)


def block(call, **layers):
    return lambda: Block(lambda x, m: call(x, _Names(m)), **{name: make() for name, make in layers.items()})


class _Names:
    def __init__(self, layers):
        self.layers = layers

    def __getattr__(self, name):
        return self.layers[name]


half = C // 2
BLOCKS = {
    "VGG": block(lambda x, m: F.relu(m.a(x)), a=lambda: conv()),
    "VGG normed": block(lambda x, m: F.relu(m.a(x)), a=lambda: normed(conv(bias=False))),
    "ResNet": block(lambda x, m: F.relu(x + m.b(F.relu(m.a(x)))), a=lambda: normed(conv()), b=lambda: normed(conv())),
    "ResNet, pre-activated": block(lambda x, m: x + m.a(F.relu(m.n(x))), a=conv, n=lambda: nn.BatchNorm2d(C)),
    "ResNeXt": block(lambda x, m: F.relu(x + m.a(x)), a=lambda: normed(conv(groups=4))),
    "Res2Net": block(
        lambda x, m: torch.cat([x[:, :half], m.a(x[:, half:]) + x[:, :half]], 1), a=lambda: conv(out=half, into=half)
    ),
    "Wide ResNet with dropout": block(lambda x, m: x + m.d(m.a(x)), a=conv, d=lambda: nn.Dropout(0.3)),
    "stochastic depth": block(lambda x, m: x + F.dropout(m.a(x), 0.2, m.a.training), a=conv),
    "DenseNet": block(lambda x, m: m.t(torch.cat([x, F.relu(m.a(x))], 1)), a=conv, t=lambda: conv(1, into=2 * C)),
    "Inception": block(
        lambda x, m: torch.cat([m.a(x), m.b(F.max_pool2d(x, 3, 1, 1))], 1),
        a=lambda: conv(1, out=half),
        b=lambda: conv(3, out=half),
    ),
    "Xception": block(lambda x, m: x + m.p(m.d(x)), d=lambda: conv(groups=C), p=lambda: conv(1)),
    "MobileNetV2": block(
        lambda x, m: x + m.p(F.relu6(m.d(F.relu6(m.e(x))))),
        e=lambda: conv(1, out=16),
        d=lambda: conv(3, groups=16, out=16, into=16),
        p=lambda: normed(conv(1, into=16)),
    ),
    "MobileNetV3": block(lambda x, m: x + F.hardswish(m.a(x)), a=lambda: normed(conv(5, groups=C))),
    "squeeze and excite": block(
        lambda x, m: x * torch.sigmoid(m.b(F.silu(m.a(F.adaptive_avg_pool2d(x, 1))))),
        a=lambda: conv(1),
        b=lambda: conv(1),
    ),
    "squeeze and excite by view": block(
        lambda x, m: x * m.a(x.mean((2, 3))).sigmoid().view(x.size(0), x.size(1), 1, 1), a=lambda: nn.Linear(C, C)
    ),
    "ECA": block(
        lambda x, m: x * m.a(x.mean((2, 3))[:, None]).sigmoid().transpose(1, 2)[..., None],
        a=lambda: nn.Conv1d(1, 1, 3, padding=1),
    ),
    "CBAM": block(
        lambda x, m: x * m.a(torch.cat([x.mean(1, True), x.amax(1, True)], 1)).sigmoid(), a=lambda: conv(into=2, out=1)
    ),
    "GhostNet": block(
        lambda x, m: torch.cat([y := m.a(x), m.b(y)], 1),
        a=lambda: conv(1, out=half),
        b=lambda: conv(3, groups=half, out=half, into=half),
    ),
    "ShuffleNet": block(lambda x, m: x + shuffled(m.a(x)), a=lambda: conv(1, groups=2)),
    "SqueezeNet": block(
        lambda x, m: torch.cat([m.a(s := F.relu(m.s(x))), m.b(s)], 1),
        s=lambda: conv(1, out=2),
        a=lambda: conv(1, into=2, out=half),
        b=lambda: conv(3, into=2, out=half),
    ),
    "RepVGG": block(
        lambda x, m: F.relu(m.a(x) + m.b(x) + m.n(x)),
        a=lambda: normed(conv()),
        b=lambda: normed(conv(1)),
        n=lambda: nn.BatchNorm2d(C),
    ),
    "ConvNeXt": block(
        lambda x, m: x + m.u(F.gelu(m.e(m.n(m.d(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2),
        d=lambda: conv(7, groups=C),
        n=lambda: nn.LayerNorm(C),
        e=lambda: nn.Linear(C, 16),
        u=lambda: nn.Linear(16, C),
    ),
    "RegNet": block(
        lambda x, m: F.relu(x + m.b(F.relu(m.a(x)))), a=lambda: normed(conv(1)), b=lambda: normed(conv(groups=2))
    ),
    "dilated": block(lambda x, m: x + m.a(x), a=lambda: conv(dilation=2)),
    "pyramid pooling": block(
        lambda x, m: x + F.interpolate(m.a(F.avg_pool2d(x, 2)), size=x.shape[-2:], mode="nearest"), a=lambda: conv(1)
    ),
    "U-shaped": block(
        lambda x, m: x + m.u(m.d(x)), d=lambda: nn.Conv2d(C, C, 2, 2), u=lambda: nn.ConvTranspose2d(C, C, 2, 2)
    ),
    "PReLU": block(lambda x, m: m.p(m.a(x)), a=conv, p=lambda: nn.PReLU(C)),
    "maxout": block(lambda x, m: torch.maximum(*m.a(x).chunk(2, 1)), a=lambda: conv(out=2 * C)),
    "highway": block(lambda x, m: (g := m.g(x).sigmoid()) * m.a(x) + (1 - g) * x, a=conv, g=conv),
    "group norm": block(lambda x, m: x + F.relu(m.n(m.a(x))), a=conv, n=lambda: nn.GroupNorm(2, C)),
    "instance norm": block(lambda x, m: x + F.relu(m.n(m.a(x))), a=conv, n=lambda: nn.InstanceNorm2d(C, affine=True)),
    "local response": block(lambda x, m: m.n(F.relu(m.a(x))), a=conv, n=lambda: nn.LocalResponseNorm(3)),
    "weights standardised": block(standardised, conv=conv),
    "reversible": block(reversible, f=lambda: conv(out=half, into=half), g=lambda: conv(out=half, into=half)),
    "recurrent convolution": block(recurrent, into=conv, own=conv),
    "capsules": block(capsule, conv=conv),
    "attention": block(attention, qkv=lambda: nn.Linear(C, 3 * C)),
    "attention, fused": block(fused_attention, qkv=lambda: nn.Linear(C, 3 * C)),
    "attention in windows": block(windowed, value=lambda: nn.Linear(C, C)),
    "attention, linear": block(linear_attention, qkv=lambda: nn.Linear(C, 3 * C)),
    "non-local": block(
        lambda x, m: x + back(torch.bmm(torch.bmm(t := tokens(m.a(x)), t.transpose(1, 2)).softmax(2), tokens(x)), x),
        a=lambda: conv(1),
    ),
    "MLP-Mixer": block(
        lambda x, m: x + m.a(x.flatten(2)).view_as(x) + back(m.b(tokens(x)), x),
        a=lambda: nn.Linear(64, 64),
        b=lambda: nn.Linear(C, C),
    ),
    "gated MLP": block(
        lambda x, m: x + back(m.b((p := m.a(tokens(x)).chunk(2, -1))[0] * p[1]), x),
        a=lambda: nn.Linear(C, 2 * C),
        b=lambda: nn.Linear(C, C),
    ),
    "PoolFormer": block(lambda x, m: (y := x + F.avg_pool2d(x, 3, 1, 1) - x) + m.a(y), a=lambda: conv(1)),
    "columns read by a GRU": block(
        lambda x, m: x + m.g(tokens(x))[0].transpose(1, 2).reshape_as(x), g=lambda: nn.GRU(C, C, batch_first=True)
    ),
}
"""Name -> what makes a block that keeps the shape (n, 8, 8, 8)."""


def family(name, seed=0):
    """A classifier (n, 3, 16, 16) -> (n, 5) in evaluation mode, batch norms with something to do."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(BLOCKS[name])
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    return model.eval()
