"""`python -m eeviz page`, apart from its arguments."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ...catalogue import demos
from ...core.table.records import ExitRecords
from .page import page


def write_page(arguments, say: Callable[[str], None]) -> int:
    """Write the page that was asked for; returns the exit code."""
    given = arguments.records
    try:
        if given not in demos() and not Path(given).is_file():
            raise ValueError(f"{given}: no such file, and no demo of that name; demos are {', '.join(demos())}.")
        records = given if given in demos() else ExitRecords.load(given)
        report = None if arguments.report is None else ExitRecords.load(arguments.report)
        hide = [part for part in arguments.hide.split(",") if part]
        path = page(records, arguments.out, hide=hide, title=arguments.title, report=report, samples=arguments.samples)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    say(f"{path}: {path.stat().st_size / 1e6:.1f} MB. It opens in any browser, without Python.")
    return 0
