"""What every tool gives its caller to keep: plain values in and out."""

from __future__ import annotations

from collections.abc import Sequence


class Facade:
    """Plain values in and out of one page, displayed by Jupyter. app : with state, foot and box."""

    def __init__(self, app):
        self._app = app
        self.state = app.state

    @property
    def code(self) -> str:
        """The line that brings this view back."""
        return self._app.foot.code_line.text

    @property
    def url(self) -> str:
        """The address that brings this view back in Voila."""
        return self._app.foot.url_line.text

    @property
    def widget(self):
        """The ipywidgets box, to place it in a layout of one's own."""
        return self._app.box

    def _repr_mimebundle_(self, **kwargs):
        return self.widget._repr_mimebundle_(**kwargs)


def checked_parts(hide: Sequence[str], parts: Sequence[str]) -> tuple[str, ...]:
    """The parts to take away. Raises ValueError for one string and for a part there is not."""
    if isinstance(hide, str):
        raise ValueError(f'hide: expected a list of names such as ["{hide}"], got one string.')
    if unknown := sorted(set(hide) - set(parts)):
        raise ValueError(f"hide: no part is called {', '.join(map(repr, unknown))}; choose of {', '.join(parts)}.")
    return tuple(hide)
