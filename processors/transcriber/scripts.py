"""The writing systems of a text, and those that a language is written in. Pure.

Used by `filters`. A script is the first word of a character's Unicode name, such as LATIN or CYRILLIC.
"""

import unicodedata
from collections.abc import Iterable, Mapping

_CHINESE = ("CJK", "BOPOMOFO")
_ALSO_LATIN = ("CYRILLIC", "LATIN")
# By Whisper's language codes; all others are written in Latin.
SCRIPTS: Mapping[str, tuple[str, ...]] = {
    "am": ("ETHIOPIC",),
    "ar": ("ARABIC",),
    "as": ("BENGALI",),
    "az": (*_ALSO_LATIN, "ARABIC"),
    "ba": ("CYRILLIC",),
    "be": ("CYRILLIC",),
    "bg": ("CYRILLIC",),
    "bn": ("BENGALI",),
    "bo": ("TIBETAN",),
    "bs": _ALSO_LATIN,
    "el": ("GREEK",),
    "fa": ("ARABIC",),
    "gu": ("GUJARATI",),
    "ha": ("LATIN", "ARABIC"),
    "he": ("HEBREW",),
    "hi": ("DEVANAGARI",),
    "hy": ("ARMENIAN",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"),
    "jw": ("LATIN", "JAVANESE"),
    "ka": ("GEORGIAN",),
    "kk": (*_ALSO_LATIN, "ARABIC"),
    "km": ("KHMER",),
    "kn": ("KANNADA",),
    "ko": ("HANGUL", "CJK"),
    "lo": ("LAO",),
    "mk": ("CYRILLIC",),
    "ml": ("MALAYALAM",),
    "mn": ("CYRILLIC", "MONGOLIAN"),
    "mr": ("DEVANAGARI",),
    "ms": ("LATIN", "ARABIC"),
    "my": ("MYANMAR",),
    "ne": ("DEVANAGARI",),
    "pa": ("GURMUKHI", "ARABIC"),
    "ps": ("ARABIC",),
    "ru": ("CYRILLIC",),
    "sa": ("DEVANAGARI",),
    "sd": ("ARABIC", "DEVANAGARI"),
    "si": ("SINHALA",),
    "sr": _ALSO_LATIN,
    "su": ("LATIN", "SUNDANESE"),
    "ta": ("TAMIL",),
    "te": ("TELUGU",),
    "tg": ("CYRILLIC",),
    "th": ("THAI",),
    "tk": _ALSO_LATIN,
    "tt": _ALSO_LATIN,
    "uk": ("CYRILLIC",),
    "ur": ("ARABIC",),
    "uz": _ALSO_LATIN,
    "yi": ("HEBREW",),
    "yue": _CHINESE,
    "zh": _CHINESE,
}
LATIN = ("LATIN",)


def letters_share(text: str) -> float:
    """Of the characters that are not blank, how many are letters or digits. Vowel signs count: many scripts write with them."""
    written = [letter for letter in text if not letter.isspace()]
    return sum(unicodedata.category(letter)[0] in "LNM" for letter in written) / max(1, len(written))


def foreign_share(text: str, language: str | None) -> float:
    """Of the letters, how many are of a script that the language is not written in."""
    letters = _scripts(text)
    expected = SCRIPTS.get(language or "", LATIN)
    return sum(script not in expected for script in letters) / max(1, len(letters))


def _scripts(text: Iterable[str]) -> list[str]:
    """Of every letter, without full-width and half-width forms, which are of any script."""
    names = (unicodedata.name(letter, "") for letter in text if letter.isalpha())
    return [name.split()[0] for name in names if name and not name.startswith(("FULLWIDTH", "HALFWIDTH", "MODIFIER"))]
