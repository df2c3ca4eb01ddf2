"""The file as FFmpeg reads it: bounded, with read errors kept, and the format its first bytes indicate.

Fed by the object store's readers; feeds `containers`.
"""

import io

from processors.slicer.audio import Check, Progress, Seekable, no_check

_MAGIC = (
    (0, b"RIFF"),
    (0, b"RF64"),
    (0, b"OggS"),
    (0, b"fLaC"),
    (0, b"ID3"),
    (0, b"\x1aE\xdf\xa3"),
    (4, b"ftyp"),
    (0, b"FORM"),
    (0, b"#!AMR"),
    (0, b"caff"),
    (0, b".snd"),
)
_HEAD_BYTES = 16


class Reader:
    """The file object given to FFmpeg. A read error ends the stream and is kept, since FFmpeg would lose it."""

    def __init__(self, file: Seekable, check: Check = no_check) -> None:
        self._file = file
        self._check = check
        self.size_bytes = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._head = file.read(_HEAD_BYTES)
        self._at = file.seek(0)
        self._error: Exception | None = None

    @property
    def has_known_header(self) -> bool:
        """It begins like a file of a supported format."""
        return any(self._head[at : at + len(magic)] == magic for at, magic in _MAGIC)

    @property
    def is_wav(self) -> bool:
        return self._head[:4] in (b"RIFF", b"RF64") and self._head[8:12] == b"WAVE"

    @property
    def is_part(self) -> bool:
        """A WAV file that is shorter than its header states."""
        declared_bytes = int.from_bytes(self._head[4:8], "little") if self._head[:4] == b"RIFF" else 0
        return self.size_bytes < declared_bytes + 8

    def peek(self, offset: int, size: int) -> bytes:
        """Those bytes, or as many as there are; FFmpeg's position in the file is kept. Raises what reading the file raises."""
        self._file.seek(min(offset, self.size_bytes))
        data = self._file.read(size)
        self._file.seek(min(self._at, self.size_bytes))
        return data

    def read(self, size: int) -> bytes:
        if self._at >= self.size_bytes or self._error is not None:
            return b""
        try:
            self._check(Progress())
            data = self._file.read(size)
        except Exception as error:  # raised again by `raise_error`
            self._error = error
            return b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        """A header may point anywhere; the file itself is only asked for positions that it has."""
        target = offset + (0, self._at, self.size_bytes)[whence]
        if target < 0:
            return -1
        try:
            self._file.seek(min(target, self.size_bytes))
        except Exception as error:  # raised again by `raise_error`
            self._error = error
        self._at = target
        return target

    def tell(self) -> int:
        return self._at

    def raise_error(self) -> None:
        """The error of reading the file is more precise than FFmpeg's."""
        if self._error is not None:
            raise self._error
