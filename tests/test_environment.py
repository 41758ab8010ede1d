"""Installing step by step: stamps, failure in words, cancelling and resuming. pip is replaced by a script of the test."""

import os
import sys
import threading
import time

import pytest

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
    assert first.endswith(
        f"install --disable-pip-version-check --no-input torch==2.13.0 -c {checkout}/requirements.txt"
    )
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
