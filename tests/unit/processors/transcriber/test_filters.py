"""What nobody spoke is removed, with its reason; what somebody may have spoken stays unless something speaks against it."""

from typing import Any

import numpy as np
import pytest

from processors.transcriber.engine import WindowText
from processors.transcriber.filters import of_window, sifted
from processors.transcriber.guard import compression_ratio
from processors.transcriber.sound import Sound
from schemas.options import ALL_FILTERS, DecodingOptions, Filter
from schemas.segment import Segment

RATE = 16_000
PAUSES = np.tile(np.repeat([1.0, 0.02], RATE // 4), 20)  # a voice is not loud all the time
LOUD = (PAUSES * np.random.default_rng(1).normal(0, 3000, 10 * RATE)).astype(np.int16)
ROOM = np.random.default_rng(2).normal(0, 60, 10 * RATE).astype(np.int16)
SPEECH = Sound(LOUD, [(0.0, 10.0)])
SURE = {"avg_logprob": -0.3, "no_speech_prob": 0.05}
NO_SPEECH = {"avg_logprob": -0.5, "no_speech_prob": 0.8}
UNLIKELY = {"avg_logprob": -1.3, "no_speech_prob": 0.2}


def segment(text: str, start: float = 0.0, end: float = 2.0, **scores: float) -> Segment:
    return Segment(
        start=start, end=end, text=text, language="en", compression_ratio=compression_ratio(text), **{**SURE, **scores}
    )


def reasons(*segments: Segment, sound: Sound = SPEECH, **options: Any) -> list[Filter | None]:
    """Of each segment."""
    kept, removed = sifted(segments, sound, DecodingOptions(**options), None)
    assert len(kept) + len(removed) == len(segments)
    why = {(each.start, each.end, each.text): each.reason for each in removed}
    return [why.get((each.start, each.end, each.text)) for each in segments]


@pytest.mark.parametrize("scores", [NO_SPEECH, UNLIKELY])
def test_a_phantom_is_removed_where_the_model_doubts_that_there_is_speech(scores: dict[str, float]) -> None:
    assert reasons(segment("Thanks for watching!", **scores)) == ["phantoms"]


def test_a_phantom_is_removed_where_no_speech_was_detected() -> None:
    loud_but_no_voice = Sound((LOUD * np.linspace(0, 5, len(LOUD))).astype(np.int16), [(0.0, 1.0)])
    assert reasons(segment("Thanks for watching!", 4.0, 6.0), sound=loud_but_no_voice) == ["phantoms"]


def test_somebody_who_says_thanks_for_watching_is_believed() -> None:
    assert reasons(segment("Thanks for watching!"), segment("Thank you.", 2, 3)) == [None, None]


def test_an_unlikely_text_that_is_no_phantom_stays() -> None:
    assert reasons(segment("She had your dark suit in greasy wash water.", **UNLIKELY)) == [None]


SENTENCE = "Yes, that's right."


@pytest.mark.parametrize(
    ("text", "times_s", "scores", "detected", "reason"),
    [
        (f"{SENTENCE} " * 5, (0, 8), SURE, True, None),
        (f"{SENTENCE} " * 5, (0, 8), NO_SPEECH, True, "repetition"),
        (f"{SENTENCE} " * 5, (0, 8), UNLIKELY, True, "repetition"),
        (f"{SENTENCE} " * 5, (0, 8), SURE, False, "repetition"),
        (f"{SENTENCE} " * 5, (0, 2.5), SURE, True, "repetition"),  # six words a second
        ("the same and " * 30, (0, 10), SURE, True, "repetition"),
        ("the same and " * 10, (0, 10), SURE, True, None),
        ("The ferry left at dawn, and nobody on deck noticed.", (0, 1), SURE, True, None),  # fast, but it repeats nothing
    ],
)
def test_a_repetition_is_removed_where_speech_is_in_doubt_or_nobody_speaks_as_fast(
    text: str, times_s: tuple[float, float], scores: dict[str, float], detected: bool, reason: Filter | None
) -> None:
    loud = Sound(LOUD, [(0.0, 10.0)] if detected else [])
    assert reasons(segment(text, *times_s, **scores), sound=loud) == [reason]
    assert reasons(segment(text, *times_s, **scores), sound=loud, filters=()) == [None]


def test_what_compresses_too_well_is_an_option() -> None:
    text = "He came in and he came in and went, he came in and he came in and left."
    assert reasons(segment(text, **UNLIKELY), compression_ratio_threshold=1.2) == ["repetition"]
    assert reasons(segment(text, **UNLIKELY)) == [None]


@pytest.mark.parametrize("copies", [2, 5, 10])
def test_a_sentence_that_is_said_again_and_again_stays(copies: int) -> None:
    assert reasons(*[segment(SENTENCE, at, at + 1) for at in range(copies)]) == [None] * copies


def test_without_speech_detection_what_compresses_too_well_is_removed() -> None:
    undetected = Sound(LOUD, [(0.0, 10.0)], vad=False)
    assert reasons(segment(f"{SENTENCE} " * 5, 0, 8), sound=undetected) == ["repetition"]
    assert reasons(*[segment(SENTENCE, at, at + 1) for at in range(5)], sound=undetected) == [None, *["repetition"] * 4]


def test_of_equal_neighbours_those_are_removed_for_which_speech_is_in_doubt() -> None:
    first_half = Sound(LOUD, [(0.0, 5.0)])
    copies = [segment(SENTENCE, at, at + 1) for at in range(10)]
    assert reasons(*copies, sound=first_half) == [None] * 6 + ["repetition"] * 4  # times may be off by a little


def test_a_loop_is_removed_where_speech_is_in_doubt() -> None:
    loop = "Ha ha ha ha ha ha ha ha ha"
    assert compression_ratio(loop) < 2.4
    assert reasons(segment(loop, **NO_SPEECH)) == ["repetition"]
    assert reasons(segment(loop)) == [None]


def test_many_equal_neighbours_are_removed_where_speech_is_in_doubt() -> None:
    copies = [segment("Right, I see", at, at + 1, **UNLIKELY) for at in range(5)]
    assert reasons(*copies) == ["repetition"] * 5
    assert reasons(*copies[:3]) == [None] * 3
    assert reasons(*[segment("No.", at, at + 1) for at in range(5)]) == [None] * 5


def test_of_a_confident_loop_over_many_segments_that_nobody_can_speak_the_first_stays() -> None:
    copies = [segment("I keep on working here", at / 4, at / 4 + 0.2) for at in range(20)]
    assert reasons(*copies, segment("And then?", 6, 7)) == [None, *["repetition"] * 19, None]


@pytest.mark.parametrize("text", [".", "...", "♪ ♪ ♪", "-- ! a"])
def test_a_text_of_few_letters_is_removed(text: str) -> None:
    assert reasons(segment(text)) == ["letters"]
    assert reasons(segment(text), letters_threshold=0.0) == [None]


@pytest.mark.parametrize("text", ["555-0123", "$5", "हाँ", "ครับ"])
def test_numbers_and_letters_of_any_script_are_letters(text: str) -> None:
    assert reasons(segment(text), language=None) == [None]


def test_another_script_is_removed_where_speech_is_in_doubt() -> None:
    assert reasons(segment("Большое спасибо всем", **UNLIKELY)) == ["script"]
    assert reasons(segment("Большое спасибо всем")) == [None]
    assert reasons(segment("Большое спасибо всем", **UNLIKELY), language="ru") == [None]
    assert reasons(segment("Большое спасибо всем", **UNLIKELY), language="ru", task="translate") == ["script"]


def test_a_text_over_silence_is_removed() -> None:
    quiet_at_the_end = Sound(np.concatenate([LOUD[: 5 * RATE], ROOM[: 5 * RATE]]), [(0.0, 4.0)])
    assert reasons(segment("And she said", 6.0, 8.0), sound=quiet_at_the_end) == ["silence"]
    assert reasons(segment("And she said", 3.0, 8.0), sound=quiet_at_the_end) == [None]


def test_without_speech_detection_the_level_decides_where_the_model_is_half_unsure() -> None:
    all_counts_as_speech = Sound(np.concatenate([LOUD[: 5 * RATE], ROOM[: 5 * RATE]]), [(0.0, 10.0)], vad=False)
    unsure = {"avg_logprob": -0.6, "no_speech_prob": 0.2}
    assert reasons(segment("visit our page", 5.5, 9.0, **unsure), sound=all_counts_as_speech) == ["silence"]
    assert reasons(segment("visit our page", 5.5, 9.0), sound=all_counts_as_speech) == [None]
    assert reasons(segment("visit our page", 4.0, 9.0, **unsure), sound=all_counts_as_speech) == [None]
    assert reasons(segment("visit our page", 5.5, 9.0, **unsure), sound=all_counts_as_speech, log_prob_threshold=-2) == [None]


def test_without_speech_detection_a_chunk_of_speech_alone_is_not_its_own_background() -> None:
    steady_voice = Sound(ROOM[:RATE], [(0.0, 1.0)], vad=False)
    assert reasons(segment("and anyone", 0.0, 0.9, avg_logprob=-0.9), sound=steady_voice) == [None]


@pytest.mark.parametrize(
    ("text", "scores", "sound"),
    [
        ("Thanks for watching!", NO_SPEECH, SPEECH),
        ("the same and " * 20, UNLIKELY, SPEECH),
        ("...", SURE, SPEECH),
        ("Большое спасибо всем", UNLIKELY, SPEECH),
        ("And she said", SURE, Sound(ROOM, [])),
    ],
    ids=ALL_FILTERS,
)
def test_each_filter_can_be_switched_off_alone(
    request: pytest.FixtureRequest, text: str, scores: dict[str, float], sound: Sound
) -> None:
    mine = request.node.callspec.id
    one = segment(text, **scores)
    assert reasons(one, sound=sound, filters=(mine,)) == [mine]
    assert reasons(one, sound=sound, filters=[name for name in ALL_FILTERS if name != mine]) == [None]


def why(text: str, duration_s: float = 10.0, **changes: Any) -> Filter | None:
    scores = {name: changes.pop(name) for name in SURE if name in changes}
    return of_window(WindowText("en", 0.9, (segment(text, **scores),)), duration_s, DecodingOptions(**changes))


@pytest.mark.parametrize(
    ("no_speech_prob", "avg_logprob", "text", "silent"),
    [
        (0.7, -1.2, "some invented words", True),
        (0.7, -0.5, "some spoken words", False),
        (0.5, -1.2, "some words mumbled", False),
        (0.99, -0.3, "The", True),
        (0.99, -0.3, "", True),
        (0.99, -0.3, "The end", False),
        (0.9, -0.3, "Yes.", False),
        (0.99, -0.3, "今天天气很好我们去公园", False),
    ],
)
def test_a_window_that_the_model_doubts_or_fills_with_one_word_is_silent(
    no_speech_prob: float, avg_logprob: float, text: str, silent: bool
) -> None:
    assert why(text, no_speech_prob=no_speech_prob, avg_logprob=avg_logprob) == ("silence" if silent else None)
    assert why(text, no_speech_prob=no_speech_prob, avg_logprob=avg_logprob, filters=()) is None


@pytest.mark.parametrize(("duration_s", "reason"), [(0.9, None), (1.0, "silence")])
def test_a_doubted_part_of_a_sentence_in_a_very_short_window_stays(duration_s: float, reason: Filter | None) -> None:
    assert why("along the curve", duration_s, no_speech_prob=0.8, avg_logprob=-1.2) == reason
    assert why("The", duration_s, no_speech_prob=0.99) == "silence"


def test_the_thresholds_of_a_silent_window_are_options() -> None:
    unsure: dict[str, Any] = {"no_speech_prob": 0.7, "avg_logprob": -1.2}
    assert why("some invented words", **unsure, no_speech_threshold=0.8) is None
    assert why("some invented words", **unsure, log_prob_threshold=-1.5) is None


def test_speech_cannot_be_that_fast() -> None:
    assert why("one two " * 20, duration_s=2.0) == "repetition"
    assert why("one two " * 20, duration_s=2.0, filters=("silence",)) is None
    assert why("one two " * 20, duration_s=10.0) is None


def test_a_window_without_text_has_no_reason() -> None:
    assert of_window(WindowText("en", 0.9), 10.0, DecodingOptions()) is None


def test_of_a_window_with_a_reason_all_is_removed_for_it() -> None:
    kept, removed = sifted([segment("a"), segment("b", 2, 3)], SPEECH, DecodingOptions(), "silence")
    assert kept == []
    assert [(each.text, each.start, each.end, each.reason) for each in removed] == [
        ("a", 0, 2, "silence"),
        ("b", 2, 3, "silence"),
    ]
