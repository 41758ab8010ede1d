"""README and the page of figures: every block runs as it stands, the page is what the results give."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eeviz as ee


def section(root: Path, title: str) -> str:
    return (root / "README.md").read_text("utf-8").split(f"## {title}")[1].split("\n## ")[0]


def blocks(text: str, language: str = "python") -> list[str]:
    return [part.split("```")[0] for part in text.split(f"```{language}\n")[1:]]


def ran(root: Path, title: str, names: dict) -> dict:
    """The names after the blocks of a section have run."""
    for block in blocks(section(root, title)):
        exec(block, names)  # noqa: S102 - our own text
    return names


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def samples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Made-up signals (n, 1, 32) of three classes, by their frequency."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, count)
    time = np.arange(32) / 32
    signal = np.sin(2 * np.pi * (2 + 3 * label[:, None]) * time + rng.uniform(0, 6, (count, 1)))
    return (signal + 0.3 * rng.standard_normal(signal.shape))[:, None].astype(np.float32), label


@pytest.fixture(scope="module")
def listener():
    """A small trained network on such signals."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = [nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv1d(8, 8, 5, padding=2), nn.ReLU()]
    layers += [nn.Conv1d(8, 8, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(8, 3)]
    model, (x, y) = nn.Sequential(*layers), samples(600, 0)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
        optimizer.step()
    return model.eval()


def test_the_readme_is_short_and_shows_a_picture(root):
    text = (root / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 130
    assert (root / "notebooks" / "images" / "explorer.png").is_file()
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert [link for link in links if not link.startswith("http") and not (root / link).exists()] == []


def test_a_network_of_ones_own(root):
    rng = np.random.default_rng(0)
    label = rng.integers(0, 5, 400)
    logits = rng.standard_normal((400, 3, 5))
    logits[np.arange(400), :, label] += [1.0, 2.0, 3.0]
    names = ran(root, "Your own network", {"logits": logits, "label": label})
    assert np.array_equal(ee.ExitRecords.load("mine.npz").label, label)
    assert names["explorer"].records.split == "validation"
    assert ee.route(names["records"], names["policy"]).mean_cost < names["cost"].static


def test_a_model_you_have(root, listener):
    pytest.importorskip("onnxruntime")
    names = {"model": listener, "x_new": samples(20, 9)[0]}
    for name, (x, y) in {"train": samples(200, 1), "held_out": samples(200, 2)}.items():
        names |= {f"x_{name}": x, f"y_{name}": y}
    ran(root, "A model you have", names)
    assert len(names["answers"].predicted) == 20
    assert Path("out", "run.py").is_file()
    assert json.loads(Path("out", "network.json").read_text("utf-8"))["steps"]


def test_a_search_of_ones_own(root):
    names = ran(root, "A search of your own", {})
    assert names["net"].exits_count >= 1
    assert names["snapshot"].evaluations == 6
    assert Path("a.db").is_file()


def test_notebooks_show_a_platform_that_loads(root):
    cells = json.loads((root / "notebooks" / "augment.ipynb").read_text("utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    pytest.importorskip("yaml")
    Path("mine.yaml").write_text(blocks(text, "yaml")[0])
    assert ee.Platform.load("mine.yaml").processors[0].macs_per_s == 17e6


def test_the_page_of_figures_is_what_the_results_give(root):
    done = subprocess.run(
        [sys.executable, "benchmarks/summary.py", "--check"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
