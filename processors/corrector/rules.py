"""The rules in force, applied to the texts of a transcript one after the other. Pure.

A rule that takes too long, or lets a text grow beyond bounds, is left out: the others are applied all the same.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from processors.corrector import patterns, spelling
from processors.corrector.rules_file import Rule
from processors.corrector.spelling import Place
from runtime.identity import digest

RULE_S = 5.0  # for one rule on a whole transcript: a good one takes milliseconds
GROWTH_MAX, GROWTH_CHARS = 4, 1000  # a longer text is not a correction
Apply = Callable[[str, Place, float], str]


@dataclass(frozen=True, slots=True)
class Applied:
    """`changed`: names of the rules that changed something; `failed`: what went wrong, by name."""

    texts: tuple[str, ...]
    changed: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)


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

    def apply(self, texts: Sequence[str], languages: Sequence[str | None], owner: str) -> Applied:
        """`texts` of the segments, in order, with the language of each."""
        now, changed, failed = list(texts), [], {}
        for rule, apply in self._rules:
            if not any(rule.is_for(owner, language) for language in languages):
                continue
            try:
                new = self._apply(rule, apply, now, languages, owner)
            except TimeoutError:
                failed[rule.name] = f"it took longer than {RULE_S:.0f} s"
            except _Grown:
                failed[rule.name] = "it makes a text too long"
            else:
                if new != now:
                    changed.append(rule.name)
                now = new
        return Applied(tuple(now), tuple(changed), failed)

    def _apply(self, rule: Rule, apply: Apply, texts: list[str], languages: Sequence[str | None], owner: str) -> list[str]:
        until_s = self._clock() + RULE_S
        new = list(texts)
        ours = [n for n, text in enumerate(texts) if text and rule.is_for(owner, languages[n])]
        for run in _runs(ours) if rule.words is not None else [[number] for number in ours]:
            first = run[0]
            before = next((new[number] for number in range(first - 1, -1, -1) if new[number]), "")
            place = Place(languages[first], before, first == len(texts) - 1)
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
        return _untimed(spelling.digits)
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
