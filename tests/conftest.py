"""Shared by all tests: where the repository is, and an end that leaves no server behind."""

import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure():
    # Without this a terminated run would skip the teardown of its fixtures: servers, kernels and browsers would live on.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT
