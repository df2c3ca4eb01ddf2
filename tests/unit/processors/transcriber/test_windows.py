"""A chunk is decoded until nothing spoken is left in it, and nothing twice."""

from dataclasses import replace

import pytest

from processors.transcriber.engine import LanguagePart, Window, WindowText
from processors.transcriber.windows import PROMPT_DROPPED, WINDOWS_MAX, ChunkText
from schemas.options import DecodingOptions
from schemas.segment import Segment
from schemas.sound import SAMPLE_RATE_HZ
from schemas.warning import TranscriptWarning
from tests.unit.processors.transcriber.scripted import (
    INFERENCE_S,
    Model,
    part,
    place,
    read_chunk,
    scripted,
    segment,
    texts,
    wrote,
)

FIT = DecodingOptions(encoder_window="fit")


def in_parts(*parts: LanguagePart) -> WindowText:
    """The result of an engine for a window in which the language changes."""
    return replace(wrote(), parts=parts)


def test_a_chunk_that_is_read_to_its_end_is_one_window() -> None:
    model = scripted(wrote(segment(0, 5, "one"), segment(5, 10, "two"), at_rest=True))
    assert texts(read_chunk(model, 10)) == ["one", "two"]
    assert model.places == [(0, 10)]


def test_decoding_continues_from_the_last_time_stamp_and_the_unclosed_text_is_read_there_again() -> None:
    model = scripted(wrote(segment(0, 6, "one"), tail=segment(6, 10, "tw")), wrote(segment(0, 4, "two")))
    text = read_chunk(model, 10)
    assert texts(text) == ["one", "two"]
    assert model.places == [(0, 10), (6, 10)]
    assert (text.segments[1].start, text.segments[1].end) == (6, 10.05)


def test_a_text_that_stays_unclosed_is_kept_once() -> None:
    model = scripted(wrote(segment(0, 6, "one"), tail=segment(6, 10, "tw")), wrote(tail=segment(0, 4, "two")))
    assert texts(read_chunk(model, 10)) == ["one", "two"]
    assert len(model.calls) == 2


@pytest.mark.parametrize(("speech_ends", "windows"), [(6.1, 1), (6.19, 1), (6.21, 2), (9, 2)])
def test_it_continues_while_more_than_a_fifth_of_a_second_of_speech_is_left(speech_ends: float, windows: int) -> None:
    model = scripted(wrote(segment(0, 6, "one"), tail=segment(6, 10, "two")), wrote(segment(0, 3, "two")))
    assert texts(read_chunk(model, 10, [(0, speech_ends)])) == ["one", "two"]
    assert len(model.calls) == windows


@pytest.mark.parametrize(("speech_ends", "windows"), [(6.9, 1), (7.0, 1), (7.1, 2)])
def test_after_a_complete_text_it_continues_only_for_a_second_of_speech(speech_ends: float, windows: int) -> None:
    model = scripted(wrote(segment(0, 6, "one"), at_rest=True), wrote(segment(0, 1, "two"), at_rest=True))
    assert texts(read_chunk(model, 10, [(0, speech_ends)])) == ["one", "two"][:windows]
    assert len(model.calls) == windows


def test_what_follows_a_model_at_rest_is_not_taken_when_it_only_repeats_the_end_or_is_doubtful() -> None:
    first = wrote(segment(0, 6, "Would you like a refund instead?"), at_rest=True)
    echo = wrote(segment(0, 1, "a refund, instead."), at_rest=True)
    assert len(read_chunk(scripted(first, echo), 10, [(0, 7.9)]).segments) == 1
    doubtful = replace(wrote(segment(0, 1, "Thank you."), at_rest=True), runaway=True)
    assert len(read_chunk(scripted(first, doubtful), 10, [(0, 7.9)]).segments) == 1


def test_silence_after_the_last_text_is_not_decoded() -> None:
    model = scripted(wrote(segment(0, 4, "one")))
    assert texts(read_chunk(model, 30, [(0, 4)])) == ["one"]
    assert len(model.calls) == 1


@pytest.mark.parametrize("closed_s", [0.05, 0.19])
def test_a_window_that_was_hardly_read_is_not_read_from_there_again(closed_s: float) -> None:
    model = scripted(wrote(segment(0, closed_s, "one"), tail=segment(closed_s, 10, "two")))
    assert texts(read_chunk(model, 10)) == ["one", "two"]
    assert len(model.calls) == 1


def test_a_model_that_closes_nothing_runs_once_and_its_text_is_kept() -> None:
    model = scripted(wrote(tail=segment(0, 30, "all of it")))
    assert texts(read_chunk(model, 30)) == ["all of it"]


