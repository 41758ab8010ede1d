"""The one form of networks on disk: what shipped before it loads, what is newer or of something else is refused in words."""

import json
import shutil

import pytest

torch = pytest.importorskip("torch")

from eeviz.core.space.space import SearchSpace  # noqa: E402
from eeviz.launch import paths  # noqa: E402
from eeviz.nn import network_file  # noqa: E402
from eeviz.nn.build import build  # noqa: E402
from eeviz.nn.supernet.file import load_supernet  # noqa: E402

SPACE = SearchSpace.preset("compact", input=(1, 20, 20), classes=3)


@pytest.fixture
def folder(tmp_path):
    genome = SPACE.smallest()
    network_file.save_network(build(SPACE.decode(genome).plan, 1), SPACE, genome, tmp_path, {"dataset": "stripes"})
    return tmp_path


def document(folder, **changes):
    """Change what the document says, and its own sum with it."""
    path = folder / "architecture.json"
    whole = {k: v for k, v in json.loads(path.read_text("utf-8")).items() if k != "own"} | changes
    path.write_text(json.dumps({**whole, "own": network_file._own(whole)}), "utf-8")


def test_committed_files_load():
    assert network_file.load(paths.data() / "fashion").exits_count == 4
    assert load_supernet(paths.data() / "supernet" / "compact-fashion").space.name == "compact"


def test_a_network_survives_its_file_and_its_older_form(folder):
    network, x = network_file.load(folder), torch.rand(5, 1, 20, 20)
    with torch.inference_mode():
        expected = build(SPACE.decode(SPACE.smallest()).plan, 1).eval()(x)
        assert torch.allclose(network(x), expected, atol=1e-6)
    stored = network_file.read_document(folder)
    assert (stored["format"], stored["version"], stored["dataset"]) == ("eeviz-network", 2, "stripes")
    older = {k: v for k, v in stored.items() if k not in ("sha256", "version", "learned_confidence")} | {"format": 1}
    (folder / "architecture.json").unlink()
    (folder / "space.json").write_text(json.dumps(older), "utf-8")
    with torch.inference_mode():
        assert torch.equal(network_file.load(folder)(x), network(x))
    assert network_file.load_space(folder) == SPACE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 3}, "format version 3, this eeviz reads up to 2: update eeviz"),
        ({"version": "two"}, "format version two"),
        ({"format": "elsewhere"}, "describes no network of eeviz"),
        ({"sha256": "0" * 64}, "not the file that its document was written for"),
        ({"genome": [0]}, "genome: expected"),
        ({"genes": {}}, "holds a supernet, no single network"),
        ({"filler": "x" * (1 << 20)}, "larger than"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(folder, changes, words):
    document(folder, **changes)
    with pytest.raises(ValueError, match=words):
        network_file.load(folder)


def test_a_single_network_is_no_supernet(folder):
    with pytest.raises(ValueError, match="single network, no supernet"):
        load_supernet(folder)


def test_a_copied_half_is_told(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    genome = SPACE.largest()
    network_file.save_network(build(SPACE.decode(genome).plan, 1), SPACE, genome, other)
    shutil.copy(other / "weights.safetensors", folder / "weights.safetensors")
    with pytest.raises(ValueError, match="copy both again"):
        network_file.load(folder)


def test_weights_that_are_not_finite_are_refused(folder):
    stored, weights = network_file.read(folder)
    name = next(name for name, w in weights.items() if w.is_floating_point())
    weights[name][...] = float("nan")
    network_file.write(folder, weights, {k: v for k, v in stored.items() if k not in ("format", "version", "sha256")})
    with pytest.raises(ValueError, match="not finite"):
        network_file.load(folder)


def test_a_document_changed_by_hand_is_told(folder):
    path = folder / "architecture.json"
    path.write_text(path.read_text("utf-8").replace('"mean": 0.', '"mean": 1.'), "utf-8")
    with pytest.raises(ValueError, match="damaged or changed by hand"):
        network_file.load(folder)
