"""What the state of every tool has: a history, a theme, a size of type; no widgets, so a script may hold one too."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from traitlets import Bool, HasTraits, Unicode

HISTORY = 200
"""Steps that undo goes back at most."""


class History(HasTraits):
    """Undo and redo of the value that `_shown` gives and `_restore` brings back; every change goes under one lock."""

    projector = Bool(False)
    theme = Unicode("light")
    can_undo = Bool(False)
    can_redo = Bool(False)

    def __init__(self, **traits):
        self.lock = threading.RLock()
        self._undo: list[Any] = []
        self._redo: list[Any] = []
        super().__init__(**traits)

    def undo(self) -> None:
        """Back to the value before the last change; nothing when there is none."""
        self._travel(self._undo, self._redo)

    def redo(self) -> None:
        """Forward again after undo."""
        self._travel(self._redo, self._undo)

    def _shown(self) -> Any:
        raise TypeError(f"{type(self).__name__} does not say what undo brings back.")

    def _restore(self, value: Any) -> None:
        raise TypeError(f"{type(self).__name__} does not say how undo brings {value!r} back.")

    def _remember(self) -> None:
        """The value on show is what undo goes back to; call it before a change."""
        self._undo = [*self._undo[1 - HISTORY :], self._shown()]
        self._redo = []

    def _forget(self) -> None:
        self._undo, self._redo = [], []
        self._flags()

    def _travel(self, back: list, forth: list) -> None:
        with self.lock:
            if back:
                here = self._shown()
                with self.hold_trait_notifications():
                    self._restore(back[-1])
                    back.pop()
                    forth.append(here)
                    self._flags()

    def _flags(self) -> None:
        self.can_undo, self.can_redo = bool(self._undo), bool(self._redo)


class LabState(History):
    """Current values of one lab; every value is immutable and replaced whole. BUSY : phases in which its worker is at work."""

    BUSY: ClassVar[frozenset[str]] = frozenset()

    @property
    def busy(self) -> bool:
        """Whether the lab's worker is at work."""
        return self.phase in self.BUSY
