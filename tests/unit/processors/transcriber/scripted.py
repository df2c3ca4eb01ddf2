"""Stand-ins for a model that is called window by window. Their samples are numbered, so a window has its position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from processors.transcriber.engine import Group, LanguagePart, Window, WindowText
from processors.transcriber.features import frames
from processors.transcriber.spoken import Stretch
from processors.transcriber.windows import ChunkText, ChunkWindows, read
from schemas.options import DecodingOptions
from schemas.segment import Segment
from schemas.sound import SAMPLE_RATE_HZ

CALLS_MAX = 200  # a loop that asks more often does not come to an end
INFERENCE_S = 0.125


def sound(duration_s: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Samples that are their own positions."""
    return np.arange(round(duration_s * SAMPLE_RATE_HZ), dtype=np.float32)


def place(window: Window) -> Stretch:
    """Of a window in its chunk, in seconds."""
    first = float(window.samples[0]) / SAMPLE_RATE_HZ
    return first, round(first + window.duration_s, 6)


def segment(start: float, end: float, text: str, **scores: float) -> Segment:
    return Segment(start=start, end=end, text=text, **scores)


def wrote(*segments: Segment, tail: Segment | None = None, at_rest: bool = False, language: str = "en") -> WindowText:
    read_to_s = segments[-1].end if segments else 0.0
    return WindowText(language, 0.75, segments, tail, read_to_s, at_rest, inference_s=INFERENCE_S)


def part(start: float, end: float, language: str, probability: float = 0.9) -> LanguagePart:
    return LanguagePart(round(start * SAMPLE_RATE_HZ), round(end * SAMPLE_RATE_HZ), language, probability)


@dataclass
class Model:
    """An engine of one window at a time. Records its calls."""

    answer: Callable[[Window], WindowText]
    calls: list[Window] = field(default_factory=list)
    on_gpu: bool = False
    replicas: int = 1
    batch_size: int = 1

    def warm_up(self) -> None: ...

    def group(self, window: Window) -> Group:
        return Group.of(frames(len(window.samples), window.options), window.options)

    def transcribe(self, batch: Sequence[Window]) -> list[WindowText]:
        (window,) = batch
        self.calls.append(window)
        assert len(self.calls) <= CALLS_MAX, "it never ends"
        return [self.answer(window)]

    @property
    def places(self) -> list[Stretch]:
        return [place(window) for window in self.calls]


def scripted(*answers: WindowText) -> Model:
    """Gives these answers, one after the other, and no more."""
    left = iter(answers)
    return Model(lambda window: next(left))


def read_chunk(
    model: Model,
    duration_s: float,
    speech: Sequence[Stretch] | None = None,
    options: DecodingOptions | None = None,
    *,
    vad: bool = True,
) -> ChunkText:
    """Speech from end to end by default."""
    spoken = [(0.0, duration_s)] if speech is None else speech
    return read(model, ChunkWindows(sound(duration_s), options or DecodingOptions(), spoken, vad=vad))


def texts(text: ChunkText) -> list[str]:
    return [each.text for each in text.segments]
