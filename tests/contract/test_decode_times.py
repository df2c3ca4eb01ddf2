"""A time in a transcript is the time at which a player shows it, whatever the container does with its clock."""

import random
from dataclasses import dataclass

import numpy as np
import pytest

from processors.slicer.clock import MAX_JUMP_S, MIN_GAP_S
from runtime.errors import Invalid
from tests.contract.media import Sound, decoded, found_s, media, part, speech

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
LENGTH_S = 16.0
RATES = {"libopus": 48_000, "mp2": 48_000}
GROUPED_S = {"mpegts": 0.3, "ogg": 0.5}  # one time stamp for several packets: what is wrong with one is so with all


@dataclass(frozen=True)
class Kind:
    muxer: str
    codec: str = "aac"
    fragmented: bool = False

    def made(self, *, picture_s: float = 21.0, **more: object) -> bytes:
        sound = Sound(speech(LENGTH_S), self.codec, RATES.get(self.codec, 16_000), **more)  # type: ignore[arg-type]  # by name
        return media(self.muxer, sound, picture_s=picture_s, options=FRAGMENTED if self.fragmented else None)

    def about(self, time_s: float) -> object:
        return pytest.approx(time_s, abs=GROUPED_S.get(self.muxer, 0.15))


MP4, TS, WEBM, OGG = Kind("mp4"), Kind("mpegts"), Kind("webm", "libopus"), Kind("ogg", "libopus")
PICTURED = [
    MP4,
    Kind("mov"),
    Kind("mp4", fragmented=True),
    Kind("matroska"),
    Kind("matroska", "libopus"),
    TS,
    Kind("flv"),
    Kind("asf", "wmav2"),
    Kind("mpeg", "mp2"),
]


@pytest.mark.parametrize("kind", PICTURED, ids=str)
def test_sound_that_begins_after_the_picture_keeps_its_time(kind: Kind) -> None:
    samples, info = decoded(kind.made(when=lambda time_s: time_s + 4))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(4, abs=0.1)
    assert found_s(samples, part(speech(), 11, 16)) == pytest.approx(15, abs=0.1)
    assert info.start_s == pytest.approx(4, abs=0.1)
    assert info.duration_s == len(samples) / 16_000 == pytest.approx(20, abs=0.1)
    assert not np.any(part(samples, 0, 3.8))
    assert info.warnings == ()


@pytest.mark.parametrize("kind", [*PICTURED, WEBM], ids=str)
def test_sound_that_begins_with_the_picture_is_not_moved(kind: Kind) -> None:
    samples, info = decoded(kind.made(picture_s=0 if kind == WEBM else 16))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(0, abs=0.1)
    assert info.start_s == pytest.approx(0, abs=0.07)
    assert info.warnings == ()


@pytest.mark.parametrize("kind", [MP4, Kind("matroska")], ids=str)
def test_a_container_with_a_timeline_of_its_own_begins_at_0_without_a_picture_too(kind: Kind) -> None:
    samples, info = decoded(kind.made(picture_s=0, when=lambda time_s: time_s + 4))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(4, abs=0.1)
    assert info.start_s == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("kind", [TS, OGG, Kind("flv"), Kind("mp4", fragmented=True), WEBM], ids=str)
def test_a_piece_of_a_live_stream_begins_where_its_sound_does(kind: Kind) -> None:
    """It has been on for hours; no player shows them."""
    samples, info = decoded(kind.made(picture_s=0, when=lambda time_s: time_s + 20_000))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(0, abs=0.1)
    assert info.duration_s == pytest.approx(LENGTH_S, abs=0.1)


@pytest.mark.parametrize("kind", [MP4, TS, WEBM, OGG, Kind("matroska", "flac"), Kind("asf", "wmav2")], ids=str)
def test_a_clock_that_jumps_in_a_pause_takes_its_time(kind: Kind) -> None:
    samples, info = decoded(kind.made(picture_s=0, when=lambda time_s: time_s + 8 * (time_s > 10.4)))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(0, abs=0.1)
    assert found_s(samples, part(speech(), 11, 16)) == pytest.approx(19, abs=0.1)
    assert info.duration_s == pytest.approx(LENGTH_S + 8, abs=0.1)
    [lost] = info.warnings
    assert (lost.code, lost.message) == ("lost", "8.0 s of audio are missing")
    assert (lost.start, lost.end) == (kind.about(10.4), kind.about(18.4))


@pytest.mark.parametrize("kind", [MP4, TS, WEBM, OGG, Kind("mp4", fragmented=True)], ids=str)
def test_lost_packets_take_their_time(kind: Kind) -> None:
    samples, info = decoded(kind.made(picture_s=0, when=lambda time_s: None if 5.3 < time_s < 9.3 else time_s))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(0, abs=0.1)
    assert found_s(samples, part(speech(), 11, 16)) == pytest.approx(11, abs=0.1)
    assert info.duration_s == pytest.approx(LENGTH_S, abs=0.1)
    [lost] = info.warnings
    assert (lost.code, lost.start, lost.end) == ("lost", kind.about(5.3), kind.about(9.3))


