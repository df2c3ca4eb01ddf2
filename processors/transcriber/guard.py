"""Whether a text looks like a hallucination: faster than people speak, or repetitive. Pure.

Fed by `whisper.py` with every text. One that is `runaway` in a fitted encoder window is decoded again in full, one with a prompt
without it: a good text beyond a bound costs a second decoding and nothing else. The bounds were read off recorded speech with
original weights (docs/decisions/0007-fitted-windows.md). `filters` removes only what is much further beyond them.
"""

import unicodedata
import zlib
from collections.abc import Sequence

WORDS_PER_S_MAX = 5.5  # over a whole window
IMPOSSIBLE = 2.0  # times that: certainly a hallucination, as over the last sound of a word
COMPRESSION_MAX = 2.2  # Whisper's own limit is 2.4, for whole 30 s windows
REPEATED_WORDS = 3  # so many words or more, twice in a row
LETTERS_PER_WORD = 2  # in a script without blanks
UNSPACED_WORDS, LONGEST_WORD = 2, 16  # of a text that may be one word
SPARSE, SPARSE_S = 0.25, 3.0  # of the fastest pace: 1.4 words a second, half of what is usual; shorter speech may be one word
LOOP_WORDS = 8  # people laugh and refuse in shorter ones


def runaway(text: str, duration_s: float, compression_ratio: float) -> bool:
    if compression_ratio > COMPRESSION_MAX or is_fast(text, duration_s):
        return True
    return _repeats(words(text))


def words(text: str) -> list[str]:
    """Without case and punctuation."""
    return [word.strip(".,;:!?").lower() for word in text.split()]


def impossible(text: str, duration_s: float) -> bool:
    """Speech cannot be that fast."""
    return _pace(text, duration_s) > IMPOSSIBLE


def is_fast(text: str, duration_s: float) -> bool:
    """Faster than people speak over a whole window."""
    return _pace(text, duration_s) > 1


def is_sparse(text: str, speech_s: float) -> bool:
    """Far fewer words than people speak in so much speech."""
    return speech_s > SPARSE_S and _pace(text, speech_s) < SPARSE


def _pace(text: str, duration_s: float) -> float:
    """1: as fast as people speak at most. Weak below a second, since a word may be cut short."""
    return _spoken_words(text.split()) / (WORDS_PER_S_MAX * max(duration_s, 1.0))


def is_one_word(text: str) -> bool:
    """At most; in a script without blanks a sentence is longer than one."""
    parts = text.split()
    return len(parts) <= 1 and len(text) <= LONGEST_WORD and _spoken_words(parts) <= UNSPACED_WORDS


def loops(text: str) -> bool:
    """Most of it is the same words, three times in a row or more."""
    spoken = words(text)
    if len(spoken) < LOOP_WORDS:
        return False
    return any(_longest_copy(spoken, length) >= max(2 * length, len(spoken) / 2) for length in range(1, len(spoken) // 3 + 1))


def compression_ratio(text: str) -> float:
    """Whisper's: of the text's size over its size when compressed."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def _longest_copy(words: Sequence[str], length: int) -> int:
    """How many words in a row are the same as those so far before them."""
    longest = copied = 0
    for before, word in zip(words, words[length:], strict=False):
        copied = copied + 1 if before == word else 0
        longest = max(longest, copied)
    return longest


def _spoken_words(words: Sequence[str]) -> float:
    return sum(max(1.0, sum(map(_is_wide, word)) / LETTERS_PER_WORD) for word in words)


def _is_wide(letter: str) -> bool:
    """Of a script that is written without blanks: Chinese, Japanese and the like."""
    return unicodedata.east_asian_width(letter) in ("W", "F")


def _repeats(words: Sequence[str]) -> bool:
    """The same words follow each other twice."""
    return any(
        words[at : at + length] == words[at + length : at + 2 * length]
        for length in range(REPEATED_WORDS, len(words) // 2 + 1)
        for at in range(len(words) - 2 * length + 1)
    )
