"""Numbers in words to digits, only where the digits are certain. Pure.

Taken at its word, text2num writes wrong numbers: `three point five million` becomes `3.5 1000000`, `nineteen ninety nine` becomes
`19 99`. So each number is judged with the words around it, and numbers in a row together. What is not certain stays as it was
transcribed: words are never wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import regex

from processors.corrector import number_sequences
from processors.corrector.number_phrases import Number, Phrases, begins_with_number, ends_with_number
from processors.corrector.number_words import DECADES, LANGUAGES, REPEATS

SMALL_MAX = 3  # single numbers up to this stay words
ORDINAL_MIN = 13  # ordinals below stay words: they are fractions, weekdays, intervals, rooms, too
DECIMAL = regex.compile(r"\d+[.,]\d+")


@dataclass(frozen=True, slots=True)
class Written:
    """What replaces words `first` to before `last`."""

    first: int
    last: int
    digits: str


def digits(text: str, language: str | None, before: str = "", after: str = "") -> str:
    """The text with digits. `before` and `after`: what was said next to it: a number that may go on there stays."""
    if language is None or language not in LANGUAGES:
        return text
    phrases = Phrases(text, language)
    goes_on = ends_with_number(before, language), begins_with_number(after, language) and ends_with_number(text, language)
    parts, end = [], 0
    for each in _certain(phrases, goes_on):
        parts += [text[end : phrases.words[each.first].start], each.digits]
        end = phrases.words[each.last - 1].end
    return "".join([*parts, text[end:]])


def _certain(phrases: Phrases, goes_on: tuple[bool, bool]) -> list[Written]:
    """In order. `goes_on`: whether a number at the beginning, or the end, may go on beyond."""
    runs = phrases.runs
    written = [_written(phrases, run) for run in runs]
    if goes_on[0] and runs and runs[0][0].first == 0:
        written[0] = None
    if goes_on[1] and runs:
        written[-1] = None
    for place, (run, other) in enumerate(pairwise(runs)):
        if _may_be_one(phrases, run, other):
            written[place] = written[place + 1] = None
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
        or (phrases.language == "en" and (before in REPEATS or after in DECADES))
    )


def _is_in_fraction(phrases: Phrases, run: Sequence[Number]) -> bool:
    """`three quarters`, `ten and a half`, `nine and three quarters`."""
    names, following = phrases.names, [phrases.after(run, distance) for distance in (1, 2, 3)]
    if following[0] in names.fractions or (phrases.language == "de" and following[0].endswith("tel")):
        return True
    return following[0] in names.links and not names.fractions.isdisjoint(following[1:])


def _may_be_one(phrases: Phrases, run: Sequence[Number], other: Sequence[Number]) -> bool:
    """`veinte y uno`: 21, or 20 and 1."""
    is_linked = other[0].first == run[-1].last + 1 and phrases.after(run) in phrases.names.links and phrases.after(run, 2) != ""
    has_room = run[-1].is_integer and other[0].is_integer and run[-1].value % 10 ** len(other[0].digits) == 0
    return is_linked and has_room and phrases.language != "en"


def _is_scaled_decimal(phrases: Phrases, run: Sequence[Number]) -> bool:
    """`three point five million`, which are two numbers for the library."""
    scale = phrases.contents(run[1])
    is_scale = len(scale) == 1 and scale[0] in phrases.names.large_scales and not _is_plural(phrases, scale)
    return is_scale and not run[0].is_integer and _single(phrases, run[0]) is not None


def _single(phrases: Phrases, number: Number) -> Written | None:
    contents = phrases.contents(number)
    if number.is_ordinal:
        return _ordinal(phrases, number, contents)
    if _is_plural(phrases, contents) or not _is_one_number(phrases, number, contents):
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
    """`3 million`, `3,5 millions`, `3,5`: the scale stays a word. `one million` stays as a whole."""
    has_scale = contents[-1] in phrases.names.scales
    last = number.last - has_scale
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
