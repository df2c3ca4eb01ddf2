"""Warnings about a transcript: speech without text, damaged audio, options that were only partly used."""

from schemas.record import Value


class TranscriptWarning(Value):
    """`code` is one of those in docs/delivery.md, `message` is for people; times, if any, are seconds of the file.
    A start without an end: from there on."""

    code: str
    message: str
    start: float | None = None
    end: float | None = None
