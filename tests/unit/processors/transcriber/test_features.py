"""Bytes to samples, and how much of the encoder they need."""

import numpy as np
import pytest

from processors.transcriber.features import frames, from_pcm, waveform
from runtime.errors import Invalid
from schemas.options import DecodingOptions


def test_pcm_is_little_endian_16_bit() -> None:
    assert from_pcm(b"\x01\x00\xff\xff\x00\x80").tolist() == [1, -1, -32768]


@pytest.mark.parametrize("data", [b"", b"\x00", bytes(2 * 16_000 * 30 + 2)])
def test_what_cannot_be_a_chunk_is_invalid(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        from_pcm(data)
    assert caught.value.failure.reason == "corrupt_audio"


def test_a_waveform_is_between_minus_one_and_one() -> None:
    assert waveform(np.array([-32768, 0, 16384], dtype=np.int16)).tolist() == [-1, 0, 0.5]


@pytest.mark.parametrize(("seconds", "expected"), [(0.1, 250), (2.0, 250), (2.1, 500), (9.5, 1000), (29.5, 3000), (30.0, 3000)])
def test_fit_has_half_a_second_of_margin_in_steps_of_two_and_a_half(seconds: float, expected: int) -> None:
    assert frames(int(seconds * 16_000), DecodingOptions(encoder_window="fit")) == expected
    assert frames(int(seconds * 16_000), DecodingOptions(encoder_window="full")) == 3000


@pytest.mark.parametrize(
    ("seconds", "margin_s", "bucket_s", "expected"),
    [
        (2.0, 5, 2.5, 750),
        (2.6, 5, 2.5, 1000),
        (2.0, 8, 5, 1000),
        (2.0, 0, 2, 200),
        (2.1, 0, 2, 400),
        (26, 5, 2.5, 3000),
        (1, 0, 30, 3000),
    ],
)
def test_margin_and_steps_are_options(seconds: float, margin_s: float, bucket_s: float, expected: int) -> None:
    options = DecodingOptions(encoder_window="fit", encoder_margin_s=margin_s, encoder_bucket_s=bucket_s)
    assert frames(int(seconds * 16_000), options) == expected
