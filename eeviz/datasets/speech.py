"""Speech Commands v0.02, twelve classes, as log-mel spectra: the official test archive, split by speaker.

Warden 2018, arXiv:1804.03209; CC BY 4.0. The split is ours, so accuracies do not compare with published ones.
"""

from __future__ import annotations

import io
import re
import tarfile
import wave
from pathlib import Path

import numpy as np

from . import prepared
from .base import Dataset, Remote, absent, fetch, held_out, located, verify

RATE, WINDOW, STEP, POINTS, BANDS = 16_000, 640, 320, 1024, 40  # 40 ms windows every 20 ms: 49 of them a second
LOW, HIGH, FLOOR = 20.0, 8000.0, 1e-6
TEST_SHARE, VALIDATION_SHARE = 0.27, 0.15
FILE = Remote(
    "speech_commands_test_set_v0.02.tar.gz",
    "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_test_set_v0.02.tar.gz",
    "sha256:cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
)
PREPARED = "speech_commands12.npz"
CLASSES = ("_silence_", "_unknown_", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
_SPEAKER = re.compile(r"(?:^|_)([0-9a-f]{8})_nohash_\d+\.wav$")


def load(name: str, split: str, download: bool) -> Dataset:
    """Clips (N, 49, 40, 1) float16; groups: the speaker, and a name of its own for each clip of silence."""
    folder = located(name, [FILE.name])
    found = (
        None
        if folder
        else prepared.table(PREPARED, tuple(f"{k}_{p}" for k in ("x", "y", "spk") for p in ("train", "test")))
    )
    if folder is None and found is None:
        if not download:
            raise absent(f"{name} {split}", name, [FILE])
        folder = fetch(name, name, [FILE])
    if found:
        stored, path = found
        part = "test" if split == "test" else "train"
        x, y, speaker = (stored[f"{key}_{part}"] for key in ("x", "y", "spk"))
        groups = _groups(speaker, f"silence {part}")
        source = f"{path} (prepared)"
    else:
        x, y, groups = read_archive(folder / FILE.name)
        chosen = held_out(groups, TEST_SHARE, "test")
        chosen = chosen if split == "test" else ~chosen
        x, y, groups, source = x[chosen], y[chosen], groups[chosen], str(folder)
    if split != "test":
        validation = held_out(groups, VALIDATION_SHARE, "validation")
        chosen = validation if split == "validation" else ~validation
        x, y, groups = x[chosen], y[chosen], groups[chosen]
    return Dataset(x, y.astype(np.int64), CLASSES, name, split, source, groups)


def _groups(speaker: np.ndarray, prefix: str) -> np.ndarray:
    return np.array([s or f"{prefix} {i}" for i, s in enumerate(map(str, speaker))])


def read_archive(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, 49, 40, 1) float16, labels (N,) and groups (N,) of every clip, by folder and file name.

    Raises ValueError naming the file when it is damaged or not the official one.
    """
    verify(path, FILE.known_hash)
    clips: list[tuple[str, int, str, np.ndarray]] = []
    try:
        with tarfile.open(path) as tar:
            for member in tar:
                parts = Path(member.name).parts
                if not member.isfile() or len(parts) < 2 or parts[-2] not in CLASSES or not parts[-1].endswith(".wav"):
                    continue
                speaker = _SPEAKER.search(parts[-1])
                group = speaker.group(1) if speaker else f"{parts[-2]} {parts[-1]}"
                samples = read_wav(tar.extractfile(member).read(), f"{path}: {member.name}")
                clips.append((member.name, CLASSES.index(parts[-2]), group, log_mel(samples)))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a complete archive ({error}); remove it and get it again.") from error
    if not clips:
        raise ValueError(f"{path}: holds no clip of the twelve classes.")
    clips.sort(key=lambda clip: clip[0])
    features = np.stack([clip[3] for clip in clips])
    return features, np.array([clip[1] for clip in clips]), np.array([clip[2] for clip in clips])


def read_wav(raw: bytes, where: str = "the clip") -> np.ndarray:
    """(16000,) float32 in [-1, 1) of a 16-bit mono wav at 16 kHz, cut or padded with silence to one second.

    Raises ValueError for another format.
    """
    try:
        with wave.open(io.BytesIO(raw)) as clip:
            form = (clip.getnchannels(), clip.getsampwidth(), clip.getframerate())
            data = clip.readframes(RATE)
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{where}: not a wav file ({error}).") from error
    if form != (1, 2, RATE):
        raise ValueError(
            f"{where}: expected mono, 16 bits, {RATE} Hz, got {form[0]} channels, {8 * form[1]} bits, {form[2]} Hz."
        )
    samples = np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768
    return np.pad(samples, (0, RATE - len(samples)))


def log_mel(samples: np.ndarray) -> np.ndarray:
    """(frames, 40, 1) float16: log(mel power + 1e-6) of Hann windows of 40 ms every 20 ms; samples (n,) at 16 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP]  # (frames, WINDOW)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window, POINTS, axis=1)) ** 2  # (frames, POINTS / 2 + 1)
    return np.log(power @ mel_bands().T + FLOOR).astype(np.float16)[..., None]


def mel_bands() -> np.ndarray:
    """(40, POINTS / 2 + 1) triangular bands, evenly spaced on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy)."""
    mel = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (LOW, HIGH)), BANDS + 2)
    edge = 700 * (10 ** (mel / 2595) - 1)
    frequency = np.fft.rfftfreq(POINTS, 1 / RATE)
    rising = (frequency - edge[:-2, None]) / np.diff(edge)[:-1, None]
    falling = (edge[2:, None] - frequency) / np.diff(edge)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))