@pytest.mark.parametrize("kind", [MP4, TS, Kind("matroska")], ids=str)
def test_packets_that_cannot_be_decoded_take_their_time(kind: Kind) -> None:
    samples, info = decoded(kind.made(picture_s=0, damaged=(5.3, 9.3)))
    assert found_s(samples, part(speech(), 0, 5)) == pytest.approx(0, abs=0.1)
    assert found_s(samples, part(speech(), 11, 16)) == pytest.approx(11, abs=0.1)
    assert [warning.code for warning in info.warnings] == ["damaged", "lost"]
    for warning in info.warnings:
        assert (warning.start, warning.end) == (kind.about(5.3), kind.about(9.3))


def test_damage_has_the_time_that_a_player_shows() -> None:
    damaged = decoded(TS.made(damaged=(5.3, 9.3), when=lambda time_s: time_s + 4))[1].warnings[0]
    assert (damaged.code, damaged.start, damaged.end) == ("damaged", TS.about(9.3), TS.about(13.3))


def test_damage_at_the_end_is_not_called_truncated() -> None:
    samples, info = decoded(MP4.made(damaged=(12.0, 99.0)))
    assert info.duration_s == len(samples) / 16_000 == pytest.approx(LENGTH_S, abs=0.1)
    assert "truncated" not in [warning.code for warning in info.warnings]
    assert info.warnings[0].code == "damaged"
    assert info.warnings[0].start == MP4.about(12.0)
    assert info.warnings[0].end == info.duration_s


@pytest.mark.parametrize("kind", [TS, OGG, WEBM], ids=str)
def test_recordings_joined_end_to_end_lose_no_sound(kind: Kind) -> None:
    """The clock begins again with the second."""
    once = kind.made(picture_s=0)
    samples, info = decoded(once + once)
    half = len(samples) // 2
    assert found_s(samples[:half], part(speech(), 0, 5)) == pytest.approx(0, abs=0.1)
    assert found_s(samples[half:], part(speech(), 11, 16)) == pytest.approx(11, abs=0.1)
    assert info.duration_s == pytest.approx(2 * LENGTH_S, abs=0.2)
    assert {warning.code for warning in info.warnings} <= {"clock"}


def test_an_hour_without_sound_is_an_hour_and_counts() -> None:
    data = WEBM.made(picture_s=0, when=lambda time_s: time_s + 3600 * (time_s > 10.4))
    samples, _ = decoded(data, max_audio_s=4000)
    assert len(samples) / 16_000 == pytest.approx(3600 + LENGTH_S, abs=0.1)
    with pytest.raises(Invalid) as refused:
        decoded(data, max_audio_s=3600)
    assert refused.value.failure.reason == "too_long"


@pytest.mark.parametrize("kind", [TS, WEBM, OGG], ids=str)
def test_an_absurd_jump_is_a_warning_and_no_silence(kind: Kind) -> None:
    samples, info = decoded(kind.made(picture_s=0, when=lambda time_s: time_s + 10 * MAX_JUMP_S * (time_s > 10.4)))
    assert found_s(samples, part(speech(), 11, 16)) == pytest.approx(11, abs=0.1)
    assert info.duration_s == pytest.approx(LENGTH_S, abs=0.1)
    [broken] = info.warnings
    assert (broken.code, broken.start, broken.end) == ("clock", kind.about(10.4), None)


def test_a_clock_that_wraps_goes_on() -> None:
    wrap_s = 2**33 / 90_000
    samples, info = decoded(TS.made(picture_s=0, when=lambda time_s: time_s + wrap_s - 10))
    assert found_s(samples, part(speech(), 11, 16)) == pytest.approx(11, abs=0.1)
    assert info.duration_s == pytest.approx(LENGTH_S, abs=0.1)
    assert info.warnings == ()


def test_rounded_and_jittering_times_make_no_gaps() -> None:
    chance = random.Random(1)
    samples, info = decoded(WEBM.made(picture_s=0, when=lambda time_s: time_s + chance.uniform(0, MIN_GAP_S / 3)))
    assert len(samples) / 16_000 == pytest.approx(LENGTH_S, abs=0.05)
    assert info.warnings == ()


def test_a_drifting_clock_is_followed_without_a_warning() -> None:
    samples, info = decoded(WEBM.made(picture_s=0, when=lambda time_s: time_s * 1.02))
    assert found_s(samples, part(speech(), 11.5, 14)) == pytest.approx(11.7, abs=0.1)
    assert info.warnings == ()


@pytest.mark.parametrize("seed", range(12))
def test_no_clock_removes_sound_or_makes_more_than_is_allowed(seed: int) -> None:
    chance = random.Random(seed)
    turns = sorted((chance.uniform(0, LENGTH_S), chance.choice([-9, -1, 0.3, 2, 70, 7_000])) for _ in range(6))
    kind = chance.choice([WEBM, OGG, TS])
    data = kind.made(picture_s=0, when=lambda time_s: max(0, time_s + sum(by for at, by in turns if at < time_s)))
    try:
        samples, info = decoded(data, max_audio_s=200)
    except Invalid as refused:
        assert refused.failure.reason == "too_long"  # noqa: PT017  either outcome is right
        return
    assert np.count_nonzero(samples) / 16_000 > 0.9 * np.count_nonzero(speech()) / 16_000
    assert LENGTH_S - 0.1 <= info.duration_s <= 200
    assert len(info.warnings) <= 12
