"""The rules in force, applied to the texts of a transcript one after the other. Pure.

A rule that takes too long, or lets a text grow beyond bounds, is left out: the others are applied all the same, as long as there
is time for all of them.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from processors.corrector import numbers, patterns, spelling
from processors.corrector.rules_file import Rule
from processors.corrector.spelling import Place
from runtime.identity import digest

RULE_S, RULES_S = 1.0, 5.0  # for one rule on a transcript, and for all: a good one takes milliseconds
LONG_CHARS = 100_000  # a text of two hours: for so much more text there is as much time again
GROWTH_MAX, GROWTH_CHARS = 4, 1000  # a longer text is not a correction
Apply = Callable[[str, Place, float], str]


@dataclass(frozen=True, slots=True)
class Applied:
    """`changed`: names of the rules that changed something; `failed`: what went wrong, by name; `left_out`: how many other rules
    were not applied, for lack of time."""

    texts: tuple[str, ...]
    changed: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    left_out: int = 0


class Rules:
    """Of one version of the file."""

    def __init__(self, rules: Sequence[Rule], clock: Callable[[], float] = time.monotonic) -> None:
        self._rules = [(rule, _applied_by(rule)) for rule in rules]
        self._clock = clock

    def __len__(self) -> int:
        return len(self._rules)

    def version(self, owner: str, languages: Sequence[str | None]) -> str | None:
        """Of those rules that apply to such a text; None: none does."""
        ours = [rule.model_dump() for rule, _ in self._rules if any(rule.is_for(owner, language) for language in languages)]
        return digest(ours) if ours else None

    def apply(self, texts: Sequence[str], languages: Sequence[str | None], owner: str, until_s: float = math.inf) -> Applied:
        """`texts` of the segments, in order, with the language of each. Ends at `until_s` by the clock."""
        now = list(texts)
        changed: list[str] = []
        failed: dict[str, str] = {}
        times = 1 + sum(map(len, texts)) / LONG_CHARS
        until_s = min(until_s, self._clock() + RULES_S * times)
        ours = [each for each in self._rules if any(each[0].is_for(owner, language) for language in languages)]
        for place, each in enumerate(ours):
            name, began_s = each[0].name, self._clock()
            if began_s >= until_s:
                return Applied(tuple(now), tuple(changed), failed, left_out=len(ours) - place)
            try:
                new = self._apply(each, now, languages, owner, min(until_s, began_s + RULE_S * times))
            except TimeoutError:
                failed[name] = f"it took longer than {min(until_s - began_s, RULE_S * times):.1f} s"
            except _Grown:
                failed[name] = "it makes a text too long"
            else:
                if new != now:
                    changed.append(name)
                now = new
        return Applied(tuple(now), tuple(changed), failed)

    def _apply(
        self, each: tuple[Rule, Apply], texts: list[str], languages: Sequence[str | None], owner: str, until_s: float
    ) -> list[str]:
        rule, apply = each
        new = list(texts)
        ours = [n for n, text in enumerate(texts) if text and rule.is_for(owner, languages[n])]
        for run in _runs(ours) if rule.words is not None else [[number] for number in ours]:
            first = run[0]
            before = next((new[number] for number in range(first - 1, -1, -1) if new[number]), "")
            after = next((texts[number] for number in range(run[-1] + 1, len(texts)) if texts[number]), "")
            place = Place(languages[first], before, after)
            left_s = until_s - self._clock()
            if left_s <= 0:
                raise TimeoutError
            text = _joined(texts[first : run[-1] + 1])
            corrected = apply(text, place, left_s)
            if len(corrected) > GROWTH_MAX * len(text) + GROWTH_CHARS:
                raise _Grown
            for number, part in zip(run, corrected.split(patterns.BORDER) if len(run) > 1 else [corrected], strict=True):
                new[number] = part.strip()
        return new


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    """Those that follow one another are together."""
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        yield [number for _, number in run]


def _joined(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else patterns.BORDER.join(text.replace(patterns.BORDER, " ") for text in texts)


class _Grown(Exception):
    """A rule made a text too long."""


def _applied_by(rule: Rule) -> Apply:
    if rule.pattern is not None and rule.replace is not None:
        return _anywhere(patterns.by_pattern(rule.pattern, rule.replace, ignore_case=rule.ignore_case))
    if rule.words is not None:
        return _anywhere(patterns.by_words(rule.words))
    if rule.numbers is not None:
        return _untimed(lambda text, place: numbers.digits(text, place.language, place.before, place.after))
    if rule.casing is not None:
        return {
            "sentences": _untimed(spelling.sentences),
            "lower": lambda text, place, left_s: text.lower(),
            "upper": lambda text, place, left_s: text.upper(),
        }[rule.casing]
    return _untimed(spelling.tidy if rule.punctuation == "tidy" else spelling.without_marks)


def _anywhere(replace: patterns.Replace) -> Apply:
    return lambda text, place, left_s: replace(text, left_s)


def _untimed(function: Callable[[str, Place], str]) -> Apply:
    """Of our own, which takes time in proportion to the text."""
    return lambda text, place, left_s: function(text, place)
