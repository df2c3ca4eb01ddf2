"""Whether a file in the inbox is only the first part of one, as its own format shows: its writer will go on. Used by the watcher.

The headers of RIFF, AIFF, MP4 and most MP3 files state their length, the last page of an Ogg file is marked as such, and a FLAC
header states the number of samples, as each frame states which ones it has. Of other files nothing is known.
"""

import re
from typing import BinaryIO

from runtime.objects import NotFound, ObjectInfo
from runtime.objects.directory import DirectoryStore
from runtime.objects.store import BadKey

HEAD_BYTES = 64
BOXES_MAX = 64  # of an MP4 file
UNKNOWN_BYTES = 0x7FFFF000  # programs that write WAV to a pipe declare this much or more
ROUNDING_BYTES = 16  # by which headers of finished files are wrong
TAIL_BYTES = 128 << 10  # an Ogg page has 64 KiB at most, and so has all but every FLAC frame
XING_BYTES = 256  # from the start of an MPEG frame; the header is within
_FLAC_FRAME = re.compile(rb"\xff[\xf8\xf9]")


def is_part(objects: DirectoryStore, info: ObjectInfo) -> bool:
    """False also for files that cannot be read."""
    try:
        with objects.open(info.ref) as file:
            return _is_part(file, info.size_bytes)
    except (NotFound, BadKey, OSError):
        return False


def _is_part(file: BinaryIO, size_bytes: int) -> bool:
    head = file.read(HEAD_BYTES)
    if head[:4] in (b"RIFF", b"FORM"):
        declared_bytes = 8 + int.from_bytes(head[4:8], "little" if head[:4] == b"RIFF" else "big")
        return size_bytes + ROUNDING_BYTES < declared_bytes < UNKNOWN_BYTES
    if head[4:8] == b"ftyp":
        return not _has_all_boxes(file, size_bytes)
    if head[:4] == b"OggS":
        return not _ends_with_last_page(_tail(file, size_bytes))
    if head[:4] == b"fLaC" and len(head) > 26:
        samples = int.from_bytes(head[21:26], "big") & 0xF_FFFF_FFFF
        return _flac_samples(_tail(file, size_bytes), int.from_bytes(head[10:12], "big")) < samples
    return size_bytes + ROUNDING_BYTES < _mp3_bytes(file, head)


def _tail(file: BinaryIO, size_bytes: int) -> bytes:
    file.seek(max(0, size_bytes - TAIL_BYTES))
    return file.read(TAIL_BYTES)


def _has_all_boxes(file: BinaryIO, size_bytes: int) -> bool:
    """An MP4 file: its last box ends within it, and there is an index."""
    at, has_index = 0, False
    for _ in range(BOXES_MAX):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            break
        has_index = has_index or header[4:8] == b"moov"
        box_bytes = int.from_bytes(header[:4], "big")
        if box_bytes == 0:  # up to the end of the file
            break
        at += int.from_bytes(header[8:], "big") if box_bytes == 1 else max(box_bytes, 8)
        if at > size_bytes:
            return False
    return has_index


def _ends_with_last_page(tail: bytes) -> bool:
    """An Ogg file: its last page is marked as such, and is whole. Also true where no page is found."""
    at = tail.rfind(b"OggS")
    if at < 0:
        return True
    header = tail[at : at + 27]
    if len(header) < 27:
        return False
    segments = tail[at + 27 : at + 27 + header[26]]
    is_whole = len(segments) == header[26] and at + 27 + len(segments) + sum(segments) <= len(tail)
    return bool(header[5] & 4) and is_whole


def _flac_samples(tail: bytes, block_samples: int) -> int:
    """Up to the end of the last frame that begins in the tail; 0 where none is found."""
    for found in reversed([match.start() for match in _FLAC_FRAME.finditer(tail)]):
        if end := _flac_frame_end(tail[found : found + 16], block_samples):
            return end
    return 0


def _flac_frame_end(header: bytes, block_samples: int) -> int:
    """The number of its last sample, plus one; 0: this is no header of a frame (its checksum is wrong)."""
    header = header.ljust(16, b"\0")  # the last frame of a silent file has fewer bytes
    size_code, rate_code = header[2] >> 4, header[2] & 15
    coded_bytes = max(1, 8 - (header[4] ^ 0xFF).bit_length()) if header[4] >= 0x80 else 1
    number = header[4] & (0x7F >> coded_bytes if coded_bytes > 1 else 0x7F)
    for byte in header[5 : 4 + coded_bytes]:
        number = number << 6 | byte & 0x3F
    at = 4 + coded_bytes
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    samples = int.from_bytes(header[at : at + size_bytes], "big") + 1 if size_bytes else _FLAC_BLOCKS.get(size_code, 0)
    at += size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _crc8(header[:at]) != header[at] or not samples:
        return 0
    return samples + (number if header[1] & 1 else number * block_samples)


_FLAC_BLOCKS = {1: 192} | {code: 576 << code - 2 for code in range(2, 6)} | {code: 256 << code - 8 for code in range(8, 16)}


def _crc8(data: bytes) -> int:
    """With the polynomial of FLAC's frame headers."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1) ^ 0x107 if crc & 0x80 else crc << 1
    return crc


def _mp3_bytes(file: BinaryIO, head: bytes) -> int:
    """As the header in the first frame states; 0 where there is none."""
    begin = 0
    if head[:3] == b"ID3" and len(head) >= 10:
        begin = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(begin)
    frame = file.read(XING_BYTES)
    if len(frame) < XING_BYTES or frame[0] != 0xFF:
        return 0
    if (at := frame.find(b"VBRI")) > 0:
        return begin + int.from_bytes(frame[at + 10 : at + 14], "big")
    at = max(frame.find(b"Xing"), frame.find(b"Info"))
    flags = frame[at + 7] if at > 0 and at + 16 <= len(frame) else 0
    if not flags & 2:
        return 0
    at += 8 + 4 * (flags & 1)  # after the number of frames, if it is there
    return begin + int.from_bytes(frame[at : at + 4], "big")
