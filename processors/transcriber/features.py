"""From a chunk's bytes to the samples that the engine reads, and how long an encoder input they need."""

import math

import numpy as np
from numpy.typing import NDArray

from processors.transcriber.engine import Samples
from runtime.errors import Invalid
from schemas.options import DecodingOptions
from schemas.sound import SAMPLE_RATE_HZ

WINDOW_S = 30.0
FRAMES_PER_S = 100
LOUDEST = 32768.0


def from_pcm(data: bytes) -> NDArray[np.int16]:
    """s16le mono 16 kHz. Raises Invalid for anything else, or more than a model's window."""
    if not data or len(data) % 2:
        raise Invalid("corrupt_audio", f"a chunk's audio has {len(data)} bytes, which is not 16-bit PCM")
    samples = np.frombuffer(data, dtype="<i2")
    if len(samples) > WINDOW_S * SAMPLE_RATE_HZ:
        raise Invalid(
            "corrupt_audio", f"a chunk's audio is {len(samples) / SAMPLE_RATE_HZ:.1f} s long; the limit is {WINDOW_S:.0f} s"
        )
    return samples


def waveform(samples: Samples) -> NDArray[np.float32]:
    """Samples from -1 to 1. Raises Invalid for a NaN, from which a model would produce garbage without an error."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(LOUDEST)
    if not np.abs(samples).max(initial=0) < LOUDEST:  # false for a NaN, too
        raise Invalid("corrupt_audio", "the audio has samples that are not numbers or out of range")
    return samples.astype(np.float32, copy=False)


def frames(samples: int, options: DecodingOptions) -> int:
    """Length of the encoder's input for so many samples, in frames of 10 ms."""
    if options.encoder_window == "full":
        return int(WINDOW_S * FRAMES_PER_S)
    buckets = math.ceil((samples / SAMPLE_RATE_HZ + options.encoder_margin_s) / options.encoder_bucket_s)
    return int(min(buckets * options.encoder_bucket_s, WINDOW_S) * FRAMES_PER_S)
