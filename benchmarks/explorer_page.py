"""How soon does the explorer show its first chart, how soon do its charts follow a key press, and what does it weigh?

Voila in headless Chromium on the demo. Cold page: from the request to the first drawn chart, beside a bare page with one
stock plotly FigureWidget, alternating in the same run (bar: at most 1.3x; at most 6 MB over the websocket). Key press on a
slider to every plotly chart on show redrawn: the front and the open tab (bar: median at most 250 ms; charts in closed tabs
wait until they are opened). Memory of the kernel (bar: 150 MB) and `import eeviz` in a fresh interpreter (bar: 0.5 s).
Run: python benchmarks/explorer_page.py [--save]
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import psutil
from _line import report
from drag import listen
from playwright.sync_api import sync_playwright

import eeviz
from eeviz.launch import serve

LOADS, PRESSES = 3, 30
BARE = "import plotly.graph_objects as go\ngo.FigureWidget(go.Figure(go.Scatter(x=[1, 2, 3], y=[1, 3, 2])))"
OURS = "import os, eeviz as ee\nfrom ipywidgets import HTML, VBox\nexplorer = ee.explore('fashion')\nVBox([explorer.widget, HTML(f'<i id=\"pid\">{os.getpid()}</i>')])"
CHART = ".js-plotly-plot .main-svg .scatterlayer .point"

# Resolves with the milliseconds from the key press until each chart on show has drawn again.
PRESS = """() => {
  const charts = [...document.querySelectorAll('.js-plotly-plot')].filter((c) => c.offsetParent);
  let start;
  addEventListener('keydown', () => (start = performance.now()), {capture: true, once: true});
  window.redrawn = Promise.all(charts.map((c) => new Promise((done) => c.once('plotly_afterplot', done))))
    .then(() => performance.now() - start);
  return charts.length;
}"""


def load(browser, address: str) -> tuple[object, float, int]:
    """A page, the seconds until its first chart, and the bytes over the websocket."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    traffic = []
    page.on("websocket", lambda socket: listen(socket, traffic))
    start = time.perf_counter()
    page.goto(address, timeout=120_000)
    page.locator(CHART).first.wait_for(state="attached", timeout=120_000)
    return page, time.perf_counter() - start, sum(size for _, size in traffic)


def press(page) -> tuple[float, int]:
    """Milliseconds from a key press to every chart redrawn, and how many charts that are."""
    charts = page.evaluate(PRESS)
    page.keyboard.press("ArrowLeft")
    milliseconds = page.evaluate("window.redrawn")
    page.wait_for_timeout(400)
    return milliseconds, charts


def import_seconds() -> float:
    code = "import time; t = time.perf_counter(); import eeviz, sys; print(time.perf_counter() - t); assert not {'torch', 'plotly'} & set(sys.modules)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(5)
    ]
    return statistics.median(times)


def main() -> None:
    chromium = os.environ.get("EEVIZ_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    env = {"PYTHONPATH": str(Path(eeviz.__file__).parents[1])}  # the kernel runs elsewhere
    with tempfile.TemporaryDirectory() as folder:
        for name, code in (("bare", BARE), ("ours", OURS)):
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
            nbformat.write(notebook, Path(folder) / f"{name}.ipynb")
        server = serve.voila(Path(folder), port=serve.free_port(), env=env, log=Path(folder) / "voila.log")
        try:
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                seconds = {"bare": [], "ours": []}
                for _ in range(LOADS):
                    for name, taken in seconds.items():
                        page, once, received = load(browser, server.url(f"voila/render/{name}.ipynb"))
                        taken.append(once)
                        if name == "bare":
                            page.goto("about:blank")
                page.wait_for_timeout(3000)
                memory = psutil.Process(int(page.locator("#pid").text_content())).memory_info().rss / 1e6
                page.get_by_role("tab", name="Accuracy per exit").click()
                page.wait_for_timeout(2000)
                page.get_by_role("slider", name="Exit 1 share leaving").focus()
                presses = [press(page) for _ in range(PRESSES)]
                browser.close()
        finally:
            server.stop()
    bare, ours = (statistics.median(seconds[name]) for name in ("bare", "ours"))
    redraw = statistics.median(milliseconds for milliseconds, _ in presses)
    report(
        "explorer page",
        {
            "first_chart_s": round(ours, 2),
            "bare_page_s": round(bare, 2),
            "ratio": round(ours / bare, 3),
            "websocket_mb": round(received / 1e6, 2),
            "press_to_redrawn_ms": round(redraw, 1),
            "charts_on_show": presses[0][1],
            "kernel_mb": round(memory, 1),
            "import_s": round(import_seconds(), 3),
        },
        at_most={"ratio": 1.3, "websocket_mb": 6, "press_to_redrawn_ms": 250, "kernel_mb": 150, "import_s": 0.5},
        loads=LOADS,
        presses=PRESSES,
    )


if __name__ == "__main__":
    main()
