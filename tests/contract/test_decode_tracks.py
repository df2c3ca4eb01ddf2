"""Which sound of a file is read: tracks, channels, telephone files known by their names; and what is called truncated."""

import io
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from processors.slicer.audio import Samples
from processors.slicer.decode import open_audio
from processors.slicer.slicing import Closed, Cut, Event, Opened, Slicer
from processors.slicer.vad import load_session
from runtime.errors import Invalid
from schemas.options import RawFormat, SlicingOptions
from tests.contract.media import Sound, decoded, found_s, media, part, speech

TELEPHONE = Path(__file__).parents[1] / "data" / "media" / "telephone.gsm"
EXAMPLES = Path(__file__).parents[2] / "examples" / "audio"
SILENCE: Samples = np.zeros(16 * 16_000, np.int16)
TONE: Samples = (np.sin(np.arange(16 * 16_000) / 10) * 9000).astype(np.int16)
SLICER = Slicer(open_audio, load_session(), 600)


def is_speech(samples: Samples) -> bool:
    return abs(found_s(samples, part(speech(), 1, 9)) - 1) < 0.1


def test_the_track_that_is_flagged_default_is_read() -> None:
    first = Sound(TONE, default=False, metadata={"language": "por", "title": "Commentary"})
    second = Sound(np.stack([speech(), speech()], axis=1), default=True, metadata={"language": "eng"})
    samples, info = decoded(media("matroska", first, second, picture_s=16))
    assert is_speech(samples)
    assert info.track == 1
    assert [(track.index, track.language, track.title, track.channels, track.default) for track in info.tracks] == [
        (0, "por", "Commentary", 1, False),
        (1, "eng", None, 2, True),
    ]


def test_without_a_flag_the_first_track_is_read() -> None:
    samples, info = decoded(media("mpegts", Sound(speech()), Sound(TONE)))
    assert is_speech(samples)
    assert (info.track, len(info.tracks)) == (0, 2)


def test_the_requested_track_is_read() -> None:
    data = media("mp4", Sound(TONE), Sound(speech()))
    assert is_speech(decoded(data, track=1)[0])
    assert decoded(data, track=0)[1].track == 0


def test_a_track_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        Invalid, match=r"no audio track 2 in this file; its audio tracks are: 0 \(por, Commentary, 1 channel\); 1 \(1 channel\)"
    ) as refused:
        decoded(media("matroska", Sound(TONE, metadata={"language": "por", "title": "Commentary"}), Sound(TONE)), track=2)
    assert refused.value.reason == "unknown_track"


def test_a_track_without_a_sample_is_skipped_unless_it_was_requested() -> None:
    data = media("matroska", Sound(TONE, damaged=(0, 99)), Sound(speech()))
    assert decoded(data)[1].track == 1
    with pytest.raises(Invalid, match="damaged"):
        decoded(data, track=0)


def sliced(data: bytes, options: SlicingOptions | None = None) -> list[Event]:
    return list(SLICER.slice(io.BytesIO(data), options or SlicingOptions()))


def test_a_file_whose_first_track_is_silent_is_not_silent() -> None:
    opened, *cuts, closed = sliced(media("matroska", Sound(SILENCE), Sound(TONE), Sound(speech()), picture_s=16))
    assert isinstance(opened, Opened)
    assert isinstance(closed, Closed)
    assert cuts
    assert all(isinstance(cut, Cut) for cut in cuts)
    assert closed.info.track == 2
    assert len(closed.chunks) == len(cuts)


def test_a_silent_file_is_closed_once_and_as_its_first_track() -> None:
    opened, closed = sliced(media("matroska", Sound(SILENCE), Sound(SILENCE, damaged=(0, 99))))
    assert isinstance(opened, Opened)
    assert isinstance(closed, Closed)
    assert (closed.info.track, closed.chunks) == (0, ())


