"""Voila for the dashboards of this checkout: what Voila leaves open on a server that only this computer should reach.

Run as a program, it takes Voila's own options.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import ClassVar

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.routing import Matcher, Rule
from traitlets.config import Config
from voila.app import Voila

INDEX = "voila/render/index.ipynb"
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss: data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""Widgets need inline scripts and blobs; nothing needs another host."""


def is_local(host: str) -> bool:
    """Whether `host`, a name or an address without a port, is this computer itself."""
    if host.strip("[]").rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class _ForeignHost(Matcher):
    """Requests under a name that is not this computer's: a page elsewhere has bent its name to this address."""

    def match(self, request):
        return None if is_local(request.host_name) else {}


class _Refused(web.RequestHandler):
    def prepare(self):
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("This server answers to localhost and 127.0.0.1 only.\n")


class _Shutdown(JupyterHandler):
    """Ends the kernel of a page that is left.

    A leaving page sends no header of its own and has no cookie to show, so Voila's own handler refuses it. What counts
    here instead: the browser says the request comes from this very server, and the kernel's random name is known.
    """

    def check_xsrf_cookie(self):
        return

    @web.authenticated
    async def post(self, kernel_id):
        site = self.request.headers.get("Sec-Fetch-Site", "same-origin")
        origin = self.request.headers.get("Origin")
        own = f"{self.request.protocol}://{self.request.host}"
        if site != "same-origin" or origin not in (None, own):
            raise web.HTTPError(403, "Only a page of this server may end its kernel.")
        if kernel_id in self.kernel_manager:
            await ensure_async(self.kernel_manager.shutdown_kernel(kernel_id, now=True))
        self.set_status(204)
        self.finish()


class Dashboards(Voila):
    """Voila whose address leads to the index, whose pages load nothing from elsewhere, and that tidies up at once."""

    name = "voila"  # its configuration file and its place among Jupyter's settings
    settings_of_connections: ClassVar[dict] = {
        "ws_ping_timeout": 30000,  # ms; tornado shortens the default of 90 s to this, and complains
        "headers": {"Content-Security-Policy": POLICY},
    }

    def initialize(self, argv=None):
        self.update_config(Config({"KernelManager": {"transport_encryption": "auto"}}))
        super().initialize(argv)

    def init_settings(self):
        return super().init_settings() | self.settings_of_connections

    def init_handlers(self):
        own = [
            (self.server_url, web.RedirectHandler, {"url": url_path_join(self.server_url, INDEX), "permanent": False}),
            (url_path_join(self.server_url, r"/voila/api/shutdown/([\w-]+)"), _Shutdown),
        ]
        return own + super().init_handlers()

    def listen(self):
        if is_local(self.ip):
            self.app.default_router.rules.insert(0, Rule(_ForeignHost(), _Refused))
        super().listen()


if __name__ == "__main__":
    sys.exit(Dashboards.launch_instance())
