"""The words of a segment after its text was corrected. Pure.

Words of the model have times; corrected ones take over those of the words that they stand for. Joined, the words are the text.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import regex

from schemas.segment import Word

TOKEN = regex.compile(r"\s*\S+")


def corrected(words: Sequence[Word], text: str) -> tuple[Word, ...]:
    """Words that stayed keep their times. Those in place of others divide up their time, and have the lowest of their
    probabilities; one in place of none shares the time of its neighbour. As they were, where words are written without blanks
    between them."""
    tokens: list[str] = TOKEN.findall(f" {text}" if words and words[0].word[:1].isspace() else text)
    if any(not word.word[:1].isspace() for word in words[1:]):
        return tuple(words)
    new: list[Word] = []
    for start, end, first, last in _blocks(words, tokens):
        if end - start == last - first == 1:
            new.append(words[start].model_copy(update={"word": tokens[first]}))
        elif last > first:
            new += _divided(words[start:end], tokens[first:last])
    return tuple(new)


def _blocks(words: Sequence[Word], tokens: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Which words became which tokens, as `start, end, first, last`: one for one, or some for some. Tokens alone only where there
    are no words."""
    matcher = SequenceMatcher(None, [_core(word.word) for word in words], [_core(token) for token in tokens], autojunk=False)
    found: list[tuple[int, int, int, int]] = []
    for kind, start, end, first, last in matcher.get_opcodes():
        if end - start == last - first:
            found += [(start + place, start + place + 1, first + place, first + place + 1) for place in range(end - start)]
        elif kind == "insert" and found:
            before = found.pop()
            found.append((before[0], before[1], before[2], last))
        else:
            found.append((start, end, first, last))
    if len(found) > 1 and found[0][0] == found[0][1]:  # new at the beginning
        found[:2] = [(found[1][0], found[1][1], found[0][2], found[1][3])]
    yield from found


def _core(token: str) -> str:
    """Without case and marks: those may differ in the same word."""
    return regex.sub(r"\W", "", token).casefold() or token.strip()


def _divided(words: Sequence[Word], tokens: Sequence[str]) -> list[Word]:
    """`tokens` in the time of `words`."""
    begin_s, end_s = (words[0].start, words[-1].end) if words else (0.0, 0.0)
    step_s = (end_s - begin_s) / len(tokens)
    probability = min((word.probability for word in words), default=0.0)
    return [
        Word(
            start=round(begin_s + place * step_s, 3),
            end=round(begin_s + (place + 1) * step_s, 3),
            word=token,
            probability=probability,
        )
        for place, token in enumerate(tokens)
    ]
