"""Loudness and high-pass, as the slicer uses them: in the decoder process."""

import io

import numpy as np
import pytest

from processors.slicer.audio import DecodeOptions, Samples
from processors.slicer.slicing import Cut, Slicer
from processors.slicer.vad import load_session
from schemas.options import SlicingOptions
from tests.contract.hostile import wav_of
from tests.contract.media import speech
from tests.contract.sandboxed import decoders, open_audio

BOTH = DecodeOptions(600, loudness=True, highpass=True)
LOUD = DecodeOptions(600, loudness=True)
HIGH = DecodeOptions(600, highpass=True)
PEAK = 32_768 * 10 ** (-1.5 / 20)


def prepared(samples: Samples, options: DecodeOptions) -> Samples:
    with open_audio(io.BytesIO(wav_of(samples.tobytes())), options) as audio:
        return np.concatenate(list(audio.blocks()))


def tone(frequency_hz: float, length_s: float = 5.0) -> Samples:
    return (np.sin(np.arange(int(length_s * 16_000)) * 2 * np.pi * frequency_hz / 16_000) * 9000).astype(np.int16)


def level_db(samples: Samples) -> float:
    return float(10 * np.log10((samples.astype(float) ** 2).mean() / 32_768**2 + 1e-12))


def lag(samples: Samples, original: Samples) -> int:
    """By how many samples the one follows the other."""
    size = 2 * len(original)
    spectrum = np.fft.rfft(samples.astype(float), size) * np.conj(np.fft.rfft(original.astype(float), size))
    at = int(np.fft.irfft(spectrum).argmax())
    return at if at < len(original) else at - size


# Around the look-ahead of 3 s and the steps of 0.1 s of FFmpeg's filter; fewer samples than a resampler needs for one
@pytest.mark.parametrize("length", [1, 3, 160, 16_001, 47_999, 48_000, 48_001, 49_601, 323_457])
@pytest.mark.parametrize("options", [BOTH, LOUD, HIGH], ids=["both", "loudness", "highpass"])
def test_no_sample_is_added_lost_or_moved(length: int, options: DecodeOptions) -> None:
    original = np.tile(speech(), 2)[20_000 : 20_000 + length]
    after = prepared(original, options)
    assert len(after) == length
    for start in range(0, length - 16_000, 200_000):
        part = slice(start, start + 100_000)
        assert abs(lag(after[part], original[part])) <= 2


def test_loud_and_quiet_speech_become_equally_loud() -> None:
    quiet, loud = (prepared((speech() * gain).astype(np.int16), LOUD) for gain in (0.02, 1.0))
    assert level_db((speech() * 0.02).astype(np.int16)) < -45
    assert level_db(quiet) == pytest.approx(level_db(loud), abs=1.5)
    assert level_db(quiet) == pytest.approx(-19, abs=3)  # -16 LUFS without the pauses
    assert max(np.abs(quiet).max(), np.abs(loud).max()) <= PEAK * 1.05


def test_a_high_pass_removes_hum_and_keeps_voices() -> None:
    assert level_db(prepared(tone(25), HIGH)) < level_db(tone(25)) - 18
    assert level_db(prepared(tone(400), HIGH)) == pytest.approx(level_db(tone(400)), abs=0.2)


def test_silence_stays_silence() -> None:
    assert not prepared(np.zeros(100_000, np.int16), BOTH).any()


def test_the_chunks_of_a_file_are_cut_from_the_prepared_sound() -> None:
    quiet = (speech() * 0.02).astype(np.int16)
    slicer = Slicer(decoders(), load_session(), 600)
    options = SlicingOptions(loudness=True, highpass=True)
    cuts = [event for event in slicer.slice(io.BytesIO(wav_of(quiet.tobytes())), options) if isinstance(event, Cut)]
    after = prepared(quiet, BOTH)
    for cut in cuts:
        expected = np.concatenate([after[begin:end] for begin, end in cut.chunk.pieces])
        assert np.array_equal(np.frombuffer(cut.pcm, np.int16), expected)
    assert cuts
