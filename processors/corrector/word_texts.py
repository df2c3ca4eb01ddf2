"""The words of a segment after its text was corrected. Pure.

Words of the model have times; corrected ones take over those of the words that they stand for. Joined, the words are the text.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

import regex

from schemas.segment import Word

TOKEN = regex.compile(r"\s*\S+")


def corrected(words: Sequence[Word], text: str) -> tuple[Word, ...]:
    """Words that stayed keep their times. Those in place of others divide up their time, and have the lowest of their
    probabilities. As they were, where words are written without blanks between them."""
    tokens: list[str] = TOKEN.findall(f" {text}" if words and words[0].word[:1].isspace() else text)
    if any(not word.word[:1].isspace() for word in words[1:]):
        return tuple(words)
    new: list[Word] = []
    matcher = SequenceMatcher(None, [_core(word.word) for word in words], [_core(token) for token in tokens], autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(words[start:end], tokens[first:last], strict=True)
            new += [word.model_copy(update={"word": token}) for word, token in pairs]
        else:
            new += _divided(words, start, end, tokens[first:last])
    return tuple(new)


def _core(token: str) -> str:
    """Without case and marks: those may differ in the same word."""
    return regex.sub(r"\W", "", token).casefold() or token.strip()


def _divided(words: Sequence[Word], start: int, end: int, tokens: Sequence[str]) -> list[Word]:
    """`tokens` in place of `words[start:end]`; of none, between its neighbours."""
    replaced = words[start:end]
    begin_s = replaced[0].start if replaced else words[start - 1].end if start else words[0].start if words else 0.0
    end_s = replaced[-1].end if replaced else words[start].start if start < len(words) else begin_s
    step_s = max(0.0, end_s - begin_s) / max(1, len(tokens))
    probability = min((word.probability for word in replaced), default=0.0)
    return [
        Word(
            start=round(begin_s + place * step_s, 3),
            end=round(begin_s + (place + 1) * step_s, 3),
            word=token,
            probability=probability,
        )
        for place, token in enumerate(tokens)
    ]
