"""From a model's tokens to segments with times. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_PER_TIMESTAMP = 0.02


@dataclass(frozen=True, slots=True)
class Span:
    """Text tokens between two times, in seconds of the window. `start` < `end`."""

    tokens: tuple[int, ...]
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Split:
    """`spans` are closed by a timestamp each. `tail`: the text after the last of them, without a closing timestamp; it lasts
    to the window's end. `read_to_s`: the last closing timestamp, from which decoding can go on. `at_rest`: it stands alone at the
    end, by which Whisper says that nothing follows. `overrun`: text was left out, since it is after the end of the audio."""

    spans: tuple[Span, ...]
    tail: Span | None
    read_to_s: float
    at_rest: bool
    overrun: bool

    @property
    def all(self) -> tuple[Span, ...]:
        return self.spans if self.tail is None else (*self.spans, self.tail)


def split(tokens: Sequence[int], first_timestamp: int, duration_s: float) -> Split:
    """Cuts at the timestamps. Text that begins after the end of the audio, or has no duration, is dropped as a hallucination."""
    spans: list[Span] = []
    text: list[int] = []
    start = read_to_s = 0.0
    overrun = False
    for token in tokens:
        if token < first_timestamp:
            text.append(token)
            continue
        at = (token - first_timestamp) * SECONDS_PER_TIMESTAMP
        if text:
            end = min(at, duration_s)
            overrun |= start >= duration_s
            if start < end:
                spans.append(Span(tuple(text), start, end))
            read_to_s = end
            text = []
        start = at
    overrun |= bool(text) and start >= duration_s
    tail = Span(tuple(text), start, duration_s) if text and start < duration_s else None
    at_rest = len(tokens) >= 2 and tokens[-2] < first_timestamp <= tokens[-1]
    return Split(tuple(spans), tail, read_to_s, at_rest, overrun)
