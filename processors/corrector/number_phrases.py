"""A text as words and the numbers among them, in runs: numbers with nothing but blanks or hyphens between them. Pure.

Finding numbers and their values is done by the library text2num.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex
from text_to_num import find_numbers

from processors.corrector.number_words import LANGUAGES, NumberWords

WORD = regex.compile(r"[\p{L}\p{M}]+|\d+(?:[.,:]\d+)*")
JOINS = regex.compile(r"\s+|[-\u2010\u2011]")  # between words of one number
HALF_DAY = regex.compile(r"\s*[ap]\.?\s?m\b", regex.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Word:
    """In lower case, with its place in the text. `is_apart`: more than a blank or a hyphen is before it. The methods are what
    `find_numbers` asks for."""

    content: str
    start: int
    end: int
    is_apart: bool
    is_stand_in: bool

    def text(self) -> str:
        return self.content

    def nt_separated(self, _: "Word") -> bool:
        return self.is_apart

    def not_a_number_part(self) -> bool:
        return self.is_stand_in


@dataclass(frozen=True, slots=True)
class Number:
    """Words `first` to before `last`. `digits`: as the library writes it. `is_stand_in`: see `NumberWords`."""

    first: int
    last: int
    digits: str
    value: float
    is_ordinal: bool = False
    is_stand_in: bool = False

    @property
    def is_integer(self) -> bool:
        return self.digits.isdecimal()

    @property
    def is_power_of_ten(self) -> bool:
        return self.value >= 10 and f"{self.value:.0f}".rstrip("0") == "1"

    @property
    def is_digit_by_digit(self) -> bool:
        """One digit, perhaps after zeros, each of them said."""
        return self.is_integer and len(self.digits) == self.last - self.first and len(self.digits.lstrip("0")) <= 1


class Phrases:
    """The runs of one text, and the words around them."""

    def __init__(self, text: str, language: str) -> None:
        self.text = text
        self.language = language
        self.names: NumberWords = LANGUAGES[language]
        self.words = _words(text, self.names)
        self.runs = list(self._runs())
        self._by_end = {run[-1].last: run for run in self.runs}

    def contents(self, number: Number) -> list[str]:
        return [word.content for word in self.words[number.first : number.last]]

    def as_written(self, place: int) -> str:
        return self.text[self.words[place].start : self.words[place].end]

    def before(self, run: Sequence[Number], distance: int = 1) -> str:
        """The word so far before it; empty beyond a mark."""
        return self._word(run[0].first - distance, range(run[0].first - distance + 1, run[0].first + 1))

    def after(self, run: Sequence[Number], distance: int = 1) -> str:
        return self._word(run[-1].last + distance - 1, range(run[-1].last, run[-1].last + distance))

    def run_ending_before(self, place: int) -> Sequence[Number]:
        """Empty: the word before it is no number."""
        return self._by_end.get(place, [])

    def is_hour(self, run: Sequence[Number]) -> bool:
        """English, with `a.m.` or `p.m.` after it."""
        return self.language == "en" and HALF_DAY.match(self.text, self.words[run[-1].last - 1].end) is not None

    def numbers(self, first: int, last: int) -> list[Number]:
        """Those of a part of the words."""
        found = find_numbers(self.words[first:last], self.language, threshold=0.0)
        return [Number(first + each.start, first + each.end, each.text, each.value, each.is_ordinal) for each in found]

    def _word(self, place: int, joined: range) -> str:
        if not 0 <= place < len(self.words) or any(self.words[each].is_apart for each in joined):
            return ""
        return self.words[place].content

    def _runs(self) -> Iterator[list[Number]]:
        run: list[Number] = []
        for number in self._all_numbers():
            if run and (run[-1].last != number.first or self.words[number.first].is_apart):
                yield run
                run = []
            run.append(number)
        if run:
            yield run

    def _all_numbers(self) -> list[Number]:
        """With the words that stand for a digit, where they follow a number and another word follows them (not `5 o'clock`)."""
        found = self.numbers(0, len(self.words))
        ends = {number.last for number in found}
        for place, word in enumerate(self.words[:-1]):
            if word.is_stand_in and place in ends and not word.is_apart and not self.words[place + 1].is_apart:
                digit = self.names.stand_ins[word.content]
                ends.add(place + 1)
                found.append(Number(place, place + 1, digit, float(digit), is_stand_in=True))
        return sorted(found, key=lambda number: number.first)


def _words(text: str, names: NumberWords) -> list[Word]:
    words: list[Word] = []
    end = 0
    for match in WORD.finditer(text):
        content, is_apart = match[0].lower(), JOINS.fullmatch(text, end, match.start()) is None
        words.append(Word(content, match.start(), match.end(), is_apart, content in names.stand_ins))
        end = match.end()
    return words
