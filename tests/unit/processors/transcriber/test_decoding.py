"""What reads badly is tried again, warmer, and only that."""

from collections.abc import Sequence

from processors.transcriber.decoding import Decoded, with_fallback
from schemas.options import TEMPERATURES, DecodingOptions
from tests.samples import sample


def decoded(avg_logprob: float = -0.2, compression_ratio: float = 1.2, no_speech_prob: float = 0.0) -> Decoded:
    return Decoded((1, 2), avg_logprob, no_speech_prob, "some text", compression_ratio)


class Script:
    """Answers by window and try, and records its calls."""

    def __init__(self, *answers: list[Decoded]) -> None:
        self.answers = answers
        self.calls: list[tuple[list[int], float]] = []

    def __call__(self, which: Sequence[int], temperature: float) -> list[Decoded]:
        self.calls.append((list(which), temperature))
        step = TEMPERATURES.index(temperature)
        return [self.answers[index][step] for index in which]


def test_good_text_is_decoded_once() -> None:
    script = Script([decoded()], [decoded()])
    assert with_fallback([DecodingOptions()] * 2, script, TEMPERATURES) == [decoded(), decoded()]
    assert script.calls == [([0, 1], 0.0)]


def test_only_the_window_that_reads_badly_is_tried_again() -> None:
    before = sample("murmur_fallbacks_total")
    loop, better = decoded(compression_ratio=9), decoded(-0.4)
    script = Script([decoded()], [loop, decoded(-1.5), better])
    assert with_fallback([DecodingOptions()] * 2, script, TEMPERATURES) == [decoded(), better]
    assert script.calls == [([0, 1], 0.0), ([1], 0.2), ([1], 0.4)]
    assert sample("murmur_fallbacks_total") == before + 2


def test_the_temperatures_are_those_of_the_job_in_its_order() -> None:
    script = Script(*[[decoded(-1.5)] * 6])
    with_fallback([DecodingOptions()], script, (0.4, 0.2))
    assert [temperature for _, temperature in script.calls] == [0.4, 0.2]


def test_when_no_try_is_good_the_likeliest_without_repetition_stands() -> None:
    tries = [decoded(-0.1, 9.0), decoded(-1.9), decoded(-1.2), decoded(-1.4), decoded(-2), decoded(-3)]
    script = Script(tries)
    assert with_fallback([DecodingOptions()], script, TEMPERATURES) == [decoded(-1.2)]
    assert len(script.calls) == len(TEMPERATURES)


def test_when_every_try_repeats_itself_the_likeliest_stands() -> None:
    tries = [decoded(-0.5, 9.0), decoded(-0.3, 8.0), *[decoded(-0.9, 7.0)] * 4]
    assert with_fallback([DecodingOptions()], Script(tries), TEMPERATURES) == [decoded(-0.3, 8.0)]


def test_unlikely_text_without_speech_is_not_tried_again() -> None:
    noise = decoded(-1.5, no_speech_prob=0.9)
    script = Script([noise])
    assert with_fallback([DecodingOptions()], script, TEMPERATURES) == [noise]
    assert len(script.calls) == 1


def test_with_one_temperature_what_reads_badly_is_not_tried_again() -> None:
    poor = decoded(-1.5)
    script = Script([poor], [decoded()])
    assert with_fallback([DecodingOptions()] * 2, script, TEMPERATURES[:1]) == [poor, decoded()]
    assert script.calls == [([0, 1], 0.0)]


def test_what_is_good_enough_is_an_option_of_each_window() -> None:
    poor, loop, noise = decoded(-1.5), decoded(compression_ratio=3.0), decoded(-1.5, no_speech_prob=0.9)
    lenient = DecodingOptions(log_prob_threshold=-2.0, compression_ratio_threshold=4.0)
    hopeful = DecodingOptions(no_speech_threshold=0.95)
    script = Script([poor], [loop], [poor, decoded(-0.4)], [noise, decoded(-0.5)])
    texts = with_fallback([lenient, lenient, DecodingOptions(), hopeful], script, TEMPERATURES)
    assert texts == [poor, loop, decoded(-0.4), decoded(-0.5)]
    assert script.calls == [([0, 1, 2, 3], 0.0), ([2, 3], 0.2)]
