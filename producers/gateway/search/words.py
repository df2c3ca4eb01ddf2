"""The words of a text in the form in which they are compared: small letters without accents. Pure.

Scripts without blanks between words have a word for each character: what is searched there is a sequence of characters.
"""

import unicodedata

import regex

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# Marks that may be left out: accents, cedillas, points of Hebrew and Arabic. Vowel signs of Indic scripts are none of them.
ACCENTS = regex.compile(r"[\p{Ccc=230}\p{Ccc=220}\p{Ccc=202}\p{Ccc=216}\u0591-\u05c7\u064b-\u0670]")
WORD = regex.compile(rf"[{UNSPACED}]|[[\p{{L}}\p{{N}}\p{{M}}]--[{UNSPACED}]]+", regex.VERSION1)
PARTS = regex.compile(r'"([^"]*)"?|([^\s"]+)')


def words(text: str) -> list[str]:
    """In their order. Hyphens and apostrophes separate words."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return WORD.findall(unicodedata.normalize("NFC", ACCENTS.sub("", decomposed)), concurrent=True)


def expression(query: str) -> str | None:
    """For MATCH of SQLite's FTS5: every word of the query as the beginning of a word of the text; single letters, and what is in
    quotation marks, word for word. None: the query has no words."""
    phrases = []
    for quoted, bare in PARTS.findall(query):
        if found := words(quoted or bare):  # quotation marks separate, so that no word has one
            is_whole = bool(quoted) or len(found[-1]) == 1  # most texts have words that begin with one letter
            phrases.append(f'"{" ".join(found)}"{"" if is_whole else " *"}')
    return " AND ".join(phrases) or None
