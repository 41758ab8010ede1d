"""The router's page side in a blank page, without a kernel."""

import base64

import numpy as np

from eeviz.core.table.metrics import threshold_for_share
from eeviz.core.table.policy import Policy
from eeviz.core.table.records import Cost, ExitRecords
from eeviz.ui.explorer.router import Router

LOAD = """async (source) => {
  window.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  window.router = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
}"""

MOUNT = """([state, buffers]) => {
  const units = bytes(buffers.units), confidence = new Float32Array(bytes(buffers.confidence));
  window.sent = [];
  window.handle = router.mount(document.getElementById("el"), {
    ...state, confidence, right: new Uint8Array(bytes(buffers.right)),
    units: units.byteLength ? new Float64Array(units) : null,
  }, {onRest: (thresholds) => window.sent.push(thresholds)});
  window.frames_ = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""


def text64(values) -> str:
    return base64.b64encode(bytes(values)).decode()


def load(page) -> None:
    """The router's module as window.router in an empty page."""
    page.set_content("<body>")
    page.evaluate(LOAD, Router._esm)


def mount(page, router) -> None:
    """Show `router` in an empty page; window.sent collects what Python would hear, window.handle is its handle."""
    page.set_content(f'<body data-jp-theme-light="true"><style>{router._css}</style><div id="el">')
    page.evaluate(LOAD, router._esm)
    state = {name: getattr(router, name) for name in ("thresholds", "interval", "hidden", "projector")}
    buffers = {name: text64(getattr(router, f"_{name}")) for name in ("confidence", "right", "units")}
    page.evaluate(MOUNT, [router._spec | state, buffers])


def sent(page) -> list:
    return page.evaluate("window.sent")


def shown_result(page) -> str:
    """The text of the headline."""
    return page.get_by_role("region", name="Result").inner_text()


def demo(samples=500, policy=None, position=None, weight=None, removable=True, **options) -> tuple[ExitRecords, Router]:
    """Records of four exits and a router on them, half of the samples confident enough at every exit."""
    rng = np.random.default_rng(0)
    confidence = rng.random((samples, 4))
    label = rng.integers(0, 5, samples)
    predicted = np.where(rng.random((samples, 4)) < [0.8, 0.85, 0.9, 0.93], label[:, None], (label[:, None] + 1) % 5)
    cost = Cost([1e6, 2e6, 3e6, 4e6], [1e5] * 4)
    records = ExitRecords(
        confidence, predicted, label, {"macs": cost}, position=position, weight=weight, removable=removable
    )
    policy = policy or Policy([threshold_for_share(records, k, 0.5) for k in range(3)])
    return records, Router(records, policy, **options)
