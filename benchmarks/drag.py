"""How fast does the router follow a drag, and what does the server hear of it?

Voila in headless Chromium on records of 10,000 samples x 4 exits: redraws per second of headline and routing picture in
a drag of 3 s (bar: at least 50), websocket messages during the drag (bar: 0) and once it has come to rest (bar: 1 from
the page). Prints one JSON line. Run: python benchmarks/drag.py
"""

import json
import os
import shutil
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

import eeviz
from eeviz import serve

SAMPLES, EXITS, SECONDS, REPEATS, STEPS = 10_000, 4, 3.0, 3, 60

NOTEBOOK = f"""
import numpy as np
import eeviz as ee
from eeviz.ui.router import Router
rng = np.random.default_rng(0)
label = rng.integers(0, 10, {SAMPLES})
confidence = rng.beta(4, 1, ({SAMPLES}, {EXITS}))
predicted = np.where(rng.random(confidence.shape) < confidence, label[:, None], (label[:, None] + 1) % 10)
cost = ee.Cost(np.arange(1, {EXITS} + 1) * 1e6, np.full({EXITS}, 1e5))
Router(ee.ExitRecords(confidence, predicted, label, {{"macs": cost}}), ee.Policy((0.9,) * {EXITS - 1}))
"""

# A frame counts when the number in the headline or a ribbon has changed in it.
COUNT = """() => {
  window.redraws = []; window.frameTimes = []; window.inputs = 0;
  addEventListener("input", () => window.inputs++, true);
  let changed = false;
  const watch = new MutationObserver(() => (changed = true));
  watch.observe(document.querySelector(".ee-mean .ee-number"), {childList: true, characterData: true, subtree: true});
  watch.observe(document.querySelector("path.ee-right"), {attributes: true, attributeFilter: ["d"]});
  const tick = (now) => {
    window.frameTimes.push(now);
    if (changed) window.redraws.push(now);
    changed = false;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""


def drag(page, slider) -> float:
    """Move the slider's thumb to and fro for SECONDS or a little more; the seconds it took."""
    box = slider.bounding_box()
    y, left, width = box["y"] + box["height"] / 2, box["x"] + 0.05 * box["width"], 0.9 * box["width"]
    thumb = float(slider.input_value()) / 100
    page.mouse.move(box["x"] + thumb * box["width"], y)
    page.mouse.down()
    start, end = time.monotonic(), left
    while time.monotonic() - start < SECONDS:
        end = left + width if end == left else left
        page.mouse.move(end, y, steps=STEPS)  # the steps come from the driver itself, one per frame the page allows
    return time.monotonic() - start


# The page's own limit, whatever the mouse: one input event for every frame the display offers.
FED = """async (seconds) => {
  const slider = document.querySelector("input[type=range]"), start = performance.now();
  window.redraws.length = 0;
  await new Promise((done) => {
    const step = (now) => {
      if (now - start > 1000 * seconds) return done();
      slider.value = 50 + 45 * Math.sin(now / 300);
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  return (1000 * window.redraws.length) / (performance.now() - start);
}"""


def measure(page, traffic) -> dict:
    slider = page.get_by_role("slider", name="Exit 1 share leaving")
    page.wait_for_timeout(500)
    page.evaluate("() => { window.redraws.length = 0; window.frameTimes.length = 0; window.inputs = 0; }")
    traffic.clear()
    seconds = drag(page, slider)
    during = list(traffic)
    redraws, frames, inputs = page.evaluate("[window.redraws, window.frameTimes, window.inputs]")
    page.mouse.up()
    page.wait_for_timeout(1000)
    rest = traffic[len(during) :]
    gaps = sorted(b - a for a, b in pairwise(redraws))
    return {
        "redraws_per_s": len(redraws) / seconds,
        "display_frames_per_s": len(frames) / seconds,
        "input_events_per_s": inputs / seconds,
        "gap_ms_p95": gaps[int(0.95 * len(gaps))],
        "messages_during_drag": sum(kind in ("sent", "received") for kind, _ in during),
        "messages_at_rest": sum(kind == "sent" for kind, _ in rest),
        "bytes_at_rest": sum(size for kind, size in rest if kind == "sent"),
    }


def main() -> None:
    chromium = os.environ.get("EEVIZ_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    env = {"PYTHONPATH": str(Path(eeviz.__file__).parents[1])}  # the kernel runs elsewhere
    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
        nbformat.write(notebook, Path(folder) / "drag.ipynb")
        server = serve.voila(Path(folder), port=serve.free_port(), env=env, log=Path(folder) / "voila.log")
        try:
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                traffic = []
                page.on("websocket", lambda socket: listen(socket, traffic))
                page.goto(server.url("voila/render/drag.ipynb"))
                page.locator("path.ee-right[d]").first.wait_for(state="attached", timeout=60_000)
                page.evaluate(COUNT)
                runs = [measure(page, traffic) for _ in range(REPEATS)]
                fed = min(page.evaluate(FED, SECONDS) for _ in range(REPEATS))
                browser.close()
        finally:
            server.stop()
    worst = {
        "redraws_per_s": round(min(run["redraws_per_s"] for run in runs), 1),
        "redraws_per_s_fed_each_frame": round(fed, 1),
        "display_frames_per_s": round(statistics.median(run["display_frames_per_s"] for run in runs), 1),
        "input_events_per_s": round(statistics.median(run["input_events_per_s"] for run in runs), 1),
        "gap_ms_p95": round(max(run["gap_ms_p95"] for run in runs), 1),
        "messages_during_drag": max(run["messages_during_drag"] for run in runs),
        "messages_at_rest": max(run["messages_at_rest"] for run in runs),
        "bytes_at_rest": max(run["bytes_at_rest"] for run in runs),
    }
    met = worst["redraws_per_s"] >= 50 and worst["messages_during_drag"] == 0 and worst["messages_at_rest"] == 1
    setting = {"samples": SAMPLES, "exits": EXITS, "seconds": SECONDS, "worst_of": REPEATS, "cores": os.cpu_count()}
    print(json.dumps({"benchmark": "drag", **setting, **worst, "bars": [50, 0, 1], "met": met}))


def listen(socket, traffic: list) -> None:
    """Collect (direction, bytes) of every message of the kernel's websocket."""

    def size(payload):
        return len(payload if isinstance(payload, bytes) else payload.encode())

    socket.on("framesent", lambda payload: traffic.append(("sent", size(payload))))
    socket.on("framereceived", lambda payload: traffic.append(("received", size(payload))))


if __name__ == "__main__":
    main()
