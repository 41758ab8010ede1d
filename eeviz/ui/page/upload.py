"""Files from the browser, in slices: the websocket closes above about 10 MB a message and Python never hears of it."""

from __future__ import annotations

from collections.abc import Callable

import anywidget
from traitlets import Bool, Int, Unicode, validate

from .assets import module, style
from .errors import Status, guarded

SLICE = 1 << 20
"""Bytes a slice may have."""

LIMIT = 512 * SLICE
"""Bytes a file may have unless told otherwise."""


def megabytes(size: int) -> str:
    """A size in bytes in words: '12.5 MB' (10^6 bytes)."""
    return f"{size / 1e6:.1f} MB"


class Incoming:
    """One file on its way: slices in order, within the size announced and the limit. Trusts nothing it is told.

    Raises ValueError in words for a size that is no size, too big a file, and slices out of order or too long.
    """

    def __init__(self, name: object, size: object, limit: int = LIMIT):
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(f"the browser announced a file of size {size!r}: choose the file again.")
        if size == 0:
            raise ValueError(f"{name} is empty.")
        if size > limit:
            raise ValueError(f"{name} is too big: {megabytes(size)}, at most {megabytes(limit)}.")
        self.name, self.size = str(name), size
        self.received = 0
        self._slices: list[bytes] = []

    @property
    def complete(self) -> bool:
        return self.received == self.size

    def add(self, offset: object, data: bytes) -> None:
        """Take the slice that begins at byte `offset`."""
        if offset != self.received or isinstance(offset, bool):
            raise ValueError(f"{self.name}: a slice is missing or came twice; choose the file again.")
        if not 0 < len(data) <= SLICE or self.received + len(data) > self.size:
            raise ValueError(f"{self.name}: more bytes came than were announced; choose the file again.")
        self._slices.append(bytes(data))
        self.received += len(data)

    def take(self) -> bytes:
        """The whole file, once. Raises ValueError while slices are missing."""
        if not self.complete:
            raise ValueError(f"{self.name}: {self.received} of {self.size} bytes came; choose the file again.")
        data, self._slices = b"".join(self._slices), []
        return data


class Upload(anywidget.AnyWidget):
    """“Open my records”: a button and a place to drop a file; checks its size in the page before a byte moves.

    on_file(name, data) is called with the whole file; what it raises appears on `status` and beside the button.
    on_path(path), when given, adds a field for a path on the machine where Python runs.
    limit : bytes; label : text of the button; accept : file name endings such as ".npz".
    """

    _esm = module("upload.js")
    _css = style("status.css", "upload.css")

    label = Unicode("Open my records").tag(sync=True)
    accept = Unicode(".npz").tag(sync=True)
    limit = Int(LIMIT).tag(sync=True)
    paths = Bool(False, help="offer a field for a path").tag(sync=True)

    def __init__(
        self,
        *,
        status: Status | None = None,
        on_file: Callable[[str, bytes], None],
        on_path: Callable[[str], None] | None = None,
        **traits,
    ):
        self.status = status or Status()
        self._on_file, self._on_path = on_file, on_path
        self._incoming: Incoming | None = None
        self._transfer: object = None
        super().__init__(paths=on_path is not None, **traits)
        self.on_msg(guarded(self.status, lambda _, message, buffers: self._hear(message, buffers), "the upload"))

    def __repr__(self) -> str:
        return f"Upload({self.label!r}, at most {megabytes(self.limit)})"

    @validate("limit")
    def _positive(self, proposal):
        if proposal.value <= 0:
            raise ValueError(f"limit: expected a number of bytes above 0, got {proposal.value}.")
        return proposal.value

    def _hear(self, message: object, buffers: list) -> None:
        kind = message.get("kind") if isinstance(message, dict) else None
        if kind == "path" and self._on_path is not None:
            self._path(message.get("path"))
        elif kind == "begin":
            self._begin(message)
        elif kind == "slice" and self._incoming is not None and message.get("transfer") == self._transfer:
            self._slice(message.get("offset"), buffers)
        elif kind == "cancel":
            self._incoming = None

    def _path(self, path: object) -> None:
        self._transfer = "path"
        if isinstance(path, str) and path.strip():
            self._deliver(lambda: self._on_path(path.strip()), "opening the file")

    def _begin(self, message: dict) -> None:
        self._incoming, self._transfer = None, message.get("transfer")
        try:
            self._incoming = Incoming(message.get("name"), message.get("size"), self.limit)
        except ValueError as error:
            self._refuse(error)
        else:
            self._answer("go")

    def _slice(self, offset: object, buffers: list) -> None:
        incoming = self._incoming
        try:
            incoming.add(offset, bytes(buffers[0]) if len(buffers) == 1 else b"")
        except ValueError as error:
            self._incoming = None
            self._refuse(error)
            return
        if not incoming.complete:
            self._answer("go")
            return
        self._incoming = None
        self._deliver(lambda: self._on_file(incoming.name, incoming.take()), f"opening {incoming.name}")

    def _deliver(self, open_it: Callable[[], None], doing: str) -> None:
        failed = []

        def attempt():
            try:
                open_it()
            except Exception as error:
                failed.append(error)
                raise

        guarded(self.status, attempt, doing)()
        self._answer("refused" if failed else "done", self.status.message if failed else "")

    def _refuse(self, error: ValueError) -> None:
        self.status.fail(error)
        self._answer("refused", str(error))

    def _answer(self, kind: str, text: str = "") -> None:
        self.send({"kind": kind, "transfer": self._transfer, "message": text})
