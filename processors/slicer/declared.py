"""How long a stream says that it is: its own word, in a header that was written when the length was known.

Fed by `track`, which calls a stream truncated when it is much shorter. Not taken: a container's duration, which may be another
stream's; what FFmpeg estimates from the bit rate of the first frames; the last page's time (a cut file ends with one, too).
"""

import re

from av.audio.stream import AudioStream
from av.container import InputContainer

from processors.slicer.reader import Reader

# By the first name of FFmpeg's demuxers: those whose `stream.duration` is a header's word.
_FROM_HEADER = ("mov", "flac", "aiff", "caf", "au", "ape", "wv", "tta", "mpc", "mpc8", "avi", "w64")
_UNKNOWN_BYTES = 0x7FFFF000  # programs that write WAV to a pipe declare this much or more
_HEADERS_MAX = 64  # chunks before a WAV file's samples
_XING_BYTES = 256  # from the start of an MPEG frame; the header is within


def declared_length_s(container: InputContainer, stream: AudioStream, reader: Reader) -> float | None:
    """Raises what reading the file raises."""
    kind = container.format.name.split(",")[0]
    if kind == "matroska":
        end_s = _clock_s(stream.metadata.get("DURATION", ""))
        return end_s and _sane(end_s - max(0.0, _start_s(stream)))
    if kind == "wav":
        return _sane(_wav_s(stream, reader))
    if kind in _FROM_HEADER or (kind == "mp3" and _has_xing_header(reader)):
        return _sane(_duration_s(stream))
    return None


def expected_end_s(container: InputContainer, stream: AudioStream, zero_s: float) -> float | None:
    """The best guess before the end is reached, on the player's clock: the stream's before the container's."""
    duration_s = _sane(_duration_s(stream))
    if duration_s is not None:
        return max(0.0, _start_s(stream) - zero_s) + duration_s
    return _sane(container.duration / 1_000_000) if container.duration is not None else None


def _sane(length_s: float | None) -> float | None:
    """Nonsense is no word."""
    return length_s if length_s is not None and 0 < length_s < 1e9 else None


def _duration_s(stream: AudioStream) -> float | None:
    return None if stream.duration is None or stream.time_base is None else float(stream.duration * stream.time_base)


def _start_s(stream: AudioStream) -> float:
    return 0.0 if stream.start_time is None or stream.time_base is None else float(stream.start_time * stream.time_base)


def _clock_s(text: str) -> float | None:
    """Matroska's tag: when the stream ends, as 00:01:02.345."""
    match = re.fullmatch(r"(\d{1,6}):(\d\d):(\d\d(?:\.\d{1,9})?)", text.strip())
    return sum(float(part) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True)) if match else None


def _wav_s(stream: AudioStream, reader: Reader) -> float | None:
    """FFmpeg takes the samples that are there for the declared ones; the header says how many there should be."""
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
    """The first frame of an MP3 file that an encoder wrote last, with the number of the others."""
    head = reader.peek(0, 10)
    at = 0
    if head[:3] == b"ID3" and len(head) == 10:
        at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    frame = reader.peek(at, _XING_BYTES)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))
