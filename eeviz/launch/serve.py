"""Starts Voila or JupyterLab on the dashboards as a child process, on this computer only, and ends it cleanly."""

import os
import secrets
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import processes

HOST = "127.0.0.1"
VOILA_PORT, LAB_PORT = 8866, 8888
START_SECONDS = 90.0  # a cold disk and a busy machine included


class ServeError(RuntimeError):
    """The server did not come up; the message ends with its own last words."""


def free_port(preferred: int = 0) -> int:
    """`preferred` if nobody listens there, else any free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            if os.name != "nt":  # a port whose last connection has just closed is free
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise ServeError("No free port was found on this computer.")


class Server:
    """A running server: `root` (its address with a slash at the end), `token` ("" for none), stop()."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        ready: str,
        cwd: Path,
        token: str = "",
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
    ):
        self.root, self.token = f"http://{HOST}:{port}/", token
        environment = {**os.environ, "JUPYTER_PREFER_ENV_PATH": "1", **(env or {})}
        out = log.open("wb") if log else None
        self.process = processes.start(command, cwd=cwd, env=environment, stdout=out, stderr=out)
        if out:
            out.close()
        try:
            self._wait_until(ready, log)
        except BaseException:
            self.stop()
            raise

    def url(self, path: str) -> str:
        """The address of `path` on this server, token included."""
        return self.root + path + (("&" if "?" in path else "?") + f"token={self.token}" if self.token else "")

    def _wait_until(self, ready: str, log: Path | None) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url(ready), timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        ended = self.process.poll()
        what = f"did not answer within {START_SECONDS:.0f} s" if ended is None else f"ended at once (exit code {ended})"
        words = log.read_text("utf-8", errors="replace")[-2000:] if log else "Its own words are above."
        raise ServeError(f"The server {what}. {words}".strip())

    def wait(self) -> int:
        """Wait until the server ends by itself; its exit code."""
        return self.process.wait()

    def stop(self) -> None:
        """End the server and its kernels."""
        processes.end(self.process)


def voila(
    notebooks: Path,
    port: int | None = None,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Server:
    """Serve the dashboards in `notebooks` with Voila; its settings are in voila.json there or one level up."""
    port = free_port(VOILA_PORT) if port is None else port
    command = [sys.executable, "-m", "voila", str(notebooks), "--no-browser", f"--port={port}", f"--Voila.ip={HOST}"]
    # With the default of 50 retries Voila moves silently to another port when this one is taken.
    command += ["--Voila.port_retries=0", "--Voila.log_level=ERROR", *options]
    cwd = notebooks if (notebooks / "voila.json").is_file() else notebooks.parent
    return Server(command, port, "voila/api/contents/", cwd, env=env, log=log)


def lab(
    root: Path,
    port: int | None = None,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
) -> Server:
    """Open the folder `root` in JupyterLab. A token guards it, for Lab runs whatever code it is sent."""
    port = free_port(LAB_PORT) if port is None else port
    token = secrets.token_hex(24)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.port={port}", f"--ServerApp.ip={HOST}"]
    command += ["--ServerApp.port_retries=0", "--log-level=WARN", f"--ServerApp.root_dir={root}", *options]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container; who is root has chosen to be
    # Through the environment, for command lines are readable by every user of the computer.
    return Server(command, port, "api/status", root, token, {**(env or {}), "JUPYTER_TOKEN": token}, log)