def test_a_model_that_always_ends_early_runs_a_bounded_number_of_times_and_the_rest_is_reported() -> None:
    model = Model(lambda window: wrote(segment(0, 0.5, f"{place(window)[0]}")))
    text = read_chunk(model, 30)
    assert WINDOWS_MAX <= len(model.calls) <= WINDOWS_MAX + 1  # the rest once more, by itself
    assert texts(text)[:WINDOWS_MAX] == [f"{number * 0.5}" for number in range(WINDOWS_MAX)]
    assert text.unread[-1][1] == 30
    assert text.unread[-1][0] <= (WINDOWS_MAX + 1) * 0.5


def test_a_chunk_of_many_languages_that_always_ends_early_is_bounded_as_well() -> None:
    changes = [part(at, at + 3, "en" if at % 2 else "it") for at in range(0, 30, 3)]

    def answer(window: Window) -> WindowText:
        return in_parts(*changes) if window.duration_s == 30 else wrote(segment(0, 0.3, "x"))

    model = Model(answer)
    assert read_chunk(model, 30, [(at, at + 2.9) for at in range(0, 30, 3)]).unread
    assert len(model.calls) <= 1 + WINDOWS_MAX + 2 * len(changes)


def test_a_runaway_text_in_a_fitted_window_is_replaced_by_that_of_a_full_one_and_counted() -> None:
    wild = replace(wrote(segment(0, 5, "one one one")), runaway=True)
    model = scripted(wild, wrote(segment(0, 5, "one"), at_rest=True))
    text = read_chunk(model, 5, options=FIT)
    assert texts(text) == ["one"]
    assert [window.options.encoder_window for window in model.calls] == ["fit", "full"]
    assert model.places == [(0, 5), (0, 5)]
    assert text.refitted == 1


def test_a_runaway_text_in_a_full_window_stands() -> None:
    model = scripted(replace(wrote(segment(0, 5, "one one one")), runaway=True))
    text = read_chunk(model, 5)
    assert texts(text) == ["one one one"]
    assert text.refitted == 0


@pytest.mark.parametrize("hint", ["prompt", "hotwords"])
def test_a_runaway_text_with_a_hint_is_read_without_it_with_one_warning(hint: str) -> None:
    wild = replace(wrote(segment(0, 4, "Sofia, Sofia")), runaway=True)
    model = scripted(wild, wrote(segment(0, 6, "one")), replace(wrote(segment(0, 4, "two")), runaway=True))
    text = read_chunk(model, 10, options=DecodingOptions.model_validate({hint: "Sofia"}))
    assert texts(text) == ["one", "two"]
    assert [getattr(window.options, hint) for window in model.calls][:2] == ["Sofia", None]
    assert text.warnings == (PROMPT_DROPPED,)


def test_a_fitted_window_with_a_prompt_is_tried_in_full_before_the_prompt_is_given_up() -> None:
    bad = replace(wrote(segment(0, 5, "x")), runaway=True)
    model = scripted(bad, bad, wrote(segment(0, 5, "one")))
    read_chunk(model, 5, options=DecodingOptions(prompt="Sofia", encoder_window="fit"))
    calls = [(window.options.encoder_window, window.options.prompt) for window in model.calls]
    assert calls == [("fit", "Sofia"), ("full", "Sofia"), ("full", None)]


def test_the_engines_warnings_of_a_window_are_in_the_chunks_warnings_once() -> None:
    cut = TranscriptWarning(code="prompt_cut", message="too long")
    model = scripted(replace(wrote(segment(0, 6, "one")), warnings=(cut,)), replace(wrote(segment(0, 4, "two")), warnings=(cut,)))
    assert read_chunk(model, 10).warnings == (cut,)


def test_parts_of_two_languages_become_windows_of_their_own_in_that_order() -> None:
    model = scripted(
        in_parts(part(0, 6, "en"), part(6, 10, "it")),
        wrote(segment(0, 6, "one")),
        wrote(segment(0, 4, "due"), language="it"),
    )
    text = read_chunk(model, 10, [(0, 5.8), (6.2, 10)])
    assert texts(text) == ["one", "due"]
    assert model.places == [(0, 10), (0, 6), (6, 10)]
    assert [window.options.language for window in model.calls] == [None, "en", "it"]


def test_a_part_that_ends_early_is_continued_before_the_next_part_begins() -> None:
    model = scripted(
        in_parts(part(0, 6, "en"), part(6, 10, "it")),
        wrote(segment(0, 3, "one")),
        wrote(segment(0, 3, "two")),
        wrote(segment(0, 4, "tre"), language="it"),
    )
    assert texts(read_chunk(model, 10, [(0, 5.8), (6.2, 10)])) == ["one", "two", "tre"]
    assert model.places == [(0, 10), (0, 6), (3, 6), (6, 10)]
    assert [window.options.language for window in model.calls] == [None, "en", "en", "it"]


