"""Dashboards as a person meets them: one Voila and one JupyterLab server, a page on a notebook, and its kernel's state.

A test asks a host (fixtures `voila`, `lab`, or `host` for both) to open a notebook, acts on `dashboard.page` by role and
text inside `dashboard.output`, and reads Python's state with `dashboard.python("explorer.policy.thresholds")`.
"""

import ast
import json
import os
import shutil
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jupyter_client import BlockingKernelClient

from eeviz.launch import serve

LOAD_SECONDS = 90.0  # a cold page with a 5 MB bundle on a busy machine
REPLY_SECONDS = 30.0
CULL_SECONDS = 30  # above the time a slow page takes to connect to its kernel
NEWS = "lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"


def fits(page, widths=(1024, 1440)) -> None:
    """Asserts that nothing of a lab is wider than the window, at each width."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(500)
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), width
        wide = "document.querySelector('.ee-lab').scrollWidth <= document.querySelector('.ee-lab').clientWidth"
        assert page.evaluate(wide), width


@dataclass
class Dashboard:
    """A notebook open in a page. `output` limits locators to what cells show: Lab's page holds their source as well."""

    page: object
    output: object
    connection_file: Path

    def python(self, expression: str):
        """The value of `expression` in the notebook's kernel; anything that JSON can carry (tuples become lists)."""
        client = BlockingKernelClient(connection_file=str(self.connection_file))
        client.load_connection_file()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=REPLY_SECONDS)
            asked = client.execute(
                "", silent=True, store_history=False, user_expressions={"it": f"__import__('json').dumps({expression})"}
            )
            while (reply := client.get_shell_msg(timeout=REPLY_SECONDS))["parent_header"]["msg_id"] != asked:
                pass
        finally:
            client.stop_channels()
        value = reply["content"]["user_expressions"]["it"]
        if value["status"] != "ok":
            raise AssertionError(f"{expression}: {value['ename']}: {value['evalue']}")
        return json.loads(ast.literal_eval(value["data"]["text/plain"]))

    def until(self, expression: str, holds: Callable[[object], bool], seconds: float = 10.0):
        """The value of `expression` once `holds(value)`; fails with the last value after `seconds`."""
        end = time.monotonic() + seconds
        while not holds(value := self.python(expression)):
            assert time.monotonic() < end, f"{expression} is still {value!r}"
            time.sleep(0.02)
        return value


class _Host:
    """A server on a private copy of the notebooks, with Jupyter folders of its own."""

    def __init__(self, folder: Path, root: Path):
        self.folder, self.notebooks = folder, folder / "notebooks"
        shutil.copytree(root / "notebooks", self.notebooks)
        shutil.copytree(root / "tests" / "browser" / "notebooks", self.notebooks / "tests")
        shutil.copy(root / "voila.json", self.notebooks)
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        self.env = {name: str(folder / name.lower()) for name in names}
        self.env["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])

    def stop(self) -> None:
        self.server.stop()

    def said(self) -> str:
        """What the server has written into its log."""
        return (self.folder / "log.txt").read_text("utf-8")


class VoilaHost(_Host):
    """Voila, as `make run` starts it."""

    name = "voila"

    def __init__(self, folder: Path, root: Path):
        super().__init__(folder, root)
        # As in voila.json, only sooner: for pages that could not say that they were left.
        culling = [f"--MappingKernelManager.cull_{what}={CULL_SECONDS}" for what in ("idle_timeout", "interval")]
        options = [f"--Voila.connection_dir_root={folder}", *culling]
        self.server = serve.voila(self.notebooks, serve.free_port(), options, self.env, folder / "log.txt")

    def address(self, notebook: str, **query: str) -> str:
        """The address of the dashboard `notebook`, such as "explorer.ipynb"."""
        path = f"voila/render/{notebook}"
        return self.server.url(path + (f"?{urllib.parse.urlencode(query)}" if query else ""))

    def open(self, page, notebook: str, **query: str) -> Dashboard:
        """Open `notebook` in `page`; returns when its cells have run. `query` goes into the address, as theme="dark"."""
        page.goto(self.address(notebook, **query), timeout=LOAD_SECONDS * 1e3, wait_until="domcontentloaded")
        page.wait_for_selector("#rendered_cells", state="visible", timeout=LOAD_SECONDS * 1e3)  # the spinner is gone
        config = json.loads(page.locator("#jupyter-config-data").text_content())
        kernel = config["kernelId"]
        return Dashboard(page, page.locator("body"), next(self.folder.rglob(f"kernel-{kernel}.json")))


class LabHost(_Host):
    """JupyterLab, as `make lab` starts it, without its pop-up about news."""

    name = "lab"

    def __init__(self, folder: Path, root: Path):
        super().__init__(folder, root)
        settings = Path(self.env["JUPYTER_CONFIG_DIR"]) / NEWS
        settings.parent.mkdir(parents=True)
        settings.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        options = ["--LabApp.expose_app_in_browser=True"]
        self.server = serve.lab(self.notebooks, serve.free_port(), options, self.env, folder / "log.txt")

    def address(self, notebook: str) -> str:
        """The address of `notebook` in a fresh workspace."""
        return self.server.url(f"lab/tree/{notebook}?reset")

    def open(self, page, notebook: str, theme: str = "light") -> Dashboard:
        """Open `notebook` in `page` and run all its cells; returns when they have run. theme: the system's, "light" or "dark"."""
        page.emulate_media(color_scheme=theme)
        page.goto(self.address(notebook), timeout=LOAD_SECONDS * 1e3, wait_until="domcontentloaded")
        page.wait_for_function(
            "document.querySelector('#jp-main-statusbar')?.textContent.includes('| Idle')", timeout=LOAD_SECONDS * 1e3
        )
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        sessions = json.loads(self._request("api/sessions"))
        kernel = next(s["kernel"]["id"] for s in sessions if s["path"] == notebook)
        runtime = Path(self.env["JUPYTER_RUNTIME_DIR"])
        return Dashboard(page, page.locator(".jp-OutputArea"), runtime / f"kernel-{kernel}.json")

    def close_kernels(self) -> None:
        """End every kernel."""
        for session in json.loads(self._request("api/sessions")):
            self._request(f"api/sessions/{session['id']}", "DELETE")

    def _request(self, path: str, method: str = "GET") -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.server.url(path), method=method), timeout=30) as answer:
            return answer.read()
