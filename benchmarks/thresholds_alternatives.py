"""How long does it take to choose positions, branch designs and thresholds together?

12 positions with 6 designs each, three exits at most: 47,520 choices of three. Run:
python benchmarks/thresholds_alternatives.py [--save]
"""

from math import comb

from _line import peak_megabytes, report, seconds
from _tables import network_like

from eeviz import front

POSITIONS, DESIGNS, SAMPLES = 12, 6, 5000


def main() -> None:
    records = network_like(SAMPLES, POSITIONS + 1, designs=DESIGNS)
    figures = {
        "choices": comb(POSITIONS, 3) * DESIGNS**3,
        "seconds": seconds(lambda: front(records), 1),
        "refined_seconds": seconds(lambda: front(records, refine=True), 1),
        "peak_mb": peak_megabytes(lambda: front(records)),
        "points": len(front(records)),
    }
    report("front over positions and designs", figures, samples=SAMPLES, columns=records.exits_count)


if __name__ == "__main__":
    main()
