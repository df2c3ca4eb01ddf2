"""Casing and punctuation of a text. Pure."""

from dataclasses import dataclass

import regex

FULL_STOPS = {"zh": "。", "ja": "。", "yue": "。", "hi": "।", "th": "", "lo": ""}
SPACED_MARKS = frozenset({"fr"})  # where a blank precedes ; : ! ?
CLOSING = r"""["”’»)\]]*"""
ENDED = regex.compile(rf"[.!?…。！？।]{CLOSING}\s*\Z")
SENTENCE_START = regex.compile(rf"""((?:^|[.!?…]{CLOSING}\s)\s*["“‘«(\[¿¡]*)(\p{{Ll}})""")
ABBREVIATIONS = (
    "approx apr aug ca cf co dec dept dott dr dra env etc evtl feb fig ggf hr inc incl inkl jan jr ltd mevr mme mr"
    " mrs ms nov nr núm oct pág prof sept sig sr sra st str ud uds usw vgl vol vs bijv bzw dhr ecc enz"
)
ABBREVIATED = regex.compile(
    rf"(?<!\w)(?:\p{{L}}\.(?:\s?\p{{L}}\.)+|(?:{'|'.join(ABBREVIATIONS.split())})\.)\s*\Z", regex.IGNORECASE
)
SHORT_FORM_CHARS = 40  # longer than any
ORDINAL = regex.compile(r"(?<!\w)\d{1,2}\.\s*\Z")
ORDINAL_LANGUAGES = frozenset({"cs", "da", "de", "et", "fi", "hr", "hu", "is", "nb", "nn", "no", "pl", "sk", "sl"})  # `21.`
ENGLISH_I = regex.compile(r"(?<![\w.'’(-])i(?=['’](?:m|ll|ve|d)\b|[,;:!?…]|\s|\.?\Z|\.\s)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the transcript a segment is. `before`: the text of the one before it, corrected; `after`: of the one after it."""

    language: str | None = None
    before: str = ""
    after: str = ""

    @property
    def starts_sentence(self) -> bool:
        return not self.before or (ENDED.search(self.before) is not None and not _is_short_form(self.before, self.language))

    @property
    def is_last(self) -> bool:
        return not self.after


def sentences(text: str, place: Place) -> str:
    """A capital letter at the beginning of every sentence, and for the English `I`; other letters stay as they are."""

    def capital(found: "regex.Match[str]") -> str:
        is_beginning = place.starts_sentence if found.start() == 0 else not _is_short_form(text[: found.end(1)], place.language)
        return found[1] + found[2].upper() if is_beginning else found[0]

    text = SENTENCE_START.sub(capital, text)
    return ENGLISH_I.sub("I", text) if place.language == "en" else text


def _is_short_form(before: str, language: str | None) -> bool:
    """The full stop at its end is that of `p.m.`, `Dr.`, or, in some languages, of an ordinal, and perhaps of no sentence."""
    end = before[-SHORT_FORM_CHARS:]
    return ABBREVIATED.search(end) is not None or (language in ORDINAL_LANGUAGES and ORDINAL.search(end) is not None)


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
