"""From a model's tokens to segments with times, and when what it wrote is no speech at all. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

SECONDS_PER_TIMESTAMP = 0.02
# Whisper's own rule lets a third of noises through where the model is sure that nobody speaks but writes a confident word.
NO_SPEECH = 0.6
UNLIKELY_LOGPROB = -1.0
SURELY_NO_SPEECH = 0.95
ONE_WORD_TOKENS = 4  # a script without blanks writes a whole sentence as "one word"


@dataclass(frozen=True, slots=True)
class Span:
    """Text tokens between two times, in seconds of the chunk."""

    tokens: tuple[int, ...]
    start: float
    end: float


def split(tokens: Sequence[int], first_timestamp: int, duration_s: float) -> list[Span]:
    """Cuts at the timestamps. What follows the last complete pair is kept: it lasts to the chunk's end."""
    spans: list[Span] = []
    text: list[int] = []
    start = 0.0
    for token in tokens:
        if token < first_timestamp:
            text.append(token)
            continue
        at = min((token - first_timestamp) * SECONDS_PER_TIMESTAMP, duration_s)
        if text:
            spans.append(Span(tuple(text), start, max(start, at)))
            text = []
        start = at
    if text:
        spans.append(Span(tuple(text), start, duration_s))
    return spans


def is_silence(no_speech_prob: float, avg_logprob: float, text: str, text_tokens: int) -> bool:
    """Nobody speaks: the model says so and is unsure of its text, or is very sure and wrote a word at most."""
    if no_speech_prob > NO_SPEECH and avg_logprob < UNLIKELY_LOGPROB:
        return True
    one_word = len(text.split()) <= 1 and text_tokens <= ONE_WORD_TOKENS
    return no_speech_prob > SURELY_NO_SPEECH and one_word
