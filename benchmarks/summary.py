"""Writes benchmarks/README.md from benchmarks/results/ and benchmarks/notes/: no figure is typed by hand.

Run: python benchmarks/summary.py [--check]   (--check: exit with 1 where the page is not what the results give)
"""

import ast
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
INTRO = """# Figures

Each script here asks one question and prints one JSON line a result; with `--save` the lines go to `results/`. This page is
written from them by `python benchmarks/summary.py`: every table below names the command that reproduces it, the bar it was
held against and whether it was met. Times are of two virtual cores of the machine named in the lines; accuracies were chosen
on validation and read on test, each reading logged (`results/*readings.json`, `data/*/test_readings.json`).
"""
ABOUT = ("benchmark", "bars", "met", "command", "date", "machine", "versions")
WIDE, MOST = 90, 24  # characters of a cell, rows of a table


def scripts() -> dict[str, str]:
    """Stem of a results file -> first line of its script's docstring, longest stem first."""
    found = {}
    for path in HERE.glob("*.py"):
        if not path.name.startswith("_") and path != Path(__file__):
            found[path.stem] = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n")[0]
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def cell(value) -> str:
    """A value as the cell of a table."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, float):
        text = f"{value:,.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
    elif isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, list):
        text = ", ".join(cell(one) for one in value)
    elif isinstance(value, dict):
        text = "; ".join(f"{name}: {cell(one)}" for name, one in value.items())
    else:
        text = str(value)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= WIDE else text[: WIDE - 1].rstrip(" ,;") + "…"


def table(lines: list[dict]) -> list[str]:
    """Lines of one question: what differs in columns, what does not in a sentence before it."""
    names = list(dict.fromkeys(name for line in lines for name in line if name not in ABOUT))
    alike = [n for n in names if len(lines) > 1 and len({json.dumps(line.get(n)) for line in lines}) == 1]
    columns = [n for n in names if n not in alike]
    bars = list(dict.fromkeys(bar for line in lines for bar in line["bars"]))
    text = [", ".join(f"{n} {cell(lines[0].get(n))}" for n in alike) + ".", ""] if alike else []
    if len(lines) == 1:
        text += ["| what | figure |", "|---|---|", *(f"| {n} | {cell(lines[0][n])} |" for n in columns)]
    else:
        head = [*columns, *(["met"] if bars else [])]
        text += ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for line in lines[:MOST]:
            row = [cell(line.get(n)) for n in columns] + ([cell(line["met"])] if bars else [])
            text.append("| " + " | ".join(row) + " |")
        text += ["", f"{len(lines) - MOST} lines more in `results/`."] if len(lines) > MOST else []
    if bars:
        met = sum(bool(line["met"]) for line in lines if line["bars"])
        held = sum(bool(line["bars"]) for line in lines)
        text += ["", f"Bars: {'; '.join(f'`{bar}`' for bar in bars)}. Met by {met} of {held}."]
    return text


def page() -> str:
    """The whole page."""
    asked, text = scripts(), [INTRO, "## The demo", "", (HERE / "notes" / "demo.md").read_text("utf-8")]
    for path in sorted((HERE / "results").glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        lines = [line for line in lines if "benchmark" in line]
        stem = next((stem for stem in asked if path.stem == stem or path.stem.startswith(f"{stem}_")), None)
        note = HERE / "notes" / f"{path.stem}.md"
        if not lines:
            continue
        text += [f"## {path.stem}", "", asked.get(stem, ""), ""]
        commands = list(dict.fromkeys(line["command"] for line in lines))
        dates = sorted(line["date"][:10] for line in lines)
        text += [f"`{'`, `'.join(commands)}`, {dates[-1]}.", ""]
        for question in dict.fromkeys(line["benchmark"] for line in lines):
            same = [line for line in lines if line["benchmark"] == question]
            text += [f"**{question}**", "", *table(same), ""]
        if note.is_file():
            text += [note.read_text("utf-8").strip(), ""]
    return "\n".join(text).rstrip() + "\n"


if __name__ == "__main__":
    readme = HERE / "README.md"
    if "--check" in sys.argv:
        sys.exit(readme.read_text("utf-8") != page() and "benchmarks/README.md is stale: python benchmarks/summary.py")
    readme.write_text(page(), "utf-8")
