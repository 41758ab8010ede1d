"""The explorer as one file: how large, how soon, how smooth, how exact, and does it ask anybody for anything?

Sizes of a file of 10,000 samples x 4 exits without pictures (bar: 1.5 MB) and of the Fashion-MNIST demo with its pictures
(bar: 3 MB). Headless Chromium, a fresh context each time: from `file://` to a threshold that moves (a key press on a slider
changes the headline; bar: 1.0 s) and the same for the Voila explorer, alternating in the same run (bar: 8 times sooner).
Redraws per second of headline, picture and the chart's point together in a drag of 3 s (bar: 50). Rule and figures in the
page against `ee.route` on 10,000 random tables and policies (bar: no sample elsewhere, figures to 1e-12). Front of 10,000 x 4
on the default grid in the page (bar: 150 ms), with the frames that were drawn meanwhile. Requests outside the page's own
origin (bar: 0; the Voila page's are told beside).

Run: python benchmarks/page.py [--save]
"""

import asyncio
import base64
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import nbformat
import numpy as np
from _line import report
from drag import REPEATS, SECONDS, drag
from playwright.async_api import async_playwright

import eeviz as ee
from eeviz.launch import serve
from eeviz.ui.standalone.bundle import bundle

LOADS, TABLES, BATCH, SOLVES = 5, 10_000, 500, 5
OWN = ("file:", "blob:", "data:", "about:")
SLIDER = 'input[type=range][aria-label$="share leaving"]'

# Presses a key on the first slider as soon as there is one; resolves when the headline has another number.
PRESS = """(selector) => new Promise((done) => {
  const wait = () => {
    const slider = document.querySelector(selector), number = document.querySelector(".ee-mean .ee-number");
    if (!slider || !number?.textContent) return setTimeout(wait, 4);
    const before = number.textContent;
    new MutationObserver(() => number.textContent !== before && done(performance.timeOrigin + performance.now()))
      .observe(number, {childList: true, characterData: true, subtree: true});
    slider.value = Number(slider.value) / 2;
    slider.dispatchEvent(new Event("input", {bubbles: true}));
  };
  wait();
})"""

CASES = """(cases) => cases.map(([spec, thresholds, confidence, right, units]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const table = {...spec, confidence: new Float32Array(bytes(confidence)), right: new Uint8Array(bytes(right)),
                 units: units ? new Float64Array(bytes(units)) : null};
  const exitOf = new Array(table.samples), now = it.figures(table, thresholds);
  it.route(table, thresholds, exitOf);
  return [exitOf, now.accuracy, now.mean, now.worst];
})"""

# Milliseconds of the front in the page's own worker, and the frames drawn meanwhile.
SOLVE = """async ([samples, exits]) => {
  const confidence = Float32Array.from({length: samples * exits}, () => Math.random() ** 0.2 * 0.9999);
  const right = Uint8Array.from({length: samples * exits}, (_, i) => Math.random() < 0.7 + 0.07 * Math.floor(i / samples));
  const terms = [{backbone: [1e6, 2e6, 3e6, 4e6], heads: [1e5, 1e5, 1e5, 1e5]}];
  const table = {samples, exits, positions: [0, 1, 2, 3], removable: true, terms, unit: "MACs", confidence, right, units: null};
  let frames = 0, over = false;
  const tick = () => { frames++; if (!over) requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  const start = performance.now();
  const front = await it.solverOf(window.source).front(table);
  over = true;
  return [performance.now() - start, frames, front.mean.length];
}"""


# A frame counts when the chart's point, the last thing that a redraw moves, is elsewhere than in the frame before.
MOVES = """() => {
  window.redraws = [];
  const point = document.querySelector(".ee-now");
  let before = "";
  window.offered = 0;
  const tick = (now) => {
    window.offered++;
    const here = `${point.getAttribute("cx")} ${point.getAttribute("cy")}`;
    if (here !== before) window.redraws.push(now);
    before = here;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""


def random_records(samples: int, exits: int, seed) -> ee.ExitRecords:
    """Random records of one network; few levels of confidence now and then, so that ties are met."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 10, samples)
    confidence = rng.beta(4, 1, (samples, exits))
    if rng.random() < 0.5:
        confidence = np.rint(10 * confidence) / 10
    predicted = np.where(rng.random(confidence.shape) < confidence, label[:, None], (label[:, None] + 1) % 10)
    position = np.arange(exits)
    if exits > 3 and rng.random() < 0.3:
        position[1] = position[0]
    cost = ee.Cost(np.cumsum(rng.integers(1, 9, exits)) * 1e5, rng.integers(0, 4, exits) * 1e4)
    weight = rng.random(samples) + 0.01 if rng.random() < 0.3 else None
    return ee.ExitRecords(confidence, predicted, label, {"macs": cost}, position=position, weight=weight)


def random_case(seed: int):
    """(records, policy) that fit."""
    rng = np.random.default_rng([1, seed])
    records = random_records(int(rng.integers(1, 200)), int(rng.integers(1, 7)), [2, seed])
    thresholds = []
    for k in range(records.exits_count - 1):
        taken = k > 0 and records.position[k] == records.position[k - 1] and thresholds[-1] is not None
        some = float(rng.choice(records.confidence[:, k]))  # a tie
        thresholds.append(None if taken else [None, 0.0, 1.0, float(rng.random()), some][rng.integers(0, 5)])
    return records, ee.Policy(thresholds)


def text64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes(order="F")).decode()