class SecondPerCall:
    """The network, and the clock of a thread in which each of its calls takes a second."""

    def __init__(self) -> None:
        self._session = load_session()
        self.now_s = 0.0

    def run(self, outputs: None, inputs: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        self.now_s += 1
        return self._session.run(outputs, inputs)


def test_the_seconds_of_speech_detection_are_those_of_every_track_that_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    session = SecondPerCall()
    monkeypatch.setattr(time, "thread_time", lambda: session.now_s)
    data = media("matroska", Sound(SILENCE), Sound(TONE), Sound(speech()))
    *_, closed = Slicer(open_audio, session, 600).slice(io.BytesIO(data), SlicingOptions())
    assert isinstance(closed, Closed)
    assert closed.info.track == 2
    assert closed.vad_s == session.now_s > 0


def test_no_other_track_is_tried_instead_of_the_requested_one() -> None:
    *_, closed = sliced(media("matroska", Sound(SILENCE), Sound(speech())), SlicingOptions(track=0))
    assert isinstance(closed, Closed)
    assert (closed.info.track, closed.chunks) == (0, ())


@pytest.mark.parametrize(("left", "right"), [(1, -1), (1, 0), (0, 1), (1, 0.1), (0.1, -1)])
@pytest.mark.parametrize(("muxer", "codec"), [("wav", "pcm_s16le"), ("matroska", "flac")])
def test_a_voice_is_in_the_mix_whatever_the_other_channel_does(left: float, right: float, muxer: str, codec: str) -> None:
    both = np.stack([speech() * left, speech() * right], axis=1).astype(np.int16)
    samples, info = decoded(media(muxer, Sound(both, codec)))
    assert is_speech(samples)
    assert info.channels == 2
    assert (samples.astype(float) ** 2).sum() >= 0.5 * (speech().astype(float) ** 2).sum()


@pytest.fixture(params=["gsm", "mulaw", "alaw", "g722"])
def telephone(request: pytest.FixtureRequest) -> Iterator[tuple[bytes, RawFormat]]:
    kind: RawFormat = request.param
    if kind == "gsm":  # no encoder for it is bundled
        yield TELEPHONE.read_bytes(), kind
    else:
        codec, rate = {"mulaw": ("pcm_mulaw", 8_000), "alaw": ("pcm_alaw", 8_000), "g722": ("g722", 16_000)}[kind]
        yield media(kind, Sound(speech(6), codec, rate)), kind


def test_the_raw_format_of_a_telephone_file_follows_its_suffix(telephone: tuple[bytes, RawFormat]) -> None:
    data, kind = telephone
    samples, info = decoded(data, raw_format=kind)
    assert found_s(samples, part(speech(), 0.5, 5.5)) == pytest.approx(0.5, abs=0.05)
    assert info.duration_s == pytest.approx(6, abs=0.05)
    assert info.warnings == ()


def test_a_telephone_file_without_its_name_is_not_guessed_at(telephone: tuple[bytes, RawFormat]) -> None:
    with pytest.raises(Invalid) as refused:
        decoded(telephone[0])
    assert refused.value.reason in {"unsupported", "corrupt"}


@pytest.mark.parametrize("clip", ["en-command.wav", "en-meeting-opus.ogg", "en-numbers.flac", "en-video.mp4"])
def test_a_container_under_a_telephone_files_name_is_read_as_what_it_is(clip: str) -> None:
    data = (EXAMPLES / clip).read_bytes()
    assert np.array_equal(decoded(data, raw_format="gsm")[0], decoded(data)[0])


def test_a_telephone_with_comfort_noise_keeps_its_time() -> None:
    with_pauses = np.concatenate([part(speech(), 0, 5), SILENCE[: 16_000 * 4], part(speech(), 11, 16)])
    for muxer in ("amr", "3gp"):
        data = media(muxer, Sound(with_pauses, "libopencore_amrnb", 8_000, options={"dtx": "1", "b": "12200"}))
        assert len(data) < 14 * 50 * 32 * 0.9, "there is no comfort noise in it"
        samples, info = decoded(data)
        assert info.duration_s == pytest.approx(14, abs=0.1)
        assert found_s(samples, part(speech(), 11, 16)) == pytest.approx(9, abs=0.1)
        assert info.warnings == ()


def test_an_estimate_of_the_length_makes_no_file_truncated() -> None:
    """Variable bit rate, no header with the length, and silence first: FFmpeg estimates many times the actual length."""
    quiet_first = np.concatenate([SILENCE, SILENCE, speech(4)])
    data = media(
        "mp3", Sound(quiet_first, "libmp3lame", options={"qscale": "2", "flags": "+qscale"}), options={"write_xing": "0"}
    )
    samples, info = decoded(data)
    assert len(samples) / 16_000 == pytest.approx(36, abs=0.1)
    assert info.declared_duration_s is not None
    assert info.declared_duration_s > 50
    assert info.warnings == ()


@pytest.mark.parametrize("kind", ["mp4", "matroska", "mpegts"])
def test_a_track_that_ends_long_before_the_picture_is_not_truncated(kind: str) -> None:
    assert decoded(media(kind, Sound(speech(6)), picture_s=20))[1].warnings == ()


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "aiff"])
def test_a_file_of_which_half_is_missing_is_truncated(kind: str) -> None:
    codec = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "aiff": "pcm_s16be"}[kind]
    data = media(kind, Sound(speech(), codec))
    assert decoded(data)[1].warnings == ()
    info = decoded(data[: len(data) // 2])[1]
    truncated = info.warnings[0]
    assert truncated.code == "truncated"
    assert truncated.start == pytest.approx(info.duration_s, abs=0.001)
    assert truncated.end is None
    assert "16.0 s declared" in truncated.message


def test_a_wav_file_that_lacks_its_last_bytes_is_not_truncated() -> None:
    assert decoded(media("wav", Sound(speech(), "pcm_s16le"))[:-101])[1].warnings == ()


def test_sound_that_begins_late_in_a_transport_stream_is_found() -> None:
    """Behind the part from which FFmpeg learns what there is."""
    samples, info = decoded(media("mpegts", Sound(speech(), when=lambda time_s: time_s + 30), picture_s=47))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(30, abs=0.1)
    assert (info.sample_rate_hz, info.channels) == (16_000, 1)
