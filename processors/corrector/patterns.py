"""Regular expressions of the rules: checked when the file is read, and with a time limit when they run. Pure.

A pattern such as `(a+)+$` takes exponential time on some texts. The `regex` module ends a search after a given time, and releases
the interpreter's lock while it searches.
"""

from collections.abc import Callable, Mapping

import regex

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # scripts without blanks between words
BORDER = "\u2029"  # white space between the texts of two segments
Replace = Callable[[str, float], str]  # a text, and the seconds that are left; raises TimeoutError


def check(pattern: str, replace: str) -> None:
    """Raises ValueError, with what is wrong."""
    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    try:  # an alternative that always matches, so that the groups of the replacement are looked up
        regex.compile(f"{pattern}\n|").sub(replace, "")
    except (regex.error, IndexError) as error:
        raise ValueError(f"`replace` does not fit its {compiled.groups} groups: {error}") from error


def by_pattern(pattern: str, replace: str, *, ignore_case: bool) -> Replace:
    compiled = regex.compile(pattern, regex.IGNORECASE if ignore_case else 0)
    return lambda text, left_s: compiled.sub(replace, text, timeout=left_s, concurrent=True)


def by_words(words: Mapping[str, str]) -> Replace:
    """Whole words and phrases, the longest first. Blanks in a phrase are any white space; what a phrase with a border in it
    becomes is before the border. In scripts without blanks between words a match may be anywhere."""
    becomes = {_folded(word): replacement.replace(BORDER, " ") for word, replacement in words.items()}
    alternatives = "|".join(_whole(word) for word in sorted(words, key=len, reverse=True))
    compiled = regex.compile(alternatives, regex.IGNORECASE)

    def replacement(found: "regex.Match[str]") -> str:
        return becomes.get(_folded(found[0]), found[0]) + BORDER * found[0].count(BORDER)

    return lambda text, left_s: compiled.sub(replacement, text, timeout=left_s, concurrent=True)


def _folded(word: str) -> str:
    return " ".join(word.lower().split())


def _whole(word: str) -> str:
    word = " ".join(word.split())
    before = "" if regex.match(rf"[{UNSPACED}]|\W", word) else r"(?<!\w)"
    after = "" if regex.search(rf"(?:[{UNSPACED}]|\W)\Z", word) else r"(?!\w)"
    return before + r"\s+".join(regex.escape(part) for part in word.split(" ")) + after
