"""Starts Voila or JupyterLab on the dashboards as a child process, on this computer only, and ends it cleanly."""

import errno
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

HERE = Path(__file__).parent
HOST = "127.0.0.1"
VOILA_PORT, LAB_PORT = 8866, 8888
START_SECONDS = 90.0  # a cold disk and a busy machine included


class ServeError(RuntimeError):
    """The server did not come up; the message ends with its own last words."""


def free_port(preferred: int = 0, host: str = HOST) -> int:
    """`preferred` if nobody listens there, else any free port. Raises ServeError for a host that is not this computer's."""
    for port in (preferred, 0):
        try:
            return _bind(port, host)
        except OSError as error:
            problem = error
    raise ServeError(f"No port of {host} can be had on this computer: {problem.strerror or problem}.")


def _checked(port: int, host: str) -> int:
    """The port that was asked for by number. Raises ServeError, for another one would be a surprise."""
    if not 0 <= port < 65536:
        raise ServeError(f"Port {port}: choose a number between 1024 and 65535, or leave --port out.")
    try:
        return _bind(port, host)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror or error})"
        raise ServeError(
            f"Port {port} of {host} {why}: leave --port out for a free one, or end the program that has it."
        ) from None


def _bind(port: int, host: str) -> int:
    family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, number) as probe:
        if os.name != "nt":  # a port whose last connection has just closed is free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen()
        return probe.getsockname()[1]


def _with_path(name: str, folder: Path, env: Mapping[str, str] | None) -> dict[str, str]:
    """`env` with `folder` first among the folders of the variable `name`."""
    env = dict(env or {})
    own = env.get(name, os.environ.get(name, ""))
    return env | {name: os.pathsep.join(filter(None, [str(folder), own]))}


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
        host: str = HOST,
    ):
        anywhere = {"0.0.0.0": HOST, "::": "[::1]"}  # no address to go to
        named = anywhere.get(host, f"[{host}]" if ":" in host else host)
        self.root, self.token = f"http://{named}:{port}/", token
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
    host: str = HOST,
) -> Server:
    """Serve the dashboards in `notebooks` with Voila; its settings are in voila.json there or one level up."""
    port = free_port(VOILA_PORT, host) if port is None else _checked(port, host)
    command = [sys.executable, "-m", "eeviz.launch.dashboards", str(notebooks), "--no-browser", f"--port={port}"]
    # With the default of 50 retries Voila moves silently to another port when this one is taken.
    command += [f"--Voila.ip={host}", "--Voila.port_retries=0", "--Voila.log_level=ERROR", *options]
    cwd = notebooks if (notebooks / "voila.json").is_file() else notebooks.parent
    env = _with_path("JUPYTER_PATH", HERE / "share", env)  # the page's template, wherever eeviz runs from
    return Server(command, port, "voila/api/contents/", cwd, env=env, log=log, host=host)


def lab(
    root: Path,
    port: int | None = None,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    host: str = HOST,
) -> Server:
    """Open the folder `root` in JupyterLab. A token guards it, for Lab runs whatever code it is sent."""
    port = free_port(LAB_PORT, host) if port is None else _checked(port, host)
    token = secrets.token_hex(24)
    quiet = "ignore::DeprecationWarning:traitlets.traitlets"  # of Lab's own settings, which nobody here can mend
    command = [
        sys.executable,
        "-W",
        quiet,
        "-m",
        "jupyterlab",
        "--no-browser",
        f"--ServerApp.port={port}",
        f"--ServerApp.ip={host}",
    ]
    command += ["--ServerApp.port_retries=0", "--log-level=ERROR", f"--ServerApp.root_dir={root}", *options]
    # No news, updates or extensions from elsewhere: Lab asks the internet for each, the first time it is opened.
    command += ["--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    command += ["--LabApp.extension_manager=readonly", "--KernelManager.transport_encryption=auto"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # as in a container; who is root has chosen to be
    # Through the environment, for command lines are readable by every user of the computer.
    env = _with_path("JUPYTER_CONFIG_PATH", HERE / "config", env) | {"JUPYTER_TOKEN": token}
    return Server(command, port, "api/status", root, token, env, log, host)
