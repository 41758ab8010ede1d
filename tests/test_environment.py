"""Installing step by step: stamps, failure in words, cancelling and resuming. pip is replaced by a script of the test."""

import os
import subprocess
import sys
import threading
import time

import pytest

from eeviz.launch import environment
from eeviz.launch.environment import Environment, InstallError
from eeviz.launch.packages import InstallState, install_state

PIP = """#!/bin/sh
echo "$@" >> {calls}
{body}
"""


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "requirements.txt").write_text("# pins\ntorch==2.13.0\nnumpy==2.4.6\n")
    return root


@pytest.fixture
def make(checkout, tmp_path):
    """make(body): an environment whose Python notes its arguments and runs the shell lines `body`."""
    if os.name == "nt":
        pytest.skip("the stand-in for pip is a shell script")

    def environment(body=""):
        here = Environment(checkout, tmp_path / "venv")
        here.python.parent.mkdir(parents=True, exist_ok=True)
        here.python.write_text(PIP.format(calls=tmp_path / "calls", body=body))
        here.python.chmod(0o755)
        return here

    return environment


def calls(tmp_path):
    return (tmp_path / "calls").read_text().splitlines()


def test_pytorch_is_installed_first_and_alone(make, tmp_path, checkout):
    here, told = make(), []
    here.install_everything(told.append)
    first, second = calls(tmp_path)
    assert f"install --disable-pip-version-check --no-input torch==2.13.0 -c {checkout}/requirements.txt" in first
    assert second.endswith(f"-r {checkout}/requirements.txt")
    assert install_state(here.prefix) == InstallState("done")
    assert "PyTorch (torch==2.13.0)" in told[0]


def test_the_second_time_nothing_runs_until_the_pins_change(make, tmp_path, checkout):
    make().install_everything(print)
    make("exit 1").install_everything(print)
    assert len(calls(tmp_path)) == 2
    with (checkout / "requirements.txt").open("a") as file:
        file.write("scipy==1.17.1\n")
    make().install_everything(print)
    assert len(calls(tmp_path)) == 4


def test_the_explorer_is_installed_with_the_pins(make, tmp_path, checkout):
    here = make()
    here.install_explorer(print)
    assert calls(tmp_path)[0].endswith(f"-e {checkout} -c {checkout}/requirements.txt")
    assert here.is_complete("explorer")
    assert not here.is_complete("everything")
    assert install_state(here.prefix).state == "none"


def test_a_failure_is_said_in_words_and_tried_again(make, tmp_path):
    here = make('echo "ERROR: No matching distribution found for torch==2.13.0"; exit 1')
    with pytest.raises(InstallError, match=r"Installing PyTorch \(torch==2.13.0\) failed: No matching distribution"):
        here.install_everything(print)
    assert install_state(here.prefix).state == "failed"
    again = make()
    again.install_everything(print)
    assert install_state(here.prefix).state == "done"


def test_a_cancelled_installation_ends_its_pip_and_is_resumed(make, tmp_path):
    here = make("exec sleep 60")
    errors = []

    def install():
        try:
            here.install_everything(lambda text: None)
        except InstallError as error:
            errors.append(str(error))

    worker = threading.Thread(target=install)
    worker.start()
    end = time.monotonic() + 20
    while install_state(here.prefix).state != "running" or not (tmp_path / "calls").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    here.cancel()
    worker.join(20)
    assert not worker.is_alive()
    assert errors == ["The installation was cancelled; the next start resumes it."]
    assert install_state(here.prefix).state == "stopped"
    make().install_everything(print)
    assert install_state(here.prefix).state == "done"


def test_what_an_interrupted_pip_left_half_is_installed_again(make):
    here = make()
    packages = here.prefix / "lib" / "python3.11" / "site-packages"
    for name, files in {"whole-1.dist-info": ["METADATA", "RECORD"], "half-1.dist-info": ["METADATA"]}.items():
        (packages / name).mkdir(parents=True)
        for file in files:
            (packages / name / file).touch()
    (here.prefix / "pyvenv.cfg").touch()
    here.install_everything(print)
    assert [path.name for path in packages.iterdir()] == ["whole-1.dist-info"]


def test_a_second_process_waits_for_the_first(make, tmp_path):
    slow, told = make("sleep 3"), []
    first = threading.Thread(target=slow.install_explorer, args=(print,))
    first.start()
    while not (tmp_path / "calls").exists():
        time.sleep(0.02)
    Environment(slow.root, slow.prefix).install_explorer(told.append)
    first.join()
    assert len(calls(tmp_path)) == 1
    assert "waiting for it" in told[0]


@pytest.mark.slow
def test_a_virtual_environment_is_made_and_a_broken_one_made_anew(checkout, tmp_path):
    here = Environment(checkout, tmp_path / "new venv")
    here.make(lambda text: None)
    assert here.python.exists()
    told = []
    here.make(told.append)
    assert told == []
    here.python.unlink()
    here.make(told.append)
    assert "Making the virtual environment" in told[0]
    assert sys.version.split()[0] in told[0]


