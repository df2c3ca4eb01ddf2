"""The declared length of a stream: the one in a header that was written when the length was known.

Fed by `track`, which reports a stream as truncated when it is much shorter. Not used: a container's duration, which may be that
of another stream; FFmpeg's estimate from the bit rate of the first frames; the time of the last page (a cut file ends with one,
too).
"""

import re

from av.audio.stream import AudioStream
from av.container import InputContainer

from processors.slicer.reader import Reader

# By the first name of FFmpeg's demuxers: those whose `stream.duration` comes from a header.
_FROM_HEADER = ("matroska", "wav", "w64", "flac", "aiff", "caf", "au", "ape", "wv", "tta", "mpc", "mpc8")
TRUNCATED_BELOW = 0.9
_UNKNOWN_BYTES = 0x7FFFF000  # programs that write WAV to a pipe declare this much or more
_HEADERS_MAX = 64  # chunks before a WAV file's samples
_XING_BYTES = 256  # from the start of an MPEG frame; the header is within


def declared_if_short(container: InputContainer, stream: AudioStream, reader: Reader, length_s: float) -> float | None:
    """The declared length, if it is much more than `length_s`. Only then the header is read again, which may raise."""
    kind = container.format.name.split(",")[0]
    declared_s = _duration_s(stream)
    if kind == "matroska":
        declared_s = _matroska_s(stream)
    elif kind == "wav" and reader.is_part:
        declared_s = _wav_s(stream, reader)
    if declared_s is None or length_s >= TRUNCATED_BELOW * declared_s:
        return None
    own = {"mp3": _has_xing_header, "mov": _is_not_fragmented}.get(kind)
    return _sane(declared_s) if (own(reader) if own else kind in _FROM_HEADER) else None


def is_too_long(container: InputContainer, stream: AudioStream, reader: Reader, max_audio_s: float) -> bool:
    """According to a header that was written when the length was known: such a file need not be decoded up to the limit."""
    declared_s = _sane(_duration_s(stream))
    if declared_s is None or declared_s <= max_audio_s:
        return False
    kind = container.format.name.split(",")[0]
    return _is_not_fragmented(reader) if kind == "mov" else kind in _FROM_HEADER


def expected_end_s(container: InputContainer, stream: AudioStream, zero_s: float) -> float | None:
    """The best estimate before the end is reached, on the player's clock: the stream's if there is one, else the container's."""
    duration_s = _sane(_duration_s(stream))
    if duration_s is not None:
        return max(0.0, _start_s(stream) - zero_s) + duration_s
    return _sane(container.duration / 1_000_000) if container.duration is not None else None


def _sane(length_s: float | None) -> float | None:
    """None for a length that is impossible."""
    return length_s if length_s is not None and 0 < length_s < 1e9 else None


def _duration_s(stream: AudioStream) -> float | None:
    return None if stream.duration is None or stream.time_base is None else float(stream.duration * stream.time_base)


def _start_s(stream: AudioStream) -> float:
    return 0.0 if stream.start_time is None or stream.time_base is None else float(stream.start_time * stream.time_base)


def _matroska_s(stream: AudioStream) -> float | None:
    """From the tag with the end of the stream, such as 00:01:02.345."""
    match = re.fullmatch(r"(\d{1,6}):(\d\d):(\d\d(?:\.\d{1,9})?)", stream.metadata.get("DURATION", "").strip())
    if match is None:
        return None
    end_s = sum(float(part) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
    return end_s - max(0.0, _start_s(stream))


def _wav_s(stream: AudioStream, reader: Reader) -> float | None:
    """FFmpeg reports the samples that the file has; the header states how many it should have."""
    there_s = _duration_s(stream)
    at = 12
    for _ in range(_HEADERS_MAX):
        header = reader.peek(at, 8)
        size = int.from_bytes(header[4:], "little")
        if len(header) < 8 or (header[:4] == b"data" and size >= _UNKNOWN_BYTES):
            return None
        if header[:4] == b"data":
            there = reader.size_bytes - at - 8
            return there_s * max(1.0, size / there) if there_s and there > 0 else None
        at += 8 + size + size % 2
    return None


def _has_xing_header(reader: Reader) -> bool:
    """Whether the first frame of an MP3 file has such a header: an encoder writes it last, with the number of frames."""
    head = reader.peek(0, 10)
    at = 0
    if head[:3] == b"ID3" and len(head) == 10:
        at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    frame = reader.peek(at, _XING_BYTES)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def _is_not_fragmented(reader: Reader) -> bool:
    """The header of a fragmented MP4 file is written before its audio; FFmpeg's duration is that of the fragments read so far."""
    at = 0
    for _ in range(_HEADERS_MAX):
        header = reader.peek(at, 16)
        size = int.from_bytes(header[:4], "big")
        if len(header) < 16 or header[4:8] == b"mdat":
            return True
        if header[4:8] == b"moof":
            return False
        at += int.from_bytes(header[8:], "big") if size == 1 else max(size, 8)
    return True
