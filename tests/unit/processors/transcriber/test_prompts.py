"""A prompt is used as far as the model can, and what was cut is reported."""

from processors.transcriber.prompts import QUOTED_LETTERS, Prompt, fitted


class Words:
    """A token for each word; like the model's, words bring their blank."""

    def __init__(self) -> None:
        self.known: list[str] = []

    def encode(self, text: str) -> list[int]:
        assert text.startswith(" ")
        found = [f" {word}" for word in text.split()]
        self.known += [word for word in found if word not in self.known]
        return [self.known.index(word) for word in found]

    def decode(self, tokens: list[int]) -> str:
        return "".join(self.known[token] for token in tokens)


def test_no_prompt_is_no_tokens() -> None:
    assert fitted(None, None, Words(), 3) == Prompt([])


def test_a_prompt_that_fits_is_taken_as_it_is() -> None:
    words = Words()
    prompt = fitted(None, "radio garden Sofia", words, 3)
    assert words.decode(prompt.tokens) == " radio garden Sofia"
    assert prompt.warnings == ()


def test_of_a_prompt_that_is_too_long_the_end_is_used_and_quoted_in_the_warning() -> None:
    words = Words()
    prompt = fitted(None, "radio garden Sofia Ana", words, 3)
    assert words.decode(prompt.tokens) == " garden Sofia Ana"
    (warning,) = prompt.warnings
    assert warning.code == "prompt_cut"
    assert warning.message == "the prompt has 4 tokens; only its last 3 were used, from “garden Sofia Ana…” on"


def test_hotwords_come_first_and_leave_the_rest_to_the_prompt() -> None:
    words = Words()
    prompt = fitted("Sofia Ana", "radio garden by the sea", words, 5)
    assert words.decode(prompt.tokens) == " Sofia Ana by the sea"
    (warning,) = prompt.warnings
    assert warning.message == "the prompt has 5 tokens; only its last 3 were used, from “by the sea…” on"
    assert words.decode(fitted("Sofia Ana", None, words, 5).tokens) == " Sofia Ana"


def test_of_hotwords_that_are_too_long_the_beginning_is_used_and_nothing_of_the_prompt() -> None:
    words = Words()
    prompt = fitted("Sofia Ana Tejo Douro", "radio garden", words, 3)
    assert words.decode(prompt.tokens) == " Sofia Ana Tejo"
    assert [(warning.code, warning.message) for warning in prompt.warnings] == [
        ("hotwords_cut", "the hotwords have 4 tokens; only the first 3 were used, up to “…Sofia Ana Tejo”"),
        ("prompt_cut", "the prompt has 2 tokens; none was used"),
    ]


def test_the_warning_quotes_no_more_than_its_reader_needs_to_find_the_place() -> None:
    prompt = fitted(None, " ".join(f"name{number}" for number in range(500)), Words(), 223)
    (warning,) = prompt.warnings
    quoted = warning.message.split("“")[1].split("…”")[0]
    assert quoted.startswith("name277 name278")
    assert len(quoted) == QUOTED_LETTERS
