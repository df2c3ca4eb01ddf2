"""Tokens become segments, and noise becomes nothing."""

import pytest

from processors.transcriber.segments import Span, is_silence, split

FIRST = 1000  # the token of 0.00 s; one every 0.02 s


def at(seconds: float) -> int:
    return FIRST + round(seconds * 50)


@pytest.mark.parametrize(
    ("tokens", "spans"),
    [
        ([], []),
        ([at(0.3), 1, 2, at(1.5), at(1.5)], [Span((1, 2), 0.3, 1.5)]),
        ([at(0.3), 1, at(1.5), at(2), 2, at(3)], [Span((1,), 0.3, 1.5), Span((2,), 2, 3)]),
        ([at(0), 1, at(1), at(1), 2, 3], [Span((1,), 0, 1), Span((2, 3), 1, 4)]),  # no closing time: the tail is kept
        ([1, 2], [Span((1, 2), 0, 4)]),
        ([at(1), 1, at(9)], [Span((1,), 1, 4)]),  # no time is past the chunk's end
        ([at(9), 1], [Span((1,), 4, 4)]),
        ([at(3), 1, at(1)], [Span((1,), 3, 3)]),  # nor before its own start
    ],
)
def test_tokens_are_cut_at_their_times(tokens: list[int], spans: list[Span]) -> None:
    assert split(tokens, FIRST, duration_s=4.0) == spans


@pytest.mark.parametrize(
    ("no_speech_prob", "avg_logprob", "text", "silent"),
    [
        (0.7, -1.2, "some words that nobody said", True),
        (0.7, -0.5, "some words that somebody said", False),
        (0.5, -1.2, "some words mumbled", False),
        (0.99, -0.3, "The", True),
        (0.99, -0.3, "", True),
        (0.99, -0.3, "The end", False),
        (0.9, -0.3, "Yes.", False),
    ],
)
def test_silence_is_what_the_model_doubts_or_fills_with_one_word(
    no_speech_prob: float, avg_logprob: float, text: str, silent: bool
) -> None:
    assert is_silence(no_speech_prob, avg_logprob, text, len(text.split())) is silent


def test_a_sentence_in_a_script_without_blanks_is_not_one_word() -> None:
    assert not is_silence(0.99, -0.3, "今天天气很好我们去公园", 11)
