"""No silent callback: whatever a callback raises appears in the page, in words."""

from __future__ import annotations

import functools
import logging
import time
import traceback
from collections.abc import Callable

import anywidget
from traitlets import Unicode, validate

from .assets import module, style

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())

SLOW = 0.5
"""Seconds after which a callback is logged as slow."""

_LEVELS = ("", "info", "error")


class Status(anywidget.AnyWidget):
    """One line of news in the page: information politely, errors as an alert with the traceback folded away.

    Only traits are set, so every method may be called from any thread. Text is never parsed as HTML.
    """

    _esm = module("status.js")
    _css = style("status.css")

    level = Unicode("", help='"" (nothing to say), "info" or "error"').tag(sync=True)
    message = Unicode("", help="one sentence for people").tag(sync=True)
    details = Unicode("", help="traceback, folded until asked for").tag(sync=True)

    @validate("level")
    def _known(self, proposal):
        if proposal.value not in _LEVELS:
            raise ValueError(f"level {proposal.value!r}: choose one of {', '.join(map(repr, _LEVELS))}.")
        return proposal.value

    def info(self, text: str) -> None:
        """Say something that went as wanted."""
        self._say("info", str(text), "")

    def fail(self, exception: BaseException, doing: str = "") -> None:
        """Show an exception; `doing` says in words what was being done ("opening the records").

        A ValueError is written for people and shown as it is; of others the type is named too.
        """
        self._say("error", in_words(exception, doing), "".join(traceback.format_exception(exception)))

    def clear(self) -> None:
        """Nothing to say any more."""
        self._say("", "", "")

    def _say(self, level: str, message: str, details: str) -> None:
        with self.hold_sync():
            self.level, self.message, self.details = level, message, details


def in_words(exception: BaseException, doing: str = "") -> str:
    """One line for people about an exception: its message, with the type unless it is a plain ValueError."""
    text = " ".join(str(exception).split())
    if not isinstance(exception, ValueError) or not text:
        name = type(exception).__name__
        text = f"{name}: {text}" if text else name
    if not doing:
        return text
    return f"{doing[:1].upper()}{doing[1:]} did not work: {text}"


def guarded(status: Status, fn: Callable, doing: str = "") -> Callable:
    """`fn` as a callback that shows what it raises on `status` and logs it, instead of raising.

    For widget callbacks, observers and plotly clicks. Returns fn's result, or None when it raised. The next success
    of the same callback takes its own error away; slow calls are logged with their time.
    """
    shown: list[str] = []

    @functools.wraps(fn)
    def call(*args, **kwargs):
        start = time.perf_counter()
        try:
            result = fn(*args, **kwargs)
        except Exception as error:
            log.exception("callback %s failed", getattr(fn, "__qualname__", fn))
            status.fail(error, doing)
            shown[:] = [status.message]
            return None
        if shown and status.level == "error" and status.message == shown[0]:
            status.clear()
        shown.clear()
        spent = time.perf_counter() - start
        if spent > SLOW:
            log.warning("callback %s took %.2f s", getattr(fn, "__qualname__", fn), spent)
        return result

    return call
