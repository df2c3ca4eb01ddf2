"""Numbers, casing and punctuation of a text. Pure."""

from dataclasses import dataclass

import regex
from text_to_num import alpha2digit

NUMBER_LANGUAGES = frozenset({"de", "en", "es", "fr", "it", "nl", "pt"})  # of text2num
FULL_STOPS = {"zh": "。", "ja": "。", "yue": "。", "hi": "।", "th": "", "lo": ""}
SPACED_MARKS = frozenset({"fr"})  # where a blank precedes ; : ! ?
CLOSING = r"""["”’»)\]]*"""
ENDED = regex.compile(rf"[.!?…。！？।]{CLOSING}\s*\Z")
SENTENCE_START = regex.compile(rf"""((?:^|[.!?…]{CLOSING}\s)\s*["“‘«(\[¿¡]*)(\p{{Ll}})""")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the transcript a segment is. `before`: the text of the one before it."""

    language: str | None = None
    before: str = ""
    is_last: bool = True

    @property
    def starts_sentence(self) -> bool:
        return not self.before or ENDED.search(self.before) is not None


def digits(text: str, place: Place) -> str:
    """Numbers in words become digits; single ones up to three stay words, as does every text in another language."""
    return alpha2digit(text, place.language) if place.language in NUMBER_LANGUAGES else text


def sentences(text: str, place: Place) -> str:
    """A capital letter at the beginning of every sentence; other letters stay as they are."""

    def capital(found: "regex.Match[str]") -> str:
        is_continued = found.start() == 0 and not place.starts_sentence
        return found[0] if is_continued else found[1] + found[2].upper()

    return SENTENCE_START.sub(capital, text)


def tidy(text: str, place: Place) -> str:
    """Blanks and marks as print has them, and a full stop at the end of the transcript."""
    text = " ".join(text.split())
    marks = "," if place.language in SPACED_MARKS else ",;:!?"
    text = regex.sub(rf"\s+([{marks}]+(?!\d)|\.+(?=\s|$))", r"\1", text)
    text = regex.sub(r"([,;:!?])\1+", r"\1", text)
    text = regex.sub(r"(?<!\.)\.\.(?!\.)", ".", text)
    text = regex.sub(r"([,;!?])(?=\p{L})", r"\1 ", text)
    text = regex.sub(r"(?<=\p{Ll})\.(?=\p{Lu})", ". ", text)
    if place.is_last and regex.search(r"\w\Z", text):
        text += FULL_STOPS.get(place.language or "", ".")
    return text


def without_marks(text: str, place: Place) -> str:
    """Marks inside words and numbers stay."""
    return " ".join(regex.sub(r"(?<!\w)\p{P}+|\p{P}+(?!\w)", " ", text).split())
