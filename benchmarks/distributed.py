"""Do processes joined by sockets answer like one process, and send exactly the bytes their mapping predicts?

Fashion-MNIST demo, first segment on the sensor, second on the gateway, the rest in the cloud; 1,000 test images.
Run: python benchmarks/distributed.py
"""

import tempfile

import _line

import eeviz as ee
from eeviz.core.platform.mapping import Mapping
from eeviz.hardware.distributed import run_distributed
from eeviz.nn.count.describe import describe
from eeviz.nn.export.network import export

SAMPLES = 1000


def main() -> None:
    demo = ee.load_demo("fashion")
    network, records = demo.network(), demo.test.subset(slice(SAMPLES))
    policy = ee.tune(demo.validation, max_drop=0.005)
    mapping = Mapping(ee.Platform.preset("sensor-gateway-cloud"), describe(network), (0, 1, 2, 2), policy)
    x = network.prepare(records.thumbnails)
    with tempfile.TemporaryDirectory() as folder:
        made = export(
            network, policy, folder, mapping=mapping, measure=records.measure, temperature=records.temperature
        )
        run = run_distributed(folder, x.contiguous().numpy())
    alone, figures = network.infer(x, policy, records.measure, records.temperature), mapping.figures(records)
    wire = {link: run.payload[link] - round(figures["traffic"][link] * SAMPLES) for link in run.payload}
    _line.report(
        "distributed",
        {
            "answers_equal": float((run.predicted == alone.predicted).mean()),
            "exits_equal": float((run.exit_of == alone.exit_of).mean()),
            "bytes_off": sum(abs(difference) for difference in wire.values()),
            "onnx_difference": made.difference,
            "seconds": run.seconds,
        },
        {"bytes_off": 0, "onnx_difference": 1e-4},
        {"answers_equal": 1, "exits_equal": 1},
        samples=SAMPLES,
        payload=run.payload,
        crossed=run.crossed,
        header_bytes=run.header,
    )


if __name__ == "__main__":
    main()
