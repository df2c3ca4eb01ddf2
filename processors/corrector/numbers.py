"""Numbers in words to digits, only where the digits are certain. Pure.

Taken at its word, text2num writes wrong numbers: `three point five million` becomes `3.5 1000000`, `nineteen ninety nine` becomes
`19 99`. So each number is judged with the words around it, and numbers in a row together. What is not certain stays as it was
transcribed: words are never wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from processors.corrector import number_ranges, number_sequences
from processors.corrector.number_phrases import Number, Phrases
from processors.corrector.number_words import DECADES, LANGUAGES

CONTEXT_WORDS = 8  # of what is before and after
SMALL_MAX = 3  # single numbers up to this stay words
ORDINAL_MIN = 13  # ordinals below stay words: they are fractions, weekdays, intervals, rooms, too
MILLION = 1_000_000
MULTIPLIED_MIN = 10**15  # from here on a scale multiplies another: `one million five billion`
DECIMAL = regex.compile(r"\d+[.,]\d+")


@dataclass(frozen=True, slots=True)
class Written:
    """What replaces words `first` to before `last`."""

    first: int
    last: int
    digits: str


def digits(text: str, language: str | None, before: str = "", after: str = "") -> str:
    """The text with digits. `before` and `after`: what was said next to it. A number that goes on there stays."""
    if language is None or language not in LANGUAGES:
        return text
    head, tail = before.split()[-CONTEXT_WORDS:], after.split()[:CONTEXT_WORDS]
    end = sum(len(word) + 1 for word in head)
    phrases = Phrases(" ".join([*head, text, *tail]), language)
    parts, until = [], end + len(text)
    for each in _certain(phrases):
        first, last = phrases.words[each.first].start, phrases.words[each.last - 1].end
        if end <= first and last <= until:
            parts += [phrases.text[end:first], each.digits]
            end = last
    return "".join([*parts, phrases.text[end:until]])


def _certain(phrases: Phrases) -> list[Written]:
    """In order."""
    runs, doubtful = phrases.runs, number_ranges.doubtful(phrases)
    written = [_written(phrases, run) if doubtful.isdisjoint((run[0], run[-1])) else None for run in runs]
    return [
        each
        for place, each in enumerate(written)
        if each is not None and not (_is_small(phrases, runs[place], each) and not _has_larger_neighbour(phrases, written, place))
    ]


def _written(phrases: Phrases, run: Sequence[Number]) -> Written | None:
    if _is_part_of_more(phrases, run):
        return None
    if len(run) == 1:
        return _single(phrases, run[0])
    if len(run) == 2 and _is_scaled_decimal(phrases, run):
        return Written(run[0].first, run[1].last, f"{run[0].digits} {phrases.as_written(run[1].first)}")
    joined = number_sequences.joined(phrases, run)
    return Written(run[0].first, run[-1].last, joined) if joined is not None else None


def _is_part_of_more(phrases: Phrases, run: Sequence[Number]) -> bool:
    """Of a number in digits, of a decimal that the library does not find, of a fraction, of `double oh seven`, of a decade."""
    names, before, after = phrases.names, phrases.before(run), phrases.after(run)
    return (
        any(word[:1].isdecimal() or word in names.decimal for word in (before, after))
        or _is_in_fraction(phrases, run)
        or before in names.stand_ins
        or (after in names.stand_ins and after != "o")  # of `5 o'clock`
        or before in names.repeats
        or (after in names.repeats and _is_digit(phrases, run[-1].last + 1))
        or (phrases.language == "en" and after in DECADES)
    )


def _is_digit(phrases: Phrases, place: int) -> bool:
    """`double five`, `double oh`; not `double beds`."""
    return any(word.is_stand_in for word in phrases.words[place : place + 1]) or bool(phrases.numbers(place, place + 1))


def _is_in_fraction(phrases: Phrases, run: Sequence[Number]) -> bool:
    """`three quarters`, `ten and a half`, `nine and three quarters`."""
    names, following = phrases.names, [phrases.after(run, distance) for distance in (1, 2, 3)]
    if following[0] in names.fractions or (phrases.language == "de" and following[0].endswith("tel")):
        return True
    return following[0] in names.links and not names.fractions.isdisjoint(following[1:])


def _is_scaled_decimal(phrases: Phrases, run: Sequence[Number]) -> bool:
    """`three point five million`, which are two numbers for the library."""
    scale = phrases.contents(run[1])
    is_scale = len(scale) == 1 and scale[0] in phrases.names.large_scales and not _is_plural(phrases, scale)
    return is_scale and not run[0].is_integer and _single(phrases, run[0]) is not None


def _single(phrases: Phrases, number: Number) -> Written | None:
    contents = phrases.contents(number)
    if number.is_ordinal:
        return _ordinal(phrases, number, contents)
    if _is_plural(phrases, contents) or _is_elliptical(number, contents) or not _is_one_number(phrases, number, contents):
        return None
    if len(contents) == 1 and contents[0] in phrases.names.ambiguous:
        return None
    if contents[0] in phrases.names.scales:
        return _beginning_with_scale(phrases, number, contents)
    if contents[-1] in phrases.names.large_scales or not number.is_integer:
        return _ending_with_scale(phrases, number, contents)
    return Written(number.first, number.last, number.digits)


def _ordinal(phrases: Phrases, number: Number, contents: Sequence[str]) -> Written | None:
    """Not `thirty second` (a clip of so long?), `two hundredths`, `a twentieth`, `one hundredth`."""
    is_doubtful = contents[-1].endswith(("s", "i")) or (phrases.language == "en" and contents[-1] == "second")
    is_part = phrases.before([number]) in phrases.names.articles or number.is_power_of_ten
    is_product = len(contents) > 1 and phrases.language == "nl"
    if number.value < ORDINAL_MIN or is_doubtful or is_part or is_product:
        return None
    return Written(number.first, number.last, number.digits)


def _is_plural(phrases: Phrases, contents: Sequence[str]) -> bool:
    """`hundreds`, `tens of thousands`."""
    return phrases.language == "en" and contents[-1].endswith("s")


def _is_elliptical(number: Number, contents: Sequence[str]) -> bool:
    """`three million two` may be 3.2 million, `zero thirty` a time; `zero six hundred` is one and is written so."""
    is_short = number.value >= MILLION and 0 < number.value % MILLION < 1000
    is_time = number.is_integer and number.digits[0] == "0" and not number.is_digit_by_digit
    return is_short or (is_time and contents[-1] != "hundred")


def _is_one_number(phrases: Phrases, number: Number, contents: Sequence[str]) -> bool:
    """Not `between one hundred and five thousand`, and not `twenty and five`."""
    names, links = phrases.names, [place for place, word in enumerate(contents) if word in phrases.names.links]
    if not links:
        return True
    if names.are_links_doubtful or names.between & {phrases.before([number]), phrases.before([number], 2)}:
        return False
    return phrases.language != "en" or all(contents[place - 1] in names.scales for place in links)


def _beginning_with_scale(phrases: Phrases, number: Number, contents: Sequence[str]) -> Written | None:
    """`a hundred and five`, `mille deux cents`; not `a hundred`, `several hundred thousand`, `des millions`."""
    has_article = phrases.before([number]) in phrases.names.articles
    is_round = number.is_power_of_ten or contents[-1] in phrases.names.large_scales
    if is_round or not number.is_integer or (phrases.language == "en" and not has_article):
        return None
    return Written(number.first - has_article, number.last, number.digits)


def _ending_with_scale(phrases: Phrases, number: Number, contents: Sequence[str]) -> Written | None:
    """`3 million`, `3,5 millions`, `3,5`: the scale stays a word. `one million` stays as a whole.
    Of two scales neither stays a word."""
    has_scale = contents[-1] in phrases.names.scales
    last = number.last - has_scale
    if number.is_integer and not phrases.names.large_scales.isdisjoint(contents[:-1]):
        return Written(number.first, number.last, number.digits) if number.value < MULTIPLIED_MIN else None
    head = phrases.numbers(number.first, last)
    if [(each.first, each.last) for each in head] != [(number.first, last)]:
        return None
    if not head[0].is_integer and not (DECIMAL.fullmatch(head[0].digits) and _is_plain_fraction(phrases, contents, has_scale)):
        return None
    if not has_scale:
        return Written(number.first, number.last, head[0].digits)
    if head[0].value == 1 or contents[-1] not in phrases.names.large_scales:
        return None
    return Written(number.first, number.last, f"{head[0].digits} {phrases.as_written(last)}")


def _is_plain_fraction(phrases: Phrases, contents: Sequence[str], has_scale: bool) -> bool:
    """No hundreds after the point."""
    point = next((place for place, word in enumerate(contents) if word in phrases.names.decimal), 0)
    return phrases.names.scales.isdisjoint(contents[point : len(contents) - has_scale])


def _is_small(phrases: Phrases, run: Sequence[Number], written: Written) -> bool:
    """A single number up to three, which is no time."""
    is_alone = len(run) == 1 and written.digits == run[0].digits and run[0].is_integer
    return is_alone and run[0].value <= SMALL_MAX and not phrases.is_hour(run)


def _has_larger_neighbour(phrases: Phrases, written: Sequence[Written | None], place: int) -> bool:
    """With a word between them: `two to five`, `drei Uhr fünfzehn`. One stays a word: it is an article in many languages."""
    run = phrases.runs[place]
    if run[0].value == 1:
        return False
    larger = [
        phrases.runs[other]
        for other in (place - 1, place + 1)
        if 0 <= other < len(written) and written[other] is not None and phrases.runs[other][0].value > SMALL_MAX
    ]
    return any(
        (each[-1].last == run[0].first - 1 and phrases.before(run, 2) != "")
        or (each[0].first == run[0].last + 1 and phrases.after(run, 2) != "")
        for each in larger
    )
