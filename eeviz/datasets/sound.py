"""Sound to features: one-second clips of 16-bit mono wav at 16 kHz to the log-mel spectra that the networks take."""

from __future__ import annotations

import io
import wave
from functools import cache

import numpy as np

from .files import in_words

RATE, WINDOW, STEP, POINTS, BANDS = 16_000, 640, 320, 1024, 40  # 40 ms windows every 20 ms: 49 of them a second
LOW, HIGH, FLOOR = 20.0, 8000.0, 1e-6
MOST = 300 * 2 * RATE  # bytes of the longest recording: the data set's last 95 s


def read_wav(raw: bytes, where: str = "the clip") -> np.ndarray:
    """(16000,) float32 in [-1, 1) of a 16-bit mono wav at 16 kHz, cut or padded with silence to one second.

    Raises ValueError for another format, and for a clip that is empty or breaks off.
    """
    samples = read_recording(raw, where)[:RATE]
    return np.pad(samples, (0, RATE - len(samples)))


def read_recording(raw: bytes, where: str = "the recording") -> np.ndarray:
    """(n,) float32 in [-1, 1) of a 16-bit mono wav at 16 kHz. Raises ValueError as `read_wav` does."""
    with in_words(where, "a wav file"):
        with wave.open(io.BytesIO(raw)) as clip:
            form = (clip.getnchannels(), clip.getsampwidth(), clip.getframerate())
            count = clip.getnframes()
            data = clip.readframes(min(count, MOST))
        if form != (1, 2, RATE):
            raise ValueError(
                f"{where}: expected mono, 16 bits, {RATE} Hz, got {form[0]} channels, {8 * form[1]} bits, {form[2]} Hz."
            )
        if len(data) != 2 * count or not count:
            raise ValueError(f"{where}: {count} samples are promised, {len(data) // 2} are there.")
        return np.frombuffer(data, dtype="<i2").astype(np.float32) / 32768


def log_mel(samples: np.ndarray) -> np.ndarray:
    """(frames, 40, 1) float16: log(mel power + 1e-6) of Hann windows of 40 ms every 20 ms; samples (n,) at 16 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP]  # (frames, WINDOW)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window, POINTS, axis=1)) ** 2  # (frames, POINTS / 2 + 1)
    return np.log(power @ mel_bands().T + FLOOR).astype(np.float16)[..., None]


@cache
def mel_bands() -> np.ndarray:
    """(40, POINTS / 2 + 1) triangular bands, evenly spaced on the mel scale 2595 log10(1 + f / 700) (O'Shaughnessy)."""
    mel = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (LOW, HIGH)), BANDS + 2)
    edge = 700 * (10 ** (mel / 2595) - 1)
    frequency = np.fft.rfftfreq(POINTS, 1 / RATE)
    rising = (frequency - edge[:-2, None]) / np.diff(edge)[:-1, None]
    falling = (edge[2:, None] - frequency) / np.diff(edge)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))
