"""Style of the charts: one value of theme and projector mode, from which every view takes colours, sizes and layout."""

from __future__ import annotations

from dataclasses import dataclass

from .figures import ink
from .theme import exit_colors, exit_patterns

RIGHT = {"light": "#2f7d4f", "dark": "#7cc99a"}
WRONG = {"light": "#b3261e", "dark": "#f2938c"}


@dataclass(frozen=True)
class Style:
    """theme "light" or "dark"; projector: large type. Fonts, grids and frames come from `figures.template`."""

    theme: str = "light"
    projector: bool = False

    @property
    def size(self) -> int:
        return 19 if self.projector else 13

    @property
    def ink(self) -> str:
        return ink(self.theme)["text"]

    @property
    def soft(self) -> str:
        return ink(self.theme)["quiet"]

    @property
    def paper(self) -> str:
        return ink(self.theme)["page"]

    @property
    def right(self) -> str:
        return RIGHT[self.theme]

    @property
    def wrong(self) -> str:
        return WRONG[self.theme]

    def colors(self, exits: int) -> tuple[str, ...]:
        return exit_colors(exits, self.theme)

    def patterns(self, exits: int) -> tuple[str, ...]:
        return exit_patterns(exits)

    def layout(self, height: int = 380, **more) -> dict:
        """Layout of one chart; heights in CSS pixels grow in projector mode."""
        base = {
            "height": int(height * (1.25 if self.projector else 1)),
            "margin": {"l": 64, "r": 16, "t": 52, "b": 52},
            "dragmode": False,
            "legend": self.legend("top"),
        }
        return {**base, **more}

    def legend(self, side: str) -> dict:
        """A legend in one row at the "top" or "bottom" of the figure; placed by the figure, it cannot push the axes."""
        return {
            "orientation": "h", "traceorder": "normal", "font": {"size": self.size - 1},
            "xref": "container", "x": 0.01, "xanchor": "left",
            "yref": "container", "y": 1 if side == "top" else 0, "yanchor": side,
        }  # fmt: skip


def escape_plotly(name: str) -> str:
    """A name as plotly text: names may hold markup, which plotly would interpret."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def exit_labels(records) -> list[str]:
    """Names of the exits as plotly text."""
    return [escape_plotly(name) for name in records.exits]
