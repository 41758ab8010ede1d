"""What tools say about missing packages, and the state of the background installation."""

import importlib
import subprocess
import sys

import pytest

from eeviz.launch import packages
from eeviz.launch.packages import InstallState, install_state, require, state_folder, write_state


@pytest.fixture
def locked(tmp_path):
    """A lock held by another process, as by one that installs."""
    state_folder(tmp_path).mkdir()
    code = (
        "import sys; from eeviz.launch.packages import try_lock;"
        "file = open(sys.argv[1], 'a+b'); try_lock(file); print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(state_folder(tmp_path) / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout.readline().strip() == b"held"
    yield tmp_path
    holder.kill()
    holder.wait()


def test_the_state_is_none_before_anything_was_installed(tmp_path):
    assert install_state(tmp_path) == InstallState("none")


def test_a_running_installation_is_told_from_one_that_was_killed(locked):
    write_state(locked, InstallState("running", "PyTorch"))
    assert install_state(locked).state == "running"


def test_an_installation_whose_process_is_gone_was_interrupted(tmp_path):
    write_state(tmp_path, InstallState("running", "PyTorch"))
    assert install_state(tmp_path) == InstallState("stopped", "PyTorch")
    assert "resumes" in str(install_state(tmp_path))


def test_a_damaged_state_is_no_state(tmp_path):
    state_folder(tmp_path).mkdir()
    (state_folder(tmp_path) / "state.json").write_text('{"state": "runn')
    assert install_state(tmp_path).state == "none"


def test_what_is_there_passes():
    require("numpy", "voila", for_="This test")


def test_what_is_missing_is_named_with_the_line_that_installs_it(monkeypatch, root):
    monkeypatch.setattr(packages, "is_installed", lambda name: name not in ("torch", "fvcore", "pymoo"))
    monkeypatch.setattr(packages, "install_state", InstallState)
    with pytest.raises(ImportError) as error:
        require("torch", "fvcore", "pymoo", "numpy", for_="Training")
    assert str(error.value) == (
        "Training needs torch and fvcore and pymoo, not installed here. "
        f'Install them with: python -m pip install -e "{root}[search,train]"'
    )


def test_outside_a_checkout_the_line_names_the_package(monkeypatch):
    monkeypatch.setattr(packages, "checkout", lambda: None)
    assert packages.pip_line(["torch"]) == 'python -m pip install "eeviz[train]"'


def test_a_package_outside_the_extras_is_named_itself():
    assert packages.pip_line(["somepackage"]) == "python -m pip install somepackage"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (InstallState("running", "PyTorch (torch==2.13.0)"), "running in the background, now at PyTorch (torch==2.13.0); reload this page when"),
        (InstallState("stopped", "PyTorch"), "was interrupted"),
        (InstallState("failed", "PyTorch", "No space left on device."), "No space left on device."),
    ],
)
def test_a_missing_package_that_is_on_its_way_is_announced(monkeypatch, state, words):
    monkeypatch.setattr(packages, "is_installed", lambda name: False)
    monkeypatch.setattr(packages, "install_state", lambda: state)
    with pytest.raises(ImportError, match="Training needs torch") as error:
        require("torch", for_="Training")
    assert words in str(error.value)


def test_a_network_without_torch_says_what_to_install(monkeypatch):
    pytest.importorskip("torch")  # the reload below needs the module to have loaded once
    nn = importlib.import_module("eeviz.nn")
    monkeypatch.setattr(packages, "is_installed", lambda name: name != "torch")
    with pytest.raises(ImportError, match=r"Running or training a network needs torch, .*\[train\]"):
        importlib.reload(nn)
