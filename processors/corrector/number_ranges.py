"""Two numbers with a word or a comma between them that may share a scale (`two or three hundred`), or be one number (`veinte y
seis mil`). Pure.
"""

from collections.abc import Sequence
from itertools import pairwise

import regex

from processors.corrector.number_phrases import Number, Phrases

HUNDRED, THOUSAND = 100, 1000
UNITS = (HUNDRED, *(THOUSAND**power for power in range(1, 5)))
BETWEEN_MAX = 3  # words: `two or maybe even three hundred`
IN_DIGITS = regex.compile(r"\d+(?:[.,]\d+)?")
GROUPED = regex.compile(r"\d{1,3}[.,]\d{3}")  # `6,000`
GAP = regex.compile(r"[\s,'’\p{Pd}…]*")  # between words: no end of a sentence


def doubtful(phrases: Phrases) -> set[Number]:
    """Numbers that cannot be written without the other one of the pair."""
    found: set[Number] = set()
    scaled: Number | None = None
    for run, other in reversed(list(pairwise(_groups(phrases)))):
        number, following = run[-1], other[0]
        scaled = scaled or following
        if _may_share_scale(phrases, number, following, scaled):
            found |= {number, following}
            continue
        scaled = None
        if _may_be_one(phrases, number, following):
            found |= {number, following}
    return found


def _groups(phrases: Phrases) -> list[Sequence[Number]]:
    """The runs, and the numbers that are in digits already."""
    in_digits = [
        [Number(place, place + 1, word.content, _value(word.content))]
        for place, word in enumerate(phrases.words)
        if IN_DIGITS.fullmatch(word.content)
    ]
    return sorted([*phrases.runs, *in_digits], key=lambda run: run[0].first)


def _value(content: str) -> float:
    return float(regex.sub("[.,]", "" if GROUPED.fullmatch(content) else ".", content))


def _between(phrases: Phrases, number: Number, other: Number) -> list[str] | None:
    """The words between them. None: too many, the end of a sentence, or nothing but a blank."""
    if other.first - number.last > BETWEEN_MAX:
        return None
    words = phrases.words[number.last - 1 : other.first + 1]
    gaps = [phrases.text[word.end : following.start] for word, following in pairwise(words)]
    if not all(GAP.fullmatch(gap) for gap in gaps) or (len(words) == 2 and not gaps[0].strip()):
        return None
    return [word.content for word in words[1:-1]]


def _may_share_scale(phrases: Phrases, number: Number, following: Number, scaled: Number) -> bool:
    """Not `ten to five thousand`, and not `five to six million`: there the scale stays a word. With nothing but a comma between
    them only if they are near each other: `two, three hundred`."""
    between = _between(phrases, number, following)
    if between is None or number.is_ordinal or scaled.is_ordinal:
        return False
    counts = _counts(_value_in_digits(phrases, scaled), number.value)
    if not between:
        return any(number.value < count <= 3 * number.value for count in counts)
    is_range = between[0] in phrases.names.links | phrases.names.ranges
    return is_range and any(len(str(int(number.value))) <= len(str(count)) for count in counts)


def _counts(value: float, above: float) -> list[int]:
    """Of the scales larger than `above` that may be in the value: 6 and 65 of 6500, 6 of 6000."""
    units = [unit for unit in UNITS if unit > above and not (unit == HUNDRED and value % THOUSAND == 0)]
    return [int(value // unit) for unit in units if value >= 2 * unit]


def _value_in_digits(phrases: Phrases, number: Number) -> float:
    """Of what is before a scale that stays a word."""
    if phrases.contents(number)[-1] not in phrases.names.large_scales:
        return number.value
    return sum(each.value for each in phrases.numbers(number.first, number.last - 1))


def _may_be_one(phrases: Phrases, number: Number, other: Number) -> bool:
    """`veinte y uno`, `veinte y seis mil`, `drei und zwanzigtausend`; `three thousand, two hundred`."""
    between = _between(phrases, number, other)
    if between is None or not (number.is_integer and other.is_integer) or phrases.contents(number) == [number.digits]:
        return False
    if not between:
        return number.value >= THOUSAND and _has_room(number, other.value)
    if len(between) > 1 or between[0] not in phrases.names.links or phrases.language == "en":
        return False
    counts = [other.value, *(other.value // unit for unit in UNITS[1:] if number.value < unit <= other.value)]
    is_reversed = phrases.names.are_links_doubtful and 0 < number.value % HUNDRED < 10
    return any(_has_room(number, count) or (is_reversed and 20 <= count < HUNDRED and count % 10 == 0) for count in counts)


def _has_room(number: Number, count: float) -> bool:
    """For the digits of the count at its end."""
    return int(number.value) % int(10 ** len(str(int(count)))) == 0
