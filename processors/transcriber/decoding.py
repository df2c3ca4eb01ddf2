"""Decoding with temperature fallback: a poor result is decoded again at the next temperature, for each window separately.

Fed by `whisper.py`, which encodes and generates; this decides what is good enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from processors.transcriber.segments import NO_SPEECH, UNLIKELY_LOGPROB
from runtime import metrics

TOO_REPETITIVE = 2.4  # the text's size over its size when compressed
SAMPLES_PER_TRY = 5


@dataclass(frozen=True, slots=True)
class Decoded:
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    text: str
    compression_ratio: float

    @property
    def repetitive(self) -> bool:
        return self.compression_ratio > TOO_REPETITIVE

    @property
    def good(self) -> bool:
        """Fluent and likely; or so unlikely to be speech that another attempt would only hallucinate."""
        if self.avg_logprob < UNLIKELY_LOGPROB:
            return self.no_speech_prob > NO_SPEECH
        return not self.repetitive


Generate = Callable[[Sequence[int], float], list[Decoded]]


def with_fallback(windows: int, generate: Generate, temperatures: Sequence[float]) -> list[Decoded]:
    """`generate(rows, temperature)` decodes those windows of the batch. If no attempt is good, the likeliest without
    repetitions is used."""
    tries: list[list[Decoded]] = [[] for _ in range(windows)]
    pending = list(range(windows))
    for attempt, temperature in enumerate(temperatures):
        metrics.FALLBACKS.inc(len(pending) if attempt else 0)
        for index, decoded in zip(pending, generate(pending, temperature), strict=True):
            tries[index].append(decoded)
        pending = [index for index in pending if not tries[index][-1].good]
        if not pending:
            break
    return [_best(tried) for tried in tries]


def _best(tried: Sequence[Decoded]) -> Decoded:
    if tried[-1].good:
        return tried[-1]
    fluent = [decoded for decoded in tried if not decoded.repetitive]
    return max(fluent or tried, key=lambda decoded: decoded.avg_logprob)
