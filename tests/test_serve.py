"""Starting and ending the servers: ports, failure in words, Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

from eeviz.launch import serve


def test_the_usual_port_is_taken_if_free_else_another():
    free = serve.free_port()
    assert serve.free_port(free) == free
    with socket.socket() as busy:
        busy.bind((serve.HOST, free))
        busy.listen()
        assert serve.free_port(free) != free


def test_a_server_that_does_not_start_says_why(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('the reason')"]
    with pytest.raises(serve.ServeError, match="the reason"):
        serve.Server(command, serve.free_port(), "", tmp_path, log=tmp_path / "log.txt")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C in another way")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_prints_the_address_serves_and_ends_with_everything_it_started(root, number, tmp_path):
    port = serve.free_port()
    command = [sys.executable, "-m", "eeviz", "run", "--no-browser", "--no-install", "--port", str(port)]
    run = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        line = next(line for line in run.stdout if line.strip())
        address = f"http://127.0.0.1:{port}/voila/render/index.ipynb"
        assert address in line
        with urllib.request.urlopen(address, timeout=90) as page:
            assert "An early-exit network is" in page.read().decode()
        children = psutil.Process(run.pid).children(recursive=True)
        assert len(children) >= 2  # the server and the kernel of the page
        run.send_signal(number)
        assert run.wait(30) == 0
        end = time.monotonic() + 10
        while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children):
            assert time.monotonic() < end, children
            time.sleep(0.05)
    finally:
        run.kill()
