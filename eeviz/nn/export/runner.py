"""Run an exported early-exit network on samples.npy: python run.py samples.npy. Needs onnxruntime and numpy only."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort


def confidence(logits, measure, temperature):
    z = logits.astype(np.float64) / temperature
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    top = np.partition(p, -2, axis=1)
    entropy = 1 + (p * np.log(np.where(p > 0, p, 1))).sum(axis=1) / np.log(p.shape[1])
    value = {"max_probability": top[:, -1], "margin": top[:, -1] - top[:, -2], "entropy": entropy}[measure]
    return np.clip(value.astype(np.float32), np.float32(0), np.nextafter(np.float32(1), np.float32(0)))


def prepared(x, how):
    """uint8 pictures (N, H, W[, C]) as the model wants them; other values are its inputs as they are."""
    if x.dtype != np.uint8:
        return x.astype(np.float32)
    if how is None:
        sys.exit("This network has a preparation of its own: give prepared float32 inputs.")
    mean, std = (np.float32(how[name]).reshape(-1, 1, 1) for name in ("mean", "std"))
    return (np.moveaxis(x[..., None] if x.ndim == 3 else x, -1, 1) / np.float32(255) - mean) / std


def run(x, folder):
    network = json.loads((folder / "network.json").read_text("utf-8"))
    x = prepared(x, network["preparation"])
    predicted, exit_of, active = np.zeros(len(x), int), np.zeros(len(x), int), np.arange(len(x))
    for step in network["steps"]:
        if not len(x):
            break
        out = ort.InferenceSession(folder / step["file"]).run(None, {"x": x})[0]
        if step["kind"] == "segment":
            x = out
            continue
        leaves = confidence(out, network["measure"], step["temperature"]) >= np.float32(step["threshold"])
        predicted[active[leaves]], exit_of[active[leaves]] = out[leaves].argmax(axis=1), step["exit"]
        x, active = x[~leaves], active[~leaves]
    return predicted, exit_of


if __name__ == "__main__":
    HERE = Path(__file__).resolve().parent
    NAMES = {
        s["exit"]: s["name"] for s in json.loads((HERE / "network.json").read_text("utf-8"))["steps"] if "exit" in s
    }
    for label, leaving in zip(*run(np.load(sys.argv[1], allow_pickle=False), HERE), strict=True):
        print(label, NAMES[leaving])
