"""What a decoder owes the slicer: every clip whole, every hostile file a typed refusal, and memory that stays level."""

import io
import json
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest

from processors.slicer.audio import BLOCK_SAMPLES, DecodeOptions, Decoder, MediaFile, Samples
from processors.slicer.decode import open_audio
from processors.slicer.media_info import MediaInfo
from runtime.errors import Invalid, Retry
from tests.contract import sandboxed
from tests.contract.media import Sound, media, speech

AUDIO = Path(__file__).parents[2] / "examples" / "audio"
CLIPS = json.loads((AUDIO / "manifest.json").read_text())
REASONS = {"empty", "unsupported", "no_audio", "corrupt", "too_long"}
TONE = (np.sin(np.arange(16_000) / 10) * 9000).astype("<i2")


def decoded(data: bytes | MediaFile, max_audio_s: float = 600, decoder: Decoder = open_audio) -> tuple[Samples, MediaInfo]:
    with decoder(io.BytesIO(data) if isinstance(data, bytes) else data, DecodeOptions(max_audio_s)) as audio:
        blocks = list(audio.blocks())
        return np.concatenate(blocks), audio.info


def reason(data: bytes, decoder: Decoder = open_audio) -> str:
    with pytest.raises(Invalid) as refused:
        decoded(data, decoder=decoder)
    return refused.value.failure.reason


def wav(
    samples: bytes, *, rate: int = 16_000, channels: int = 1, length: int | None = None, kind: tuple[int, int] = (1, 16)
) -> bytes:
    """`length`: as declared in the header; `kind`: format tag and bits."""
    tag, bits = kind
    length = len(samples) if length is None else length
    frame = channels * bits // 8
    fmt = struct.pack("<IHHIIHH", 16, tag, channels, rate, rate * frame & 0xFFFFFFFF, frame & 0xFFFF, bits)
    return b"RIFF" + struct.pack("<I", 36 + length) + b"WAVEfmt " + fmt + b"data" + struct.pack("<I", length) + samples


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip["file"])
def test_every_clip_decodes_to_its_duration(clip: dict[str, object]) -> None:
    samples, info = decoded((AUDIO / str(clip["file"])).read_bytes())
    assert len(samples) / 16_000 == pytest.approx(clip["duration_s"], abs=0.1)
    assert info.duration_s == len(samples) / 16_000
    assert info.declared_duration_s == pytest.approx(info.duration_s, abs=0.1)
    assert info.warnings == ()


def test_samples_come_in_blocks_of_one_size_and_are_those_of_the_file() -> None:
    data = np.tile(TONE, 5)
    with open_audio(io.BytesIO(wav(data.tobytes())), DecodeOptions(600)) as audio:
        blocks = list(audio.blocks())
    assert {len(block) for block in blocks[:-1]} == {BLOCK_SAMPLES}
    assert np.concatenate(blocks).tolist() == data.tolist()


def zip_of(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


HOSTILE = {
    "nothing": (b"", "empty"),
    "one byte": (b"\0", "unsupported"),
    "text": (b"Dear Sir or Madam,\n" * 40, "unsupported"),
    "a list of other files": (b"ffconcat version 1.0\nfile 'secret.wav'\n", "unsupported"),
    "a session description": (
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        "unsupported",
    ),
    "a playlist": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", "unsupported"),
    "a playlist of local files": (b"#EXTM3U\n#EXTINF:9,\nsecret.wav\n#EXT-X-ENDLIST\n", "unsupported"),
    "a DASH manifest": (b'<?xml version="1.0"?><MPD><Period><BaseURL>secret.wav</BaseURL></Period></MPD>', "unsupported"),
    "a zip archive": (zip_of("secret.wav", TONE.tobytes()), "unsupported"),
    "an image": (b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 1, 1, 8, 0, 0, 0, 0) + b"\0" * 90, "unsupported"),
    "a header without samples": (wav(b""), "no_audio"),
    "1 Hz": (wav(TONE.tobytes(), rate=1), "corrupt"),
    "2 GHz": (wav(TONE.tobytes(), rate=2**31 - 1), "corrupt"),
    "3,999 Hz": (wav(TONE.tobytes(), rate=3_999), "corrupt"),
    "768,001 Hz": (wav(TONE.tobytes(), rate=768_001), "corrupt"),
    "0 Hz": (wav(TONE.tobytes(), rate=0), "corrupt"),
    "33 channels": (wav(bytes(66 * 1000), channels=33), "corrupt"),
    "65,535 channels": (wav(TONE.tobytes(), channels=65_535), "corrupt"),
    "255 channels": (wav(TONE.tobytes(), channels=255), "corrupt"),
    "0 channels": (wav(TONE.tobytes(), channels=0), "corrupt"),
    "a film without its index": ((AUDIO / "en-video.mp4").read_bytes()[:20_000], "corrupt"),
}


