"""A picture of what thresholds chosen by MACs cost in energy x latency, from the results of energy_latency.py.

Run: python benchmarks/macs_mislead.py [OUT.html]   (default: macs_mislead.html)
"""

import json
import sys
from pathlib import Path

from plotly.subplots import make_subplots

RESULTS = Path(__file__).parent / "results" / "energy_latency.jsonl"
NAMES = {"edge_tpu_like": "edge-TPU-like", "eyeriss_like": "Eyeriss-like", "tpu_like": "TPU-like"}
LOOKS = (("#1b1b1b", "solid"), ("#0072b2", "dash"), ("#9a6a00", "dot"), ("#7b1e4b", "dashdot"))


def main() -> None:
    lines = [json.loads(line) for line in RESULTS.read_text("utf-8").splitlines()]
    lines = [line for line in lines if line["benchmark"] == "energy x latency"]
    networks = list(dict.fromkeys(line["network"] for line in lines))
    figure = make_subplots(
        1, len(NAMES), subplot_titles=list(NAMES.values()), shared_yaxes=True, horizontal_spacing=0.03
    )
    for line in lines:
        at = line["macs_at_drop_pp"]
        color, dash = LOOKS[networks.index(line["network"]) % len(LOOKS)]
        column = list(NAMES).index(line["accelerator"]) + 1
        name = line["network"] if line["network"] == "fashion demo" else f"CIFAR-10, seed {line['network'][1:]}"
        figure.add_scatter(
            x=[float(drop) for drop in at], y=[100 * more for more in at.values()], mode="lines+markers", name=name,
            line={"color": color, "dash": dash}, showlegend=column == 1, row=1, col=column,
        )  # fmt: skip
    figure.update_xaxes(title_text="drop asked for (pp)")
    figure.update_yaxes(title_text="more energy x latency than needed (%)", col=1)
    figure.update_layout(
        template="plotly_white", width=1200, height=440, font_size=14, legend={"orientation": "h", "y": -0.25},
        margin={"l": 70, "r": 20, "t": 40, "b": 110},
    )  # fmt: skip
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "macs_mislead.html")
    figure.write_html(out, include_plotlyjs=True)
    print(out)


if __name__ == "__main__":
    main()