def test_it_continues_in_the_silence_that_the_time_stamp_means() -> None:
    early = scripted(wrote(segment(0, 3.7, "in a glass.")), wrote(segment(0, 6, "What I learned")))
    read_chunk(early, 10, [(0, 4), (5, 10)])
    assert early.places[1][0] == 4  # after the last sound of the glass
    late = scripted(wrote(segment(0, 5.1, "in a glass.")), wrote(segment(0, 5, "What I learned")))
    read_chunk(late, 10, [(0, 4), (5, 10)])
    assert late.places[1][0] == 4.95  # before the first sound of what follows


def test_what_is_read_again_and_only_repeats_the_end_of_the_text_is_left_out() -> None:
    model = scripted(wrote(segment(0, 5, "It looks broken in a glass.")), wrote(segment(0, 1, "in a glass.")))
    assert texts(read_chunk(model, 6)) == ["It looks broken in a glass."]


@pytest.mark.parametrize(("speech_ends", "written"), [(10, 3), (8.5, 3), (7.0, 2)])
def test_a_sentence_that_is_spoken_again_after_a_window_is_kept_if_it_has_speech_of_its_own(
    speech_ends: float, written: int
) -> None:
    sentence = "Bring a flashlight."
    model = scripted(
        wrote(segment(0, 3, sentence), segment(3, 6, sentence), at_rest=True), wrote(segment(0, 4, sentence), at_rest=True)
    )
    assert texts(read_chunk(model, 10, [(0, 2.9), (3.1, 5.8), (6.0, speech_ends)])) == [sentence] * written


FLUENT = "Yes, and then we all went home by bus in the rain, since the last train had left."
FITTED = wrote(*[segment(at, at + 2, "Yes, that's right.") for at in range(0, 20, 2)])


@pytest.mark.parametrize(
    ("fitted", "full", "kept"),
    [
        (FITTED, "Yes, that's right.", FITTED.whole),
        (FITTED, FLUENT, FLUENT),
        (wrote(segment(0, 20, "no " * 40)), "Yes, that's right.", "Yes, that's right."),
        (wrote(segment(0, 20, "no " * 200)), "No.", "No."),
        (wrote(segment(0, 20, "no no no no no no no")), "No.", "No."),
    ],
    ids=["repeated", "not sparse", "other words", "too fast", "as sparse"],
)
def test_a_full_window_with_hardly_any_text_for_its_speech_gives_way_to_the_fitted_one(
    fitted: WindowText, full: str, kept: str
) -> None:
    model = scripted(replace(fitted, runaway=True), wrote(segment(0, 20, full), at_rest=True))
    assert " ".join(texts(read_chunk(model, 20, options=FIT))) == kept


def test_a_window_has_its_pauses_in_its_own_samples() -> None:
    model = scripted(wrote(segment(0, 4, "one")), wrote(segment(0, 6, "two")))
    read_chunk(model, 10, [(0, 2.5), (3.5, 4.5), (5.5, 10)])
    assert [[at / SAMPLE_RATE_HZ for at in window.pauses] for window in model.calls] == [[3, 5], [0.5]]  # it goes on at 4.5


def test_the_language_of_the_first_window_carries_on() -> None:
    model = scripted(wrote(segment(0, 6, "uno"), language="it"), wrote(segment(0, 4, "due"), language="it"))
    text = read_chunk(model, 10)
    assert [window.options.language for window in model.calls] == [None, "it"]
    assert (text.language, text.language_probability) == ("it", 0.75)


def test_a_chunks_language_is_the_one_with_the_most_text_and_its_probability_the_detectors() -> None:
    model = scripted(
        in_parts(part(0, 3, "en", 0.95), part(3, 10, "it", 0.91)),
        wrote(segment(0, 3, "one")),
        wrote(segment(0, 7, "due"), language="it"),
    )
    text = read_chunk(model, 10, [(0, 2.8), (3.2, 10)])
    assert (text.language, text.language_probability) == ("it", 0.91)


def test_without_any_text_there_is_no_language() -> None:
    text = read_chunk(scripted(replace(wrote(language="cy", at_rest=True), read_to_s=10.0)), 10, [])
    assert (text.language, text.language_probability, text.segments) == (None, 0.0, ())


def test_speech_for_which_the_model_writes_nothing_is_reported() -> None:
    text = read_chunk(scripted(wrote()), 10, [(1, 4), (6, 9)])
    assert text.unread == ((1, 9),)