def as_case(records: ee.ExitRecords, policy: ee.Policy) -> list:
    spec = {"samples": len(records), "exits": records.exits_count, "unit": "MACs"}
    spec["terms"] = [{"backbone": records.cost().backbone.tolist(), "heads": records.cost().heads.tolist()}]
    units = "" if records.weight is None else text64(records.units.astype("f8"))
    return [spec, list(policy.thresholds), text64(records.confidence), text64(records.correct.astype("u1")), units]


async def against_route(browser) -> dict:
    page = await browser.new_page()
    await page.add_script_tag(content=bundle("route.js", "it"))
    elsewhere, largest = 0, 0.0
    for start in range(0, TABLES, BATCH):
        made = [random_case(seed) for seed in range(start, start + BATCH)]
        told = await page.evaluate(CASES, [as_case(*case) for case in made])
        for (records, policy), (exit_of, *figures) in zip(made, told, strict=True):
            routing = ee.route(records, policy)
            elsewhere += int((routing.exit_of != exit_of).sum())
            for mine, its in zip((routing.accuracy, routing.mean_cost, routing.worst_cost), figures, strict=True):
                largest = max(largest, abs(mine - its) / max(abs(mine), 1.0))
    await page.close()
    return {"samples_routed_elsewhere": elsewhere, "largest_relative_difference": largest}


async def solved(browser) -> dict:
    runs = []
    for _ in range(SOLVES):
        page = await browser.new_page()
        await page.add_script_tag(content=bundle("solver_worker.js", "it"))
        await page.evaluate("(text) => { window.source = text; }", bundle("solve.js", "solver"))
        runs.append(await page.evaluate(SOLVE, [10_000, 4]))
        await page.close()
    return {
        "front_ms": round(statistics.median(ms for ms, _, _ in runs), 1),
        "front_ms_worst": round(max(ms for ms, _, _ in runs), 1),
        "frames_meanwhile": min(frames for _, frames, _ in runs),
    }


async def opened(browser, address: str) -> tuple[float, list[str]]:
    """Seconds from asking for the page to a moved threshold, and the addresses of its requests."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page, requests = await context.new_page(), []
    page.on("request", lambda request: requests.append(request.url))
    start = time.time()
    await page.goto(address, wait_until="commit", timeout=120_000)
    end = await page.evaluate(PRESS, SLIDER) / 1000
    await page.wait_for_timeout(1500)
    await context.close()
    return end - start, requests


async def dragged(browser, file: Path) -> tuple[float, float]:
    """The fewest redraws a second of several drags, and the frames that the display offered in that one."""
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.goto(f"file://{file}")
    await page.locator(".ee-walk:enabled").wait_for()  # there is a front
    devtools = await page.context.new_cdp_session(page)
    await page.evaluate(MOVES)
    runs = []
    for _ in range(REPEATS):
        await page.wait_for_timeout(500)
        await page.evaluate("() => { window.redraws.length = window.offered = 0; }")
        seconds = await drag(page, page.get_by_role("slider", name="Exit 1 share leaving"), devtools)
        redraws, offered = await page.evaluate("[window.redraws.length, window.offered]")
        runs.append((redraws / seconds, offered / seconds))
        await page.mouse.up()
    await page.close()
    return min(runs)


async def measured(folder: Path) -> dict:
    plain, fashion = (
        ee.page(random_records(10_000, 4, 0), folder / "plain.html"),
        ee.page("fashion", folder / "fashion.html"),
    )
    cell = nbformat.v4.new_code_cell("import eeviz as ee\nee.explore('fashion')")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "explorer.ipynb")
    chromium = os.environ.get("EEVIZ_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    env = {"PYTHONPATH": str(Path(ee.__file__).parents[1])}  # the kernel runs elsewhere
    server = serve.voila(folder, port=serve.free_port(), env=env, log=folder / "voila.log")
    voila = server.url("voila/render/explorer.ipynb")
    origin = "/".join(voila.split("/")[:3])
    try:
        async with async_playwright() as play:
            browser = await play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            seconds, outside = {"file": [], "voila": []}, {"file": set(), "voila": set()}
            for _ in range(LOADS):
                for name, address in (("file", f"file://{fashion}"), ("voila", voila)):
                    taken, requests = await opened(browser, address)
                    seconds[name].append(taken)
                    outside[name] |= {url for url in requests if not url.startswith((*OWN, origin))}
            file, there = (statistics.median(seconds[name]) for name in ("file", "voila"))
            redraws, offered = await dragged(browser, fashion)
            figures = {
                "plain_mb": round(plain.stat().st_size / 1e6, 3),
                "fashion_mb": round(fashion.stat().st_size / 1e6, 3),
                "file_to_moving_s": round(file, 2),
                "voila_to_moving_s": round(there, 2),
                "times_sooner": round(there / file, 1),
                "redraws_per_s": round(redraws, 1),
                "display_frames_per_s": round(offered, 1),
                "requests_elsewhere": len(outside["file"]),
                "requests_elsewhere_voila": len(outside["voila"]),
                **await solved(browser),
                **await against_route(browser),
            }
            await browser.close()
    finally:
        server.stop()
    return figures


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report(
            "page",
            asyncio.run(measured(Path(folder))),
            at_least={"times_sooner": 8, "redraws_per_s": 50},
            at_most={
                "plain_mb": 1.5,
                "fashion_mb": 3,
                "file_to_moving_s": 1.0,
                "requests_elsewhere": 0,
                "front_ms": 150,
                "samples_routed_elsewhere": 0,
                "largest_relative_difference": 1e-12,
            },
            loads=LOADS,
            tables=TABLES,
            seconds=SECONDS,
            worst_of=REPEATS,
        )


if __name__ == "__main__":
    main()
