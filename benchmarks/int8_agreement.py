"""Do the int8 files that onnxruntime runs predict what fake quantization at 8/8 predicts?

Fashion-MNIST demo, all 10,000 test images, every exit; ranges from 250 training images on both sides.
Run: python benchmarks/int8_agreement.py
"""

import tempfile

import _line
import numpy as np
import torch

import eeviz as ee
from eeviz.launch import paths
from eeviz.nn.export.int8 import agreement, export_int8, needs_reduced_range
from eeviz.nn.quantize import quantize


def main() -> None:
    torch.set_num_threads(1)
    network = ee.load_demo("fashion").network()
    test = ee.load_dataset("fashion-mnist", "test")
    with np.load(paths.data() / "supernet" / "compact-fashion" / "calibration.npz", allow_pickle=False) as stored:
        images = stored["images"]
    reduced = needs_reduced_range()
    with tempfile.TemporaryDirectory() as folder:
        export_int8(network, ee.Policy((0.9, 0.9, 0.9)), folder, images, reduce_range=reduced)
        fake = agreement(quantize(network, images, 8, reduce_range=reduced), folder, test.images)
        floats = agreement(network, folder, test.images)
    figures = {
        "worst_exit": fake.worst,
        "exits": np.round(fake.share, 4).tolist(),
        "with_floats": np.round(floats.share, 4).tolist(),
    }
    _line.report("int8 agreement", figures, None, {"worst_exit": 0.99}, images=fake.images, reduce_range=reduced)


if __name__ == "__main__":
    main()
