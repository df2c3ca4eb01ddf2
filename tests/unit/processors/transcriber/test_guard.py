"""Texts that a model invented or repeated are distinguished from real speech."""

import pytest

from processors.transcriber.guard import compression_ratio, impossible, is_one_word, loops, runaway

SENTENCE = "She had your dark suit in greasy wash water all year. "
FAST = (
    "And the next item on the list is the one that we talked about last week when you were out of the office and "
    "could not come to the meeting, which is a pity, because it went rather well, all told."
)
FAST_CHINESE = "他每天早上六点起床去公园跑步然后回家吃早饭再坐地铁去公司上班"  # 30 letters
FAST_JAPANESE = "明日の朝は早く起きて駅まで歩いて行くつもりですがもし雨が降ったらタクシーを呼びます"  # 40 letters


def wild(text: str, duration_s: float) -> bool:
    return runaway(text, duration_s, compression_ratio(text))


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        (SENTENCE, 3.2),
        ("Yes.", 0.4),  # short audio ends with its word
        ("Thank you so much.", 0.7),
        (FAST, 8.0),  # five words a second
        ("It is what it is, and that is that, he said, and then he said it again.", 4.5),
        ("No, no, no, no, that is not what I meant.", 2.5),
        ("Bye bye bye bye bye.", 2.0),  # five times is not three words and the same three again
        ("One two three, one two four, one two five.", 3.0),
        ("He did it for the love of the game and for the love of the team.", 4.0),
        ("Please press one for sales, two for support, three for billing, or four for all other questions.", 6.0),
        (FAST_CHINESE, 5.0),  # six letters a second
        (FAST_JAPANESE, 5.0),  # eight
        ("오늘 아침에 비가 와서 우산을 들고 나갔는데 지하철이 늦게 왔습니다", 4.0),
        ("", 5.0),
    ],
)
def test_natural_speech_is_not_a_runaway(text: str, duration_s: float) -> None:
    assert not wild(text, duration_s)


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        (SENTENCE * 2, 5.0),  # the sentence twice, at a possible pace of speech
        (SENTENCE * 7, 3.2),
        ("She had your dark suit, she had your dark suit in greasy wash water.", 5.0),  # whatever its case and commas
        ("All right, and then I went to the to the store, to the store to buy some milk.", 6.0),
        ("I'm going to go ahead and do that, and I'm going to go ahead and do that, and I'm going to.", 9.0),
        ("The quick brown fox jumps over a lazy dog near the old mill by the river where we met last May.", 2.0),
        ("I do not know why she went there so late in the day.", 1.0),
        ("請不吝點贊訂閱轉發打賞支持明鏡與點點欄目", 1.0),  # the best known invention, in a second
        ("谢谢大家" * 30, 20.0),
        ("ご視聴ありがとうございました" * 10, 25.0),
    ],
)
def test_what_a_model_invents_is_a_runaway(text: str, duration_s: float) -> None:
    assert wild(text, duration_s)


def test_a_text_that_compresses_too_well_is_a_runaway_at_any_pace() -> None:
    assert runaway("one two", 20.0, 2.25)
    assert not runaway("one two", 20.0, 2.15)


def test_pace_counts_over_the_whole_window_and_over_a_second_at_least() -> None:
    words = "a b c d e f g h i j k"  # eleven
    assert runaway(words, 1.9, 1.0)
    assert not runaway(words, 2.0, 1.0)
    assert not runaway("a b c d e", 0.1, 1.0)
    assert runaway("a b c d e f", 0.1, 1.0)


def test_repeated_words_count_from_three_words_on_and_only_side_by_side() -> None:
    assert not runaway("a b a b", 20.0, 1.0)
    assert runaway("a b c a b c", 20.0, 1.0)
    assert not runaway("a b c d a b c", 20.0, 1.0)
    assert runaway("x a b c a b c y", 20.0, 1.0)


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        ("No, no, no, no, no.", False),  # people say that
        ("Right? Right? Right? Right? Right? Right? Right? Right?", True),
        ("We will see you in the, in the, in the, in the, in the", True),
        ("I keep working here, I keep working here, I keep working here", True),
        ("I keep working here, I keep working here", False),  # twice is a slip of the tongue
        ("He paid and paid and paid and paid, and in the end he moved to another town by the sea", False),
        ("", False),
    ],
)
def test_a_loop_is_mostly_the_same_words_again_and_again(text: str, is_loop: bool) -> None:
    assert loops(text) is is_loop


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("", True),
        ("Yes.", True),
        ("Congratulations!", True),
        ("Oh no", False),
        ("谢谢", True),
        ("今天天气很好我们去公园", False),
        ("วันนี้อากาศดีมากเราไปสวนสาธารณะกัน", False),
    ],
)
def test_a_sentence_in_a_script_without_blanks_is_not_one_word(text: str, one: bool) -> None:
    assert is_one_word(text) is one


def test_only_a_text_of_twice_the_fastest_pace_is_impossible() -> None:
    assert not impossible("a " * 11, 1.0)
    assert impossible("a " * 12, 1.0)
    assert impossible("a " * 12, 0.1)
