"""How long does one policy take: `route`, then the figures of the headline and the tables beside it?

Run: python benchmarks/thresholds_route.py [--save]
"""

from _line import report, seconds
from _tables import network_like

from eeviz import Policy, route
from eeviz.core.table.metrics import accuracy_interval, class_flow, saving

BATCH = 50


def main() -> None:
    records = network_like(10_000, 4)
    policy = Policy((0.95, 0.9, 0.85))
    static = records.cost().static

    def routed():
        for _ in range(BATCH):
            route(records, policy)

    def with_metrics():
        for _ in range(BATCH):
            routing = route(records, policy)
            accuracy_interval(records, routing.right)
            saving(routing.mean_cost, static)
            routing.cost_quantile(0.95)
            class_flow(records, routing)

    figures = {
        "route_ms": 1000 * seconds(routed, 15) / BATCH,
        "route_and_metrics_ms": 1000 * seconds(with_metrics, 15) / BATCH,
    }
    report("route and metrics", figures, at_most={"route_and_metrics_ms": 1.0}, samples=10_000, exits=4)


if __name__ == "__main__":
    main()
