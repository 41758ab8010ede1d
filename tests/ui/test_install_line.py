"""The index page's status line follows the installation to its end."""

import time

import pytest

from eeviz.launch.packages import InstallState
from eeviz.ui.page import install_line as module


@pytest.fixture
def states(monkeypatch):
    """The states that install_state() gives one after the other; the last one stays."""
    coming = []
    monkeypatch.setattr(module, "install_state", lambda: coming.pop(0) if len(coming) > 1 else coming[0])
    monkeypatch.setattr(module, "POLL_SECONDS", 0.2)
    return coming


def test_the_line_follows_until_the_end(states):
    states += [InstallState("running", "<b>PyTorch</b>"), InstallState("running", "the rest"), InstallState("done")]
    line = module.install_line()
    assert 'role="status"' in line.value
    assert "Still installing &lt;b&gt;PyTorch&lt;/b&gt;" in line.value
    end = time.monotonic() + 10
    while "Everything that the dashboards need is installed" not in line.value:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_failure_is_shown_as_text(states):
    states.append(InstallState("failed", "PyTorch", "No <space> left."))
    assert "Installing PyTorch failed: No &lt;space&gt; left." in module.install_line().value