@pytest.mark.parametrize("card", [True, False])
def test_cuda_is_fetched_for_a_card_only_and_the_size_is_said(make, tmp_path, monkeypatch, card):
    monkeypatch.setattr(environment, "has_nvidia", lambda: card)
    monkeypatch.setattr(sys, "platform", "linux")
    told = []
    make().install_dashboards(told.append)
    assert ("whl/cpu" in calls(tmp_path)[0]) != card
    assert ("about 3 GB" if card else "about 200 MB") in told[0]
    assert "minutes" in told[0]


def test_the_dashboards_get_no_test_tools_and_no_cluster(make, tmp_path, checkout, monkeypatch):
    here = make()
    here.install_dashboards(lambda text: None)
    assert calls(tmp_path)[1].endswith(f"-e {checkout}[train,search,hardware,data] -c {checkout}/requirements.txt")
    assert here.is_complete("dashboards")
    assert not here.is_complete("everything")
    assert install_state(here.prefix).state == "done"
    make().install_everything(lambda text: None)
    (here.folder / "dashboards.stamp").unlink()
    assert here.is_complete("dashboards")  # everything holds them


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "The disk is full"),
        ("WARNING: Retrying: NewConnectionError('Failed to establish a new connection')", "index cannot be reached"),
        ("WARNING: NameResolutionError: Temporary failure in name resolution", "index cannot be reached"),
    ],
)
def test_a_full_disk_and_no_network_are_said_in_one_sentence_with_the_remedy(make, line, words):
    here = make(f'echo "{line}"; exit 1')
    with pytest.raises(InstallError, match=words) as error:
        here.install_explorer(lambda text: None)
    assert "start again" in str(error.value)
    assert len(str(error.value).splitlines()[0]) < 400
    assert not here.is_complete("explorer")
    make().install_explorer(lambda text: None)
    assert here.is_complete("explorer")


def test_the_reason_is_found_where_pip_was_started_by_pip(make):
    here = make("echo '      ERROR: No matching distribution found for hatchling'; echo 'note: not a problem with pip'; exit 1")
    with pytest.raises(InstallError, match="failed: No matching distribution found for hatchling") as error:
        here.install_explorer(lambda text: None)
    assert "works without it" not in str(error.value)


def test_a_disk_that_is_full_for_the_log_too_is_said_in_words(make, monkeypatch):
    here = make()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment, "write_state", full)
    with pytest.raises(InstallError, match="The disk is full"):
        here.install_explorer(lambda text: None)


def test_a_virtual_environment_that_cannot_be_made_leaves_nothing(checkout, tmp_path, monkeypatch):
    here = Environment(checkout, tmp_path / "half")

    def half(command, **_):
        (tmp_path / "half" / "bin").mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess(command, 1, "", "Error: [Errno 28] No space left on device")

    monkeypatch.setattr(here, "_works", lambda: False)
    monkeypatch.setattr(environment.subprocess, "run", half)
    with pytest.raises(InstallError, match="The disk is full"):
        here.make(lambda text: None)
    assert not here.prefix.exists()


def test_status_installs_nothing(root, tmp_path):
    venv = tmp_path / "none"
    command = [sys.executable, "-m", "eeviz", "--venv", str(venv), "status"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0
    assert "Nothing is installed yet" in done.stdout
    assert not venv.exists()


def test_the_makefile_the_package_and_the_installer_agree_on_pythons(root):
    import re
    import tomllib

    (low, high) = environment.PYTHONS
    wanted = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert wanted == f">={low[0]}.{low[1]},<{high[0]}.{high[1] + 1}"
    makefile = (root / "Makefile").read_text("utf-8")
    assert re.search(rf"\({low[0]}, {low[1]}\) <= sys.version_info\[:2\] <= \({high[0]}, {high[1]}\)", makefile)
    assert f"{low[0]}.{low[1]} to {high[0]}.{high[1]}" in makefile
    assert f"{low[0]}.{low[1]} to {high[0]}.{high[1]}" in (root / "eeviz" / "__main__.py").read_text("utf-8")


def test_an_old_python_is_refused_in_one_sentence(root):
    """The check comes before anything that it could not read: the lines above it are as old as Python 3.8's."""
    import ast

    for name in ("__init__.py", "__main__.py"):
        ast.parse((root / "eeviz" / name).read_text("utf-8"), feature_version=(3, 8))
    code = (
        "import sys, runpy; sys.version_info = (3, 9, 1, 'final', 0);"
        "runpy.run_module('eeviz', run_name='__main__', alter_sys=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("eeviz needs Python 3.11 to 3.14")
    assert len(done.stderr.splitlines()) == 1
