"""Phrases that Whisper writes over sound without speech, learned from subtitles. The list and its sources: phantoms.txt.

Used by `filters`. People say some of them: a match is no evidence by itself.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("phantoms.txt")
ANY_LANGUAGE = "en"  # English phrases appear over sound in every language
SENTENCE_END = re.compile(r"(?<=[.!?…♪♫])\s+|(?<=[。！？])|\n")


@dataclass(frozen=True, slots=True)
class Phrases:
    """Of one language, normalised. `beginnings`: of phrases that go on with a name or a year."""

    whole: frozenset[str]
    beginnings: tuple[str, ...]

    def has(self, sentence: str) -> bool:
        return sentence in self.whole or sentence.startswith(self.beginnings)


def is_listed(text: str, language: str | None) -> bool:
    """Whether the text is one of the phrases, or made of them only."""
    lists = [phrases for code in {language, ANY_LANGUAGE} if (phrases := listed().get(code or ""))]

    def has(part: str) -> bool:
        return any(phrases.has(normalised(part)) for phrases in lists)

    sentences = [sentence for sentence in SENTENCE_END.split(text) if normalised(sentence)]
    return has(text) or (bool(sentences) and all(map(has, sentences)))


def normalised(text: str) -> str:
    """Letters and digits only, without case and blanks: a model sets commas and blanks as it likes."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if unicodedata.category(letter)[0] in "LNM")


@cache
def listed() -> Mapping[str, Phrases]:
    """By language."""
    whole: dict[str, set[str]] = defaultdict(set)
    beginnings: dict[str, set[str]] = defaultdict(set)
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            language, phrase = line.split(maxsplit=1)
            (beginnings if phrase.endswith("*") else whole)[language].add(normalised(phrase))
    return {code: Phrases(frozenset(whole[code]), tuple(sorted(beginnings[code]))) for code in {*whole, *beginnings}}
