"""What a reader of a transcript should know about it: speech without text, damaged audio, options that were not used in full."""

from schemas.record import Value


class TranscriptWarning(Value):
    """`code` is a word of docs/delivery.md, `message` is for a person; times, where it has any, are seconds of the file.
    A start without an end: from there on."""

    code: str
    message: str
    start: float | None = None
    end: float | None = None
