"""Other recordings made of recordings: joined, disturbed, quieter, faster, over a telephone. The times of the speech stay exact.

Pure: the same input and seed give the same samples.
"""

import io
import wave
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from benchmarks.speech.recordings import RATE_HZ, Part, Recording, Samples, SpeechFile

ROOM_NOISE = 0.0008  # the standard deviation of the noise in the recordings
EDGE_S = 0.1  # of a recording's own surroundings that stay before and after its speech, where the pause is long enough
QUIET = 0.004  # the loudness below which a voice pauses
LONGEST_HUSH_S = 0.12  # the speech detector takes it for no pause; shorter still, and words lose their consonants
TELEPHONE_BAND_HZ = (300, 3_400)
TELEPHONE_RATE_HZ = 8_000


def pauses(count: int, seed: int, shortest_s: float = 0.2, longest_s: float = 8.0) -> list[float]:
    """Lengths of pauses, short ones as often as long ones by ratio; the shortest and the longest are among them."""
    generator = np.random.default_rng(seed)
    lengths = np.exp(generator.uniform(np.log(shortest_s), np.log(longest_s), count))
    lengths[:2] = shortest_s, longest_s
    return [round(float(length), 2) for length in generator.permutation(lengths)]


def join(name: str, recordings: Sequence[Recording], pauses_s: Sequence[float]) -> Recording:
    """One after another, with so much time between the end of speech and the next speech; half a second around all.

    `pauses_s`: one fewer than recordings. Pauses inside a recording stay as they are.
    """
    gaps = [0.5, *pauses_s, 0.5]
    joined: list[Samples] = []
    parts: list[Part] = []
    at = 0
    for number, (recording, before_s, after_s) in enumerate(zip(recordings, gaps[:-1], gaps[1:], strict=True)):
        edges = _edge(before_s) * (2 if number else 1)
        at += _place(joined, _room(_count(before_s) - edges, number))
        begin = _count(recording.parts[0].start) - _edge(before_s)
        assert begin >= 0, "a recording needs silence before its speech"
        end = _count(recording.parts[-1].end) + _edge(after_s)
        parts += [part.moved((at - begin) / RATE_HZ) for part in recording.parts]
        at += _place(joined, recording.samples[begin:end])
    _place(joined, _room(_count(0.5) - _edge(0.5), len(recordings)))
    return Recording(name, recordings[0].language, np.concatenate(joined), tuple(parts))


def _place(joined: list[Samples], samples: Samples) -> int:
    joined.append(samples)
    return len(samples)


def _edge(pause_s: float) -> int:
    return _count(min(EDGE_S, pause_s / 2))


def _count(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def _room(count: int, seed: int) -> Samples:
    return np.random.default_rng(seed).normal(0, ROOM_NOISE, max(count, 0)).astype(np.float32)


def without_pauses(recording: Recording) -> Recording:
    """The speech of a recording of one part without the short pauses between its words: what is quiet for long is cut out."""
    (part,) = recording.parts
    begin, end, edge = _count(part.start), _count(part.end), _count(EDGE_S)
    samples = recording.samples[begin:end]
    step = RATE_HZ // 100
    loudness = [float(np.sqrt(np.mean(samples[at : at + step] ** 2))) for at in range(0, len(samples), step)]
    kept: list[Samples] = []
    quiet_blocks = 0
    for number, level in enumerate(loudness):
        quiet_blocks = quiet_blocks + 1 if level < QUIET else 0
        if quiet_blocks * step <= LONGEST_HUSH_S * RATE_HZ:
            kept.append(samples[number * step : (number + 1) * step])
    before, after = recording.samples[begin - edge : begin], recording.samples[end : end + edge]
    spoken = Part(EDGE_S, EDGE_S + sum(map(len, kept)) / RATE_HZ, part.text)
    return replace(recording, samples=np.concatenate([before, *kept, after]), parts=(spoken,))


def mixed(recording: Recording, sound: Samples, ratio_db: float) -> Recording:
    """With a sound under it, so many decibels below the speech (mean powers; the sound must be as long)."""
    speech = recording.samples
    spoken = np.concatenate([speech[_count(part.start) : _count(part.end)] for part in recording.parts])
    factor = np.sqrt(np.mean(spoken**2) / np.mean(sound**2)) * 10 ** (-ratio_db / 20)
    return recording.with_samples(np.clip(speech + factor * sound[: len(speech)], -1, 1))


def louder(recording: Recording, gain_db: float) -> Recording:
    return recording.with_samples(recording.samples * 10 ** (gain_db / 20))


def faster(recording: Recording, tempo: float) -> Recording:
    """Sooner over, in the same pitch (FFmpeg's `atempo`)."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE_HZ, format="flt", layout="mono", time_base=Fraction(1, RATE_HZ))
    graph.link_nodes(source, graph.add("atempo", f"{tempo:g}"), graph.add("abuffersink")).configure()
    graph.push(_frame(recording.samples, "flt", RATE_HZ))
    graph.push(None)
    pulled: list[Samples] = []
    while True:
        try:
            frame = graph.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        assert isinstance(frame, AudioFrame)
        pulled.append(frame.to_ndarray().reshape(-1).astype(np.float32))
    parts = tuple(part.moved(0, tempo) for part in recording.parts)
    return replace(recording, samples=np.concatenate(pulled), parts=parts)


def as_wav(recording: Recording) -> SpeechFile:
    """16 bit, 16 kHz."""
    return SpeechFile(recording.name, recording.language, pcm_wav(recording.samples), recording.parts)


def pcm_wav(samples: Samples) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(_int16(samples).tobytes())
    return target.getvalue()


def as_telephone(recording: Recording) -> SpeechFile:
    """As a telephone exchange records it: its band only, 8 kHz, µ-law."""
    narrow = _int16(_band(recording.samples))
    target = io.BytesIO()
    with av.open(target, "w", format="wav") as container:
        stream = container.add_stream("pcm_mulaw", rate=TELEPHONE_RATE_HZ, layout="mono")
        # A band limited to less than half of the new rate: every second sample has all of it.
        container.mux(stream.encode(_frame(narrow[:: RATE_HZ // TELEPHONE_RATE_HZ], "s16", TELEPHONE_RATE_HZ)))
        container.mux(stream.encode(None))
    return SpeechFile(recording.name, recording.language, target.getvalue(), recording.parts)


def _band(samples: Samples) -> Samples:
    """Lows fall by 12 dB an octave, as in a handset; highs above half of its rate would fold back."""
    low, high, end = *TELEPHONE_BAND_HZ, TELEPHONE_RATE_HZ / 2
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    spectrum *= hz**2 / np.sqrt(hz**4 + low**4) * np.clip((end - hz) / (end - high), 0, 1)
    return np.fft.irfft(spectrum, n=len(samples)).astype(np.float32)


def _int16(samples: Samples) -> NDArray[np.int16]:
    return np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2")


def _frame(samples: NDArray[np.float32] | NDArray[np.int16], kind: str, rate_hz: int) -> AudioFrame:
    rows: NDArray[Any] = np.ascontiguousarray(samples).reshape(1, -1)
    frame = AudioFrame.from_ndarray(rows, format=kind, layout="mono")
    frame.sample_rate = rate_hz
    frame.pts = 0
    return frame
