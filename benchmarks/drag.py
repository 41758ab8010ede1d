"""How fast does the router follow a drag, and what does the server hear of it?

Voila in headless Chromium on records of 10,000 samples x 4 exits: redraws per second of headline and routing picture in
a drag of 3 s (bar: at least 50), websocket messages during the drag (bar: 0) and once it has come to rest (bar: 1 from
the page).

Run: python benchmarks/drag.py [--save]
"""

import asyncio
import math
import os
import shutil
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import nbformat
from _line import report
from playwright.async_api import async_playwright

import eeviz
from eeviz.launch import serve

SAMPLES, EXITS, SECONDS, REPEATS = 10_000, 4, 3.0, 3
REPORTS = 125  # positions a second of an ordinary mouse

NOTEBOOK = f"""
import numpy as np
import eeviz as ee
from eeviz.ui.explorer.router import Router
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


async def drag(page, slider, devtools) -> float:
    """Move the slider's thumb to and fro for SECONDS as a mouse does: REPORTS positions a second, waiting for nobody."""
    box = await slider.bounding_box()
    y, left, width = box["y"] + box["height"] / 2, box["x"] + 0.05 * box["width"], 0.9 * box["width"]
    thumb = float(await slider.input_value()) / 100
    await page.mouse.move(box["x"] + thumb * box["width"], y)
    await page.mouse.down()
    start, sent = time.monotonic(), []
    while (now := time.monotonic() - start) < SECONDS:
        x = left + width * (0.5 + 0.5 * math.sin(3 * now))
        move = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
        sent.append(asyncio.ensure_future(devtools.send("Input.dispatchMouseEvent", move)))
        await asyncio.sleep(max(0.0, len(sent) / REPORTS - (time.monotonic() - start)))
    took = time.monotonic() - start
    await asyncio.gather(*sent)
    return took


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


async def measure(page, traffic, devtools) -> dict:
    slider = page.get_by_role("slider", name="Exit 1 share leaving")
    await page.wait_for_timeout(500)
    await page.evaluate("() => { window.redraws.length = 0; window.frameTimes.length = 0; window.inputs = 0; }")
    traffic.clear()
    seconds = await drag(page, slider, devtools)
    during = list(traffic)
    redraws, frames, inputs = await page.evaluate("[window.redraws, window.frameTimes, window.inputs]")
    await page.mouse.up()
    await page.wait_for_timeout(1000)
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


async def measured() -> dict:
    """The worst of REPEATS drags in one page."""
    chromium = os.environ.get("EEVIZ_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    env = {"PYTHONPATH": str(Path(eeviz.__file__).parents[1])}  # the kernel runs elsewhere
    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
        nbformat.write(notebook, Path(folder) / "drag.ipynb")
        server = serve.voila(Path(folder), port=serve.free_port(), env=env, log=Path(folder) / "voila.log")
        try:
            async with async_playwright() as play:
                browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = await browser.new_page(viewport={"width": 1440, "height": 900})
                devtools = await page.context.new_cdp_session(page)
                traffic = []
                page.on("websocket", lambda socket: listen(socket, traffic))
                await page.goto(server.url("voila/render/drag.ipynb"))
                await page.locator("path.ee-right[d]").first.wait_for(state="attached", timeout=60_000)
                await page.evaluate(COUNT)
                runs = [await measure(page, traffic, devtools) for _ in range(REPEATS)]
                fed = min([await page.evaluate(FED, SECONDS) for _ in range(REPEATS)])
                await browser.close()
        finally:
            server.stop()
    return {
        "redraws_per_s": round(min(run["redraws_per_s"] for run in runs), 1),
        "redraws_per_s_fed_each_frame": round(fed, 1),
        "display_frames_per_s": round(statistics.median(run["display_frames_per_s"] for run in runs), 1),
        "input_events_per_s": round(statistics.median(run["input_events_per_s"] for run in runs), 1),
        "gap_ms_p95": round(max(run["gap_ms_p95"] for run in runs), 1),
        "messages_during_drag": max(run["messages_during_drag"] for run in runs),
        "messages_at_rest": max(run["messages_at_rest"] for run in runs),
        "bytes_at_rest": max(run["bytes_at_rest"] for run in runs),
    }


def main() -> None:
    report(
        "drag",
        asyncio.run(measured()),
        at_least={"redraws_per_s": 50, "messages_at_rest": 1},
        at_most={"messages_during_drag": 0, "messages_at_rest": 1},
        samples=SAMPLES,
        exits=EXITS,
        seconds=SECONDS,
        worst_of=REPEATS,
        reports_per_s=REPORTS,
    )


def listen(socket, traffic: list) -> None:
    """Collect (direction, bytes) of every message of the kernel's websocket."""

    def size(payload):
        return len(payload if isinstance(payload, bytes) else payload.encode())

    socket.on("framesent", lambda payload: traffic.append(("sent", size(payload))))
    socket.on("framereceived", lambda payload: traffic.append(("received", size(payload))))


if __name__ == "__main__":
    main()
