"""A file opened by FFmpeg: which containers are read, what bounds them, and the audio tracks in them.

Fed by `decode`; the open container feeds `track`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from processors.slicer.media_info import MediaTrack
from processors.slicer.reader import Reader
from runtime.errors import Invalid

if TYPE_CHECKING:  # validated by pydantic, which a decoder process does without
    from schemas.options import RawFormat

# Demuxers that read one file and nothing else. Excluded: those that open other files or sockets (concat, hls, dash, sdp, …).
FORMATS = (
    "wav,w64,aiff,caf,au,voc,mp3,flac,ogg,mov,mp4,m4a,matroska,webm,aac,loas,amr,amrnb,amrwb,"
    "asf,mpegts,mpeg,flv,avi,ac3,eac3,dts,ape,wv,tta,mpc,mpc8"
)
_ONLY_THIS_FILE = {"protocol_whitelist": "none"}  # "none" names no protocol
CONTAINER_OPTIONS = {"format_whitelist": FORMATS} | _ONLY_THIS_FILE
# PCM is read in packets of 128 KiB, not 4: a packet costs as much in Python as 30 KiB of samples cost in FFmpeg. The first packet
# is enough to recognise AC-3 or DTS labelled as PCM in a WAV file; FFmpeg would compare 2,500 packets with all its formats.
_WAV_OPTIONS = {"max_size": "131072", "max_probe_packets": "1"}
# Telephone formats without a header; FFmpeg has the rate of the others.
_RAW_OPTIONS: dict[RawFormat, dict[str, str]] = {"mulaw": {"sample_rate": "8000"}, "alaw": {"sample_rate": "8000"}}
# FFmpeg's own AMR decoders return nothing for the frames of comfort noise that a telephone sends in pauses.
_DECODERS = {
    "amrnb": "libopencore_amrnb",
    "amr_nb": "libopencore_amrnb",
    "amrwb": "libopencore_amrwb",
    "amr_wb": "libopencore_amrwb",
}
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 768_000
MAX_CHANNELS = 32
MAX_FRAME_SAMPLES = 1 << 20  # a frame is held in memory; a second at the highest rate fits
_LISTED_MAX = 100  # tracks that are listed
_TITLE_CHARACTERS = 200
# What bad input raises: FFmpeg's errors, Python's where the header's numbers make no sense, and Invalid.
BAD_INPUT = (av.FFmpegError, ValueError, OverflowError, ZeroDivisionError, LookupError, NotImplementedError, Invalid)


@contextmanager
def open_container(reader: Reader, raw_format: RawFormat | None) -> Iterator[InputContainer]:
    """`raw_format` is used only for files without a known header: a file name may be wrong. Raises Invalid, and the errors of
    reading the file."""
    raw = None if reader.has_known_header else raw_format
    try:
        if raw is None:
            options = CONTAINER_OPTIONS | (_WAV_OPTIONS if reader.is_wav else {})
            container = av.open(reader, mode="r", container_options=options, metadata_errors="ignore")
        else:
            options = _ONLY_THIS_FILE | {"format_whitelist": raw} | _RAW_OPTIONS.get(raw, {})
            container = av.open(reader, mode="r", format=raw, container_options=options, metadata_errors="ignore")
    except BAD_INPUT as error:
        reader.raise_error()
        if reader.has_known_header:
            raise Invalid("corrupt", "the file's header is damaged or truncated") from error
        raise Invalid("unsupported", "this is not an audio or video file in a supported format") from error
    with container:
        yield container


def decoder_of(stream: AudioStream) -> AudioCodecContext:
    """Raises Invalid when there is none, or when the numbers in the header are out of range."""
    codec = stream.codec_context
    if codec is None:
        raise Invalid("unsupported", "the audio codec is not supported")
    if codec.sample_rate and codec.channels:  # else not stated by the container, only by each frame
        check_sound(codec.sample_rate, codec.channels)
    if codec.name in _DECODERS:
        better = av.CodecContext.create(_DECODERS[codec.name], "r")
        assert isinstance(better, AudioCodecContext)
        codec = better
    codec.options = {"max_samples": str(MAX_FRAME_SAMPLES)}
    return codec


def check_sound(rate_hz: int, channels: int) -> None:
    """Raises Invalid: at a sample rate of 1 Hz a few kilobytes would be hours of audio."""
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise Invalid("corrupt", f"a sample rate of {rate_hz} Hz is out of range")
    if not 1 <= channels <= MAX_CHANNELS:
        raise Invalid("corrupt", f"{channels} audio channels are out of range")


def tracks_of(container: InputContainer) -> tuple[MediaTrack, ...]:
    return tuple(_track(index, stream) for index, stream in enumerate(container.streams.audio[:_LISTED_MAX]))


def track_order(container: InputContainer, track: int | None) -> list[int]:
    """The audio tracks to try, best first: the one asked for, else the one flagged default, else the first. Raises Invalid."""
    streams = container.streams.audio
    if not streams:
        raise Invalid("no_audio", "the file can be read, but contains no audio")
    if track is None:
        return sorted(range(len(streams)), key=lambda index: not _is_default(streams[index]))
    if track >= len(streams):
        there = "; ".join(_described(known) for known in tracks_of(container)[:20])
        raise Invalid("unknown_track", f"there is no audio track {track} in this file; its audio tracks are: {there}")
    return [track]


def _track(index: int, stream: AudioStream) -> MediaTrack:
    language = stream.metadata.get("language")
    title = stream.metadata.get("title")
    return MediaTrack(
        index=index,
        channels=stream.codec_context.channels if stream.codec_context else 0,
        language=language[:40] if language and language != "und" else None,
        title=title[:_TITLE_CHARACTERS] if title else None,
        default=_is_default(stream),
    )


def _is_default(stream: AudioStream) -> bool:
    return bool(stream.disposition & Disposition.default)


def _described(track: MediaTrack) -> str:
    details = [track.language, track.title, f"{track.channels} channel{'s' * (track.channels != 1)}"]
    return f"{track.index} ({', '.join(detail for detail in details if detail)})"
