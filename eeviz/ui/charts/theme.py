"""Colours, patterns and dashes of the exits: one per exit, the same in every view and both themes."""

from __future__ import annotations

MAX_COLORS = 12

# Neighbours stay apart under protanopia, deuteranopia and tritanopia (a test measures it) and every colour keeps a
# contrast of at least 3:1 against its page, the limit of WCAG 2.2 for graphics.
EXIT_COLORS = {
    "light": (
        "#0072B2", "#D07000", "#7A1F4F", "#2FA37C", "#4D4D19", "#6A35D4",
        "#D43550", "#661976", "#BD75A5", "#DB57DB", "#5C2097", "#214527",
    ),
    "dark": (
        "#56B4E9", "#E69F00", "#C0508C", "#A6E3C0", "#8A7E42", "#6D57DB",
        "#D6D685", "#C38E83", "#9750A5", "#BAC6DE", "#5783DB", "#297A52",
    ),
}  # fmt: skip

# Both in plotly's spelling (marker.pattern.shape, line.dash); the routing picture draws the same patterns.
EXIT_PATTERNS = ("", "/", ".", "\\", "-", "x", "|", "+")
EXIT_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def exit_colors(exits: int, theme: str = "light") -> tuple[str, ...]:
    """(exits,) hex colours for theme "light" or "dark"; beyond 12 exits colours repeat with another pattern."""
    if theme not in EXIT_COLORS:
        raise ValueError(f"theme {theme!r}: choose one of {', '.join(EXIT_COLORS)}.")
    return tuple(EXIT_COLORS[theme][k % MAX_COLORS] for k in range(exits))


def exit_patterns(exits: int) -> tuple[str, ...]:
    """(exits,) pattern names."""
    return tuple(EXIT_PATTERNS[(k + k // MAX_COLORS) % len(EXIT_PATTERNS)] for k in range(exits))


def exit_dashes(exits: int) -> tuple[str, ...]:
    """(exits,) line dashes."""
    return tuple(EXIT_DASHES[k % len(EXIT_DASHES)] for k in range(exits))
