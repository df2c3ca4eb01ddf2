"""The media type of a file: by its container, by the ending of its name, by its first bytes."""

import io

import av
import pytest

from producers.gateway.http.media_types import HEAD_BYTES, UNKNOWN, media_type, media_type_of


@pytest.mark.parametrize(
    ("container", "filename", "expected"),
    [
        ("wav", "talk", "audio/wav"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "talk", "video/mp4"),
        ("mov,mp4,m4a,3gp,3g2,mj2", "talk.m4a", "audio/mp4"),
        ("matroska,webm", "talk.webm", "video/webm"),
        ("mp3", "talk.wav", "audio/mpeg"),
        (None, "talk.MP3", "audio/mpeg"),
        (None, "talk", UNKNOWN),
        (None, "page.html", UNKNOWN),
    ],
)
def test_the_container_counts_and_the_ending_chooses_among_those_that_share_one(
    container: str | None, filename: str, expected: str
) -> None:
    assert media_type(container, filename) == expected


def encoded(container: str, codec: str, rate: int = 16_000) -> bytes:
    """The beginning of a file in this format, as FFmpeg writes it."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame(format="s16", layout="mono", samples=rate)
        frame.rate = rate
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        output.mux(stream.encode(av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size).resample(frame)[0]))
        output.mux(stream.encode(None))
    return file.getvalue()[:HEAD_BYTES]


@pytest.mark.parametrize(
    ("container", "codec", "expected"),
    [
        ("wav", "pcm_s16le", "audio/wav"),
        ("flac", "flac", "audio/flac"),
        ("ogg", "libopus", "audio/ogg"),
        ("aiff", "pcm_s16be", "audio/aiff"),
        ("au", "pcm_s16be", "audio/basic"),
        ("caf", "pcm_s16le", "audio/x-caf"),
        ("adts", "aac", "audio/aac"),
        ("mpegts", "aac", "video/mp2t"),
        ("mp4", "aac", "video/mp4"),
        ("ipod", "aac", "audio/mp4"),
        ("matroska", "aac", "video/x-matroska"),
        ("avi", "pcm_s16le", "video/x-msvideo"),
        ("asf", "pcm_s16le", "video/x-ms-asf"),
        ("mpeg", "mp2", "video/mpeg"),
    ],
)
def test_a_file_without_an_ending_is_recognised_by_its_first_bytes(container: str, codec: str, expected: str) -> None:
    assert media_type_of(encoded(container, codec)) == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x44", "audio/mpeg"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        (b"#!AMR\n", "audio/amr"),
        (b"", UNKNOWN),
        (b"RIFF", UNKNOWN),
        (b"\xff\xfe<\0h\0t\0m\0l\0", UNKNOWN),
        (b"<html><script>", UNKNOWN),
        (b"%PDF-1.7", UNKNOWN),
    ],
)
def test_what_begins_as_no_audio_does_is_unknown(head: bytes, expected: str) -> None:
    assert media_type_of(head) == expected
