"""Static networks trained alone, where a demo of the lab's model has them: smaller, and placed on the same platform."""

from __future__ import annotations

from ...catalogue import Demo, StaticNetwork, load_demo
from ...core.platform.placement import fitting
from ...core.platform.platform import Platform
from ...core.solve.tradeoff import Point
from ...core.table.metrics import accuracy_of
from ...launch.packages import is_installed
from .settings import BITS, Settings

DEMOS = ("fashion", "ecg", "cifar10")
"""Models whose demo, of the same name, holds smaller static networks."""


def static_points(settings: Settings, platform: Platform, clocked: bool = False) -> tuple[Point, ...]:
    """Accuracy on all of the demo's validation split, mean cost at the cheapest place, by rising cost; () without any.

    clocked : on this machine they are run, not computed from its rates: as the model beside them was. Networks that the
    platform's memory cannot hold are left out; costs other than MACs need PyTorch.
    """
    if settings.model not in DEMOS or (settings.cost != "macs" and not is_installed("torch")):
        return ()
    try:
        demo = load_demo(settings.model)
        networks = demo.static
    except FileNotFoundError:
        return ()
    points = []
    for network in networks:
        try:
            cost = network.macs if settings.cost == "macs" else _cheapest(demo, network, settings, platform, clocked)
        except ValueError:  # no memory holds it
            continue
        points.append(Point(network.name, accuracy_of(demo.validation, network.right("validation")), cost))
    return tuple(sorted(points, key=lambda point: point.mean_cost))


def _cheapest(demo: Demo, network: StaticNetwork, settings: Settings, platform: Platform, clocked: bool) -> float:
    from ...nn.augment.processors import segments_on
    from ...nn.count.describe import describe
    from ...nn.models.static import static_network

    built, size = static_network(demo.name, network), BITS[settings.numbers]
    segments = segments_on(platform, built, size) if clocked else describe(built, size, size)
    costs = (platform.cost(segments, a)[settings.cost].static for a in fitting(platform, segments))
    return float(min(costs))
