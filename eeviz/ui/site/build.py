"""`python -m eeviz site`: the folder of pages."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

from ...catalogue import demos, load_demo
from ..standalone.page import STYLES, page
from ..standalone.shell import shell
from .search import TITLE, write_search

HEADING = "See what an early-exit neural network does"
WORDS = (
    "An early-exit network has classifiers along its way, so that easy inputs leave early and pay less. Every page here is "
    "one file that runs in your browser: drag a threshold, and thousands of samples are routed anew while you look."
)


def write_site(folder: str | Path, say: Callable[[str], None] = lambda words: None) -> Path:
    """Write index.html, an explorer of every demo and a reader of the shipped search into `folder`, made if need be.

    Files of other names stay. Raises OSError where it cannot be written. Returns the folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cards = []
    for name, line in demos().items():
        say(f"{name}.html")
        demo = load_demo(name)
        page(demo, folder / f"{name}.html")
        cards.append((f"{name}.html", demo.title, line))
    say("search.html")
    reader = write_search(folder)
    cards.append((reader, TITLE, "the front that a search found, every network drawn and open to be explored"))
    (folder / "index.html").write_text(_index(cards), "utf-8")
    return folder


def _index(cards: list[tuple[str, str, str]]) -> str:
    links = "".join(
        f'<li><a class="ee-link" href="{escape(place)}">{escape(title)}</a><p>{escape(line[:1].upper() + line[1:])}.</p></li>'
        for place, title, line in cards
    )
    words = f'<p class="ee-lead">{WORDS}</p><ul class="ee-cards">{links}</ul>'
    return shell(HEADING, words, {}, "", (*STYLES, "site.css"))
