"""The notebooks: thin, committed without outputs, and they run."""

import time

import nbformat
import pytest
from nbclient import NotebookClient

MAX_BYTES, MAX_CODE_LINES, MAX_SECONDS = 30_000, 30, 60


def pytest_generate_tests(metafunc):
    if "notebook" in metafunc.fixturenames:
        paths = sorted((metafunc.config.rootpath / "notebooks").rglob("*.ipynb"))
        paths = [path for path in paths if ".ipynb_checkpoints" not in path.parts]
        metafunc.parametrize("notebook", paths, ids=lambda path: path.name)


def code_cells(notebook):
    return [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]


def test_is_committed_without_outputs(notebook):
    content = nbformat.read(notebook, as_version=4)
    nbformat.validate(content)
    assert "widgets" not in content.metadata
    assert content.metadata.kernelspec.name == "python3"
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_is_thin(notebook):
    assert notebook.stat().st_size < MAX_BYTES
    lines = sum(len(cell.source.splitlines()) for cell in code_cells(notebook))
    assert lines <= MAX_CODE_LINES


@pytest.mark.notebook
def test_runs(notebook, root, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(root))  # also where eeviz is not installed
    content = nbformat.read(notebook, as_version=4)
    start = time.perf_counter()
    NotebookClient(
        content, timeout=MAX_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(notebook.parent)}}
    ).execute()
    assert time.perf_counter() - start < MAX_SECONDS
