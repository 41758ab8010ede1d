"""Files that people bring: checkpoints of known architectures, platforms. Nothing here runs what a file holds."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from ...catalogue import BASES
from ...core.platform.platform import Platform
from .session import Source
from .settings import UPLOADED, Settings
from .state import AugmentState

ENDINGS = (".safetensors", ".pt", ".pth", ".th", ".bin", ".tar", ".ckpt")
"""Of checkpoints that a file dialog offers; the content decides."""


class Files:
    """Checkpoint and platform as uploaded. source : a Source given in Python, instead of the settings' model."""

    def __init__(self, state: AugmentState, source: Source | None = None):
        self.state, self.given = state, source
        self._folder: tempfile.TemporaryDirectory | None = None
        self._checkpoint: Path | None = None
        self._key = ""
        self._platform: Platform | None = None
        self.architecture, self.dataset, self.standardised = "resnet20", "cifar10", "imagenet"
        self.weights = ""

    def take_checkpoint(self, name: str, data: bytes) -> None:
        """Keep an uploaded checkpoint until Start reads it, whatever its ending."""
        path = Path(Path(name).name)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="eeviz-")
        kept = Path(self._folder.name) / "checkpoint"
        kept.write_bytes(data)
        self._checkpoint, self._key = kept, hashlib.sha256(data).hexdigest()
        self.state.given_model, self.state.given_tables, self.weights = path.name, (), ""

    def take_platform(self, name: str, data: bytes) -> None:
        """Read an uploaded platform. Raises ValueError in words, naming the file."""
        from ...hardware import Platform as Readers  # which reads YAML too

        path = Path(Path(name).name)
        with tempfile.TemporaryDirectory(prefix="eeviz-") as folder:
            kept = Path(folder) / f"platform{path.suffix.lower()}"
            kept.write_bytes(data)
            try:
                self._platform = Readers.load(kept)
            except ValueError as error:
                raise ValueError(str(error).replace(str(kept), path.name)) from error
        self.state.given_platform = self._platform.name or path.name

    def source(self, settings: Settings) -> Source:
        """Where the model of `settings` comes from. Raises ValueError when it was not uploaded yet."""
        if self.given is not None:
            return self.given
        if settings.model != UPLOADED:
            return Source(BASES[settings.model].title, settings.model, lambda: _base(settings.model))
        if self._checkpoint is None:
            raise ValueError("choose a checkpoint file first: “Upload a checkpoint”.")
        checkpoint, name = self._checkpoint, self.state.given_model
        asked = (self.architecture, self.dataset, self.standardised, self.weights)

        def load():
            from ...nn.models.loaded import from_checkpoint
            from ...nn.models.weight_file import SeveralTables

            architecture, dataset, standardised, weights = asked
            try:
                return from_checkpoint(architecture, checkpoint, dataset, standardised, weights)
            except SeveralTables as error:
                self.state.given_tables = error.choices
                raise ValueError(
                    f"{name} holds {len(error.choices)} tables of weights that fit ({', '.join(error.choices)}): choose one "
                    "beside the upload, then Start again."
                ) from error
            except ValueError as error:
                raise ValueError(str(error).replace(str(checkpoint), name)) from error

        return Source(f"{name} ({asked[0]}, {asked[1]})", "\n".join([self._key, *asked]), load)

    def platform_of(self, settings: Settings) -> Platform | None:
        """The uploaded platform where the settings ask for it. Raises ValueError when there is none yet."""
        if settings.platform != UPLOADED:
            return None
        if self._platform is None:
            raise ValueError("choose a platform file first: “Upload a platform”.")
        return self._platform


def _base(name: str):
    from ...nn.models.loaded import load_base

    return load_base(name)
