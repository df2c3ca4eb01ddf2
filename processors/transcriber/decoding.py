"""Decoding with temperature fallback: a poor result is decoded again at the next temperature, for each window separately.

Fed by `whisper.py`, which encodes and generates; this decides what is good enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runtime import metrics
from schemas.options import DecodingOptions

SAMPLES_PER_TRY = 5


@dataclass(frozen=True, slots=True)
class Decoded:
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    text: str
    compression_ratio: float

    def is_repetitive(self, options: DecodingOptions) -> bool:
        return self.compression_ratio > options.compression_ratio_threshold

    def is_good(self, options: DecodingOptions) -> bool:
        """Fluent and likely; or so unlikely to be speech that another attempt would only hallucinate."""
        if self.avg_logprob < options.log_prob_threshold:
            return self.no_speech_prob > options.no_speech_threshold
        return not self.is_repetitive(options)


Generate = Callable[[Sequence[int], float], list[Decoded]]


def with_fallback(options: Sequence[DecodingOptions], generate: Generate, temperatures: Sequence[float]) -> list[Decoded]:
    """`options`: of every window of the batch; `generate(rows, temperature)` decodes those windows. If no attempt is good, the
    likeliest without repetitions is used."""
    tries: list[list[Decoded]] = [[] for _ in options]
    pending = list(range(len(options)))
    for attempt, temperature in enumerate(temperatures):
        metrics.FALLBACKS.inc(len(pending) if attempt else 0)
        for index, decoded in zip(pending, generate(pending, temperature), strict=True):
            tries[index].append(decoded)
        pending = [index for index in pending if not tries[index][-1].is_good(options[index])]
        if not pending:
            break
    return [_best(tried, those) for tried, those in zip(tries, options, strict=True)]


def _best(tried: Sequence[Decoded], options: DecodingOptions) -> Decoded:
    if tried[-1].is_good(options):
        return tried[-1]
    fluent = [decoded for decoded in tried if not decoded.is_repetitive(options)]
    return max(fluent or tried, key=lambda decoded: decoded.avg_logprob)
