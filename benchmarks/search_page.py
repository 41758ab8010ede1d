"""Does the page stay quick while a search runs, and does Stop stop?

Voila in headless Chromium: the search lab beside the explorer on the demo, in one kernel. Key press on a slider of the
explorer, idle and while two-level searches on one thread, to two answers: headline, picture and sentence, which the page
draws itself, and the explorer's code line, which Python writes after the charts (bar: 95 % of both within 200 ms). Click
on Stop to "Stopped" in the page (bar: at most 1 s, the slowest of STOPS).
The search's evaluations are done in a process of their own, as in the lab as it ships.
Run: python benchmarks/search_page.py [--save]
"""

import os
import shutil
import tempfile
from pathlib import Path

import nbformat
import numpy as np
from _line import report
from playwright.sync_api import sync_playwright

import eeviz
from eeviz.launch import serve

PRESSES, STOPS = 40, 3
NOTEBOOK = """
import eeviz as ee
from ipywidgets import VBox
explorer = ee.explore("fashion")
lab = ee.search_lab("fashion-mnist", store="search.db", evaluations=100_000)
VBox([lab.widget, explorer.widget])
"""

# Milliseconds from a key press until the sentence under the picture, and until the code line, says something else.
PRESS = """() => {
  const code = [...document.querySelectorAll('.ee-copy code')].find((c) => c.textContent.includes('ee.explore('));
  window.answered = new Promise((done) => {
    addEventListener('keydown', () => {
      const start = performance.now();
      const changed = (node) => new Promise((said) => {
        new MutationObserver((_, o) => (o.disconnect(), said(performance.now() - start))).observe(node, {childList: true, characterData: true, subtree: true});
      });
      done(Promise.all([document.querySelector('.ee-summary'), code].map(changed)));
    }, {capture: true, once: true});
  });
}"""

STOP = """async () => {
  const start = performance.now();
  [...document.querySelectorAll('.ee-run button')].find((b) => b.textContent.includes('Stop')).click();
  while (!document.querySelector('.ee-run-words').textContent.startsWith('Stopped')) await new Promise((r) => setTimeout(r, 5));
  return performance.now() - start;
}"""


def presses(page) -> np.ndarray:
    """(PRESSES, 2) ms until the page's and until Python's answer."""
    page.get_by_role("slider", name="Exit 1 share leaving").focus()
    taken = []
    for k in range(PRESSES):
        page.evaluate(PRESS)
        page.keyboard.press("ArrowLeft" if k % 2 else "ArrowRight")
        taken.append(page.evaluate("window.answered"))
        page.wait_for_timeout(250)
    return np.array(taken)


def figures(when: str, taken: np.ndarray) -> dict[str, float]:
    """Median and 95th percentile of both answers."""
    made = {}
    for who, values in zip(("page", "python"), taken.T, strict=True):
        made[f"{who}_{when}_ms"], made[f"{who}_{when}_ms_p95"] = np.quantile(values, (0.5, 0.95)).round(1).tolist()
    return made


def until(page, words: str) -> None:
    page.wait_for_function(
        "(w) => document.querySelector('.ee-run-words').textContent.startsWith(w)", arg=words, timeout=300_000
    )


def main() -> None:
    chromium = os.environ.get("EEVIZ_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    env = {"PYTHONPATH": str(Path(eeviz.__file__).parents[1])}  # the kernel runs elsewhere
    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(NOTEBOOK)])
        nbformat.write(notebook, Path(folder) / "search.ipynb")
        server = serve.voila(Path(folder), port=serve.free_port(), env=env, log=Path(folder) / "voila.log")
        try:
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                page.set_default_timeout(120_000)
                page.goto(server.url("voila/render/search.ipynb"), timeout=300_000)
                page.locator(".ee-run button").first.wait_for(state="attached", timeout=300_000)
                page.get_by_role("slider", name="Exit 1 share leaving").wait_for(timeout=120_000)
                page.wait_for_timeout(3000)
                idle = presses(page)
                page.get_by_role("button", name="Start").click()
                until(page, "Searching")
                page.wait_for_function(
                    "document.querySelector('.ee-run-bars')?.textContent.match(/[1-9][0-9]* of/)", timeout=300_000
                )
                searching = presses(page)
                rate = page.locator(".ee-run-bars").text_content()
                stops = []
                for _ in range(STOPS):
                    stops.append(page.evaluate(STOP))
                    page.get_by_role("button", name="Resume").click()
                    until(page, "Searching")
                    page.wait_for_timeout(1500)
                browser.close()
        finally:
            server.stop()
    report(
        "search page",
        {
            **figures("idle", idle),
            **figures("searching", searching),
            "stop_ms": round(max(stops), 1),
            "progress": rate,
        },
        at_most={"page_searching_ms_p95": 200, "python_searching_ms_p95": 200, "stop_ms": 1000},
        presses=PRESSES,
        stops=STOPS,
    )


if __name__ == "__main__":
    main()
