"""Do readers tell of damaged files in words? Thousands of seeded mutations of every format that eeviz reads.

Run: python benchmarks/loaders_fuzz.py [FILES_PER_READER] [--save]   (default: 2,000, together 50,000; about 10 minutes)
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from _line import report

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    given = [word for word in sys.argv[1:] if word.isdigit()]
    env = os.environ | {"EEVIZ_FUZZ": given[0] if given else "2000"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-s", "tests/fuzz"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    lines = [
        json.loads(line.lstrip(".F")) for line in done.stdout.splitlines() if line.lstrip(".F").startswith('{"reader"')
    ]
    for line in lines:
        figures = {"raw_errors": line["raw errors"], "accepted_wrongly": line["accepted wrongly"]}
        report("damaged files", figures, dict.fromkeys(figures, 0), reader=line["reader"], files=line["files"])
    total = {
        "files": sum(line["files"] for line in lines),
        "raw_errors": sum(line["raw errors"] for line in lines),
        "accepted_wrongly": sum(line["accepted wrongly"] for line in lines),
    }
    report("damaged files, all readers", total, {"raw_errors": 0, "accepted_wrongly": 0}, readers=len(lines))
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