def test_speech_between_two_texts_is_read_once_more_by_itself() -> None:
    model = scripted(
        wrote(segment(0, 2, "one"), segment(7, 10, "three"), at_rest=True), wrote(segment(1, 4.5, "two"), at_rest=True)
    )
    text = read_chunk(model, 10)
    assert texts(text) == ["one", "two", "three"]
    assert model.places == [(0, 10), (2, 7)]
    assert text.unread == ()


def test_a_gap_is_read_with_a_little_silence_around_its_speech() -> None:
    model = scripted(
        wrote(segment(0, 2, "one"), segment(17, 20, "three"), at_rest=True), wrote(segment(0.2, 5.2, "two"), at_rest=True)
    )
    text = read_chunk(model, 20, [(0, 2), (7, 12), (17, 20)])
    assert model.places == [(0, 20), (6.8, 12.2)]
    assert (text.segments[1].start, text.segments[1].end) == (6.95, 12.05)


def test_speech_that_is_passed_over_twice_is_reported_and_not_read_a_third_time() -> None:
    model = scripted(wrote(segment(0, 2, "one"), segment(7, 10, "three"), at_rest=True), wrote(at_rest=True))
    text = read_chunk(model, 10)
    assert texts(text) == ["one", "three"]
    assert text.unread == ((2, 7),)


def test_where_speech_was_not_detected_a_gap_is_not_read_again_and_not_reported() -> None:
    model = scripted(wrote(segment(0, 2, "one"), segment(7, 10, "three"), at_rest=True))
    text = read_chunk(model, 10, vad=False)
    assert texts(text) == ["one", "three"]
    assert (len(model.calls), text.unread) == (1, ())


def test_a_gap_of_several_languages_without_text_is_not_read_without_end() -> None:
    def answer(window: Window) -> WindowText:
        if place(window) == (0, 30):
            return wrote(segment(0, 2, "one"), segment(20, 30, "three"), at_rest=True)
        return wrote() if window.options.language else in_parts(part(0, 9, "en"), part(9, 18, "it"))

    text = read_chunk(Model(answer), 30, [(0, 10.8), (11.2, 30)])
    assert texts(text) == ["one", "three"]
    assert text.unread == ((2, 20),)


def test_the_time_of_every_window_counts_also_of_those_that_were_not_kept() -> None:
    wild = replace(wrote(segment(0, 5, "x")), runaway=True)
    model = scripted(wild, wrote(segment(0, 3, "one")), wrote(segment(0, 2, "two")))
    assert read_chunk(model, 5, options=FIT).inference_s == 3 * INFERENCE_S


def unsure(text: WindowText) -> WindowText:
    """The model finds it unlikely that there is speech."""

    def of(segment: Segment) -> Segment:
        return segment.model_copy(update={"no_speech_prob": 0.8, "avg_logprob": -0.8})

    return replace(text, segments=tuple(map(of, text.segments)), tail=text.tail and of(text.tail))


def removed(text: ChunkText) -> list[tuple[float, float, str, str]]:
    return [(each.start, each.end, each.text, each.reason) for each in text.removed]


def test_an_invented_segment_is_removed_and_recorded_and_not_decoded_again_nor_reported_as_speech_without_text() -> None:
    first = wrote(segment(0, 4, "one"), at_rest=True)
    phantom = unsure(wrote(segment(0, 6, "Thanks for watching!"), at_rest=True))
    model = scripted(first, phantom)
    text = read_chunk(model, 10)
    assert texts(text) == ["one"]
    assert removed(text) == [(4, 10, "Thanks for watching!", "phantoms")]
    assert model.places == [(0, 10), (4, 10)]
    assert text.unread == ()


def test_a_window_without_speech_is_decoded_to_its_end_however_early_its_text_ends() -> None:
    silent = wrote(segment(0, 1, "I see"), tail=segment(1, 10, "you"))
    doubted = replace(unsure(silent), segments=(segment(0, 1, "I see", no_speech_prob=0.8, avg_logprob=-1.2),))
    model = scripted(doubted)
    text = read_chunk(model, 10)
    assert (text.segments, text.language) == ((), None)
    assert removed(text) == [(0, 1, "I see", "silence"), (1, 10, "you", "silence")]


def test_an_unclosed_text_that_is_decoded_again_is_not_recorded_as_removed() -> None:
    model = scripted(unsure(wrote(segment(0, 6, "one"), tail=segment(6, 10, "Thank you."))), wrote(segment(0, 4, "two")))
    text = read_chunk(model, 10)
    assert (texts(text), text.removed) == (["one", "two"], ())


def test_without_filters_the_models_text_stays() -> None:
    phantom = unsure(wrote(segment(0, 10, "Thanks for watching!"), at_rest=True))
    text = read_chunk(scripted(phantom), 10, options=DecodingOptions(filters=()))
    assert (texts(text), text.removed) == (["Thanks for watching!"], ())