@pytest.mark.parametrize("decoder", [open_audio, sandboxed.open_audio], ids=["in process", "sandboxed"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_without_a_single_sample_is_refused_with_a_reason(name: str, decoder: Decoder, tmp_path: Path) -> None:
    data, expected = HOSTILE[name]
    (tmp_path / "secret.wav").write_bytes(wav(TONE.tobytes()))
    with chdir(tmp_path):
        assert reason(data, decoder) == expected


@pytest.mark.parametrize("seed", range(8))
def test_random_bytes_are_refused(seed: int) -> None:
    assert reason(random.Random(seed).randbytes(300_000)) in {"unsupported", "no_audio", "corrupt"}


def test_the_decoded_length_is_limited_and_the_declared_one_is_not_trusted() -> None:
    with pytest.raises(Invalid) as refused:
        decoded(wav(np.tile(TONE, 3).tobytes()), max_audio_s=2)
    assert refused.value.failure.reason == "too_long"
    assert len(decoded(wav(TONE.tobytes(), length=2**31), max_audio_s=2)[0]) == len(TONE)


@pytest.mark.parametrize("channels", [2, 3, 5, 8, 32])
def test_any_number_of_channels_becomes_one(channels: int) -> None:
    samples, info = decoded(wav(np.repeat(TONE, channels).tobytes(), channels=channels))
    assert len(samples) == len(TONE)
    assert info.channels == channels
    assert np.abs(samples).max() > 1000


@pytest.mark.parametrize("rate", [4_000, 8_000, 44_100, 192_000])
def test_any_rate_becomes_16_khz(rate: int) -> None:
    samples, info = decoded(wav(np.resize(TONE, rate).tobytes(), rate=rate))
    assert len(samples) == pytest.approx(16_000, abs=32)
    assert info.sample_rate_hz == rate


def test_dolby_digital_in_a_wav_file_that_calls_it_pcm_is_recognised() -> None:
    dolby = media("ac3", Sound(speech(), "ac3", 48_000))
    samples, info = decoded(wav(dolby[: len(dolby) // 4 * 4], rate=48_000, channels=2))
    assert info.codec == "ac3"
    assert len(samples) / 16_000 == pytest.approx(16.0, abs=0.2)


@pytest.mark.parametrize("decoder", [open_audio, sandboxed.open_audio], ids=["in process", "sandboxed"])
@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_numbers_that_are_none_do_no_harm(kind: str, decoder: Decoder) -> None:
    odd = np.array([np.nan, np.inf, -np.inf, 1e38, 0.5] * 4000, kind)
    assert len(decoded(wav(odd.tobytes(), kind=(3, 8 * odd.itemsize)), decoder=decoder)[0]) == len(odd)


@pytest.mark.parametrize("clip", ["en-command.wav", "en-numbers.flac", "pt-meeting-mp3.mp3", "en-meeting-opus.ogg"])
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_truncated_file_keeps_what_can_be_decoded(clip: str, tenths: int) -> None:
    data = (AUDIO / clip).read_bytes()
    whole, _ = decoded(data)
    part, info = decoded(data[: len(data) * tenths // 10])
    assert len(part) / len(whole) == pytest.approx(tenths / 10, abs=0.1)
    if not clip.endswith(("ogg", "mp3")) or (clip.endswith("mp3") and tenths < 9):  # Ogg declares no length
        assert info.warnings[0].code == "truncated"


@pytest.mark.parametrize("clip", ["en-command.wav", "en-video.mp4", "pt-aac.m4a", "pt-meeting-mp3.mp3", "pt-parallel.flac"])
def test_flipped_bits_never_do_worse_than_a_typed_refusal(clip: str) -> None:
    original = (AUDIO / clip).read_bytes()
    for seed in range(12):
        chance, data = random.Random(seed), bytearray(original)
        for _ in range(20 if seed % 2 else 200):
            data[chance.randrange(600 if seed % 3 == 0 else len(data))] ^= 1 << chance.randrange(8)
        try:
            decoded(bytes(data))
        except Invalid as refused:
            assert refused.failure.reason in REASONS  # noqa: PT017  either outcome is right


class FailingFile(io.BytesIO):
    """Its store goes away after some bytes."""

    def __init__(self, data: bytes, good_bytes: int) -> None:
        super().__init__(data)
        self._good_bytes = good_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= self._good_bytes:
            raise Retry("the store is away")
        return super().read(size)


@pytest.mark.parametrize("good_bytes", [0, 1, 40_000])
@pytest.mark.parametrize("kind", ["wav", "mp4"])
def test_an_error_of_the_store_is_not_mistaken_for_a_damaged_file(good_bytes: int, kind: str) -> None:
    data = wav(np.tile(TONE, 60).tobytes()) if kind == "wav" else (AUDIO / "en-video.mp4").read_bytes()
    with pytest.raises(Retry):
        decoded(FailingFile(data, min(good_bytes, len(data) - 1000)))


class EndlessWav(io.RawIOBase):
    """A WAV file of any length that is not stored anywhere."""

    def __init__(self, seconds: int) -> None:
        self._head = wav(b"", length=seconds * 32_000)
        self._size = len(self._head) + seconds * 32_000
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        data = (self._head[self._at :] + TONE.tobytes() * 2)[: max(0, min(size, self._size - self._at))]
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
def test_memory_does_not_grow_with_the_file() -> None:
    with open_audio(EndlessWav(600), DecodeOptions(3600)) as audio:
        count = sum(map(len, audio.blocks()))
    assert count == 600 * 16_000
    assert tracemalloc.get_traced_memory()[1] < 4_000_000


@pytest.mark.usefixtures("_traced")
def test_memory_does_not_grow_with_the_silence_in_a_gap() -> None:
    data = media("webm", Sound(speech(12), "libopus", 48_000, when=lambda time_s: time_s + 3600 * (time_s > 6)))
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    with open_audio(io.BytesIO(data), DecodeOptions(36_000)) as audio:
        count = sum(map(len, audio.blocks()))
    assert count == pytest.approx(3612 * 16_000, abs=1600)
    assert tracemalloc.get_traced_memory()[1] - before < 4_000_000
