"""Several numbers in a row that are one: digits that were read out, telephone numbers, English years and times. Pure.

Any other numbers in a row may be a range, a score, a price or a time, so they stay words.
"""

from collections.abc import Sequence
from itertools import pairwise

from processors.corrector.number_phrases import Number, Phrases
from processors.corrector.number_words import (
    AFTER_OTHERS,
    AFTER_PRICES,
    AROUND_OTHERS,
    BEFORE_CODES,
    BEFORE_OTHERS,
    BEFORE_YEARS,
    BEFORE_YEARS_OR_TIMES,
    OF_YEARS,
)

DIGITS_MIN = 4  # so many single digits in a row are a code; three are one after a word such as `room`
NEAR = 4  # so many words before it, a word can say what a number is
PHONE_MIN = 8  # digits of a telephone number that is read in groups


def joined(phrases: Phrases, run: Sequence[Number]) -> str | None:
    """None: not certain."""
    if any(number.is_ordinal or not number.is_integer for number in run) or run[-1].is_stand_in:
        return None
    if phrases.language == "en" and (found := _time(phrases, run) or _year(phrases, run)):
        return found
    if all(number.is_digit_by_digit for number in run):
        return _code(phrases, run)
    return None if any(number.is_stand_in for number in run) else _telephone_number(run)


def _code(phrases: Phrases, run: Sequence[Number]) -> str | None:
    digits = "".join(number.digits for number in run)
    is_count = {int(after) - int(before) for before, after in pairwise(digits)} in ({1}, {-1})
    is_named = len(digits) == DIGITS_MIN - 1 and phrases.before(run) in BEFORE_CODES
    is_certain = len(digits) >= DIGITS_MIN or is_named
    return digits if is_certain and not is_count and not phrases.is_hour(run) else None


def _telephone_number(run: Sequence[Number]) -> str | None:
    """Read in groups, the first of which begins with zero: `zéro six douze trente-quatre…`."""
    parts = [run[0].digits]
    for before, number in pairwise(run):
        parts += ["" if before.is_digit_by_digit and number.is_digit_by_digit else " ", number.digits]
    text = "".join(parts)
    is_certain = text.startswith("0") and sum(map(str.isdecimal, text)) >= PHONE_MIN
    return text if is_certain and all(len(number.digits) <= 3 for number in run) else None


def _time(phrases: Phrases, run: Sequence[Number]) -> str | None:
    """`three fifteen p.m.`, `two oh five a.m.`"""
    minutes = _two_digits(run[1:])
    if minutes is None or int(minutes) > 59 or not 1 <= run[0].value <= 12 or not phrases.is_hour(run):
        return None
    return f"{run[0].digits}:{minutes}"


def _year(phrases: Phrases, run: Sequence[Number]) -> str | None:
    """`in nineteen ninety nine`, `May twenty twenty four`; not without such a word before it: it may be a price, too."""
    century, rest = run[0], _two_digits(run[1:])
    if rest is None or not 13 <= century.value <= 20 or _is_amount(phrases, run):
        return None
    is_certain = _is_named_year(phrases, run, is_minute=int(rest) < 60) or (int(rest) >= 60 and _is_after_year(phrases, run))
    return century.digits + rest if is_certain else None


def _is_named_year(phrases: Phrases, run: Sequence[Number], is_minute: bool) -> bool:
    """`in`, `summer of`; `by nineteen thirty` may be a time."""
    before = phrases.before(run)
    is_of = before == "of" and phrases.before(run, 2) in OF_YEARS
    return is_of or before in BEFORE_YEARS or (before in BEFORE_YEARS_OR_TIMES and not is_minute)


def _is_amount(phrases: Phrases, run: Sequence[Number]) -> bool:
    """A price, a time, a measure, an age: `at nineteen ninety nine`, `priced from …`, `… a month`."""
    after = phrases.after(run)
    near = {phrases.before(run, distance) for distance in range(1, NEAR + 1)}
    return (
        phrases.before(run) in BEFORE_OTHERS
        or not AROUND_OTHERS.isdisjoint(near)
        or after in AFTER_OTHERS
        or (after in phrases.names.articles and phrases.after(run, 2) in AFTER_PRICES)
    )


def _is_after_year(phrases: Phrases, run: Sequence[Number]) -> bool:
    """`in nineteen eighty one or nineteen eighty two`."""
    earlier = phrases.run_ending_before(run[0].first - 1)
    is_range = phrases.before(run) in phrases.names.links | phrases.names.ranges and phrases.before(run, 2) != ""
    return is_range and len(earlier) > 1 and _is_named_year(phrases, earlier, is_minute=False)


def _two_digits(run: Sequence[Number]) -> str | None:
    """Of a number from ten, or of `oh` and a digit."""
    if len(run) == 1 and len(run[0].digits) == 2 and run[0].digits[0] != "0":
        return run[0].digits
    if len(run) == 2 and run[0].is_stand_in and run[1].is_digit_by_digit and len(run[1].digits) == 1:
        return run[0].digits + run[1].digits
    return None
