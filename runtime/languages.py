"""The languages of Whisper models: codes, English names, and other spellings. Pure.

Codes are Whisper's own, which are ISO 639-1 where that has one (Javanese is `jw`, Hawaiian `haw`, Cantonese `yue`).
"""

import re

from runtime.errors import Invalid

AUTO = "auto"
_NAMES = """
af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|ba Bashkir|be Belarusian|bg Bulgarian|bn Bengali|bo Tibetan
br Breton|bs Bosnian|ca Catalan|cs Czech|cy Welsh|da Danish|de German|el Greek|en English|es Spanish|et Estonian|eu Basque
fa Persian|fi Finnish|fo Faroese|fr French|gl Galician|gu Gujarati|ha Hausa|haw Hawaiian|he Hebrew|hi Hindi|hr Croatian
ht Haitian Creole|hu Hungarian|hy Armenian|id Indonesian|is Icelandic|it Italian|ja Japanese|jw Javanese|ka Georgian|kk Kazakh
km Khmer|kn Kannada|ko Korean|la Latin|lb Luxembourgish|ln Lingala|lo Lao|lt Lithuanian|lv Latvian|mg Malagasy|mi Maori
mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese|my Myanmar|ne Nepali|nl Dutch|nn Nynorsk|no Norwegian
oc Occitan|pa Punjabi|pl Polish|ps Pashto|pt Portuguese|ro Romanian|ru Russian|sa Sanskrit|sd Sindhi|si Sinhala|sk Slovak
sl Slovenian|sn Shona|so Somali|sq Albanian|sr Serbian|su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|tg Tajik|th Thai
tk Turkmen|tl Tagalog|tr Turkish|tt Tatar|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|yi Yiddish|yo Yoruba
yue Cantonese|zh Chinese
"""
# Other names, and codes that other standards and older ones use.
_OTHERS = """
burmese my|castilian es|farsi fa|filipino tl|fil tl|flemish nl|haitian ht|letzeburgesch lb|mandarin zh|cmn zh|moldavian ro
moldovan ro|mo ro|bokmal no|nb no|norwegian bokmal no|norwegian nynorsk nn|panjabi pa|pushto ps|sinhalese si|valencian ca
iw he|in id|ji yi|jv jw|slovene sl
"""
_TAG = re.compile(r"(?P<language>[a-z]{2,3})(?:[-_][a-z0-9]{2,8})+")  # region and script do not change what is spoken


def _table(text: str) -> list[str]:
    return [entry for line in text.split("\n") for entry in line.split("|") if entry]


NAMES: dict[str, str] = {code: name for code, _, name in (entry.partition(" ") for entry in _table(_NAMES))}
ALL = tuple(NAMES)
WITHOUT_CANTONESE = tuple(code for code in ALL if code != "yue")  # the languages of multilingual models before large-v3
ENGLISH = ("en",)
_CODES = (
    {code: code for code in ALL}
    | {name.lower(): code for code, name in NAMES.items()}
    | {name: code for name, _, code in (entry.rpartition(" ") for entry in _table(_OTHERS))}
)


def parse(text: str) -> str | None:
    """The code of a language by code, name or tag: `pt`, `Portuguese`, `pt-BR`, `zh_Hans`. None for `auto` and an empty text.

    Raises Invalid("unknown_language").
    """
    wanted = text.strip().lower()
    if wanted in ("", AUTO):
        return None
    tag = _TAG.fullmatch(wanted)
    code = _CODES.get(wanted) or (_CODES.get(tag["language"]) if tag else None)
    if code is None:
        raise Invalid(
            "unknown_language",
            f"the language {text.strip()[:40]!r} is unknown: use a code or a name, such as 'pt' or 'Portuguese', "
            "or 'auto' to have it detected",
        )
    return code


def check(code: str | None, known: tuple[str, ...], model: str) -> None:
    """Raises Invalid("unsupported_language") for a language that the model does not support."""
    if code is not None and code not in known:
        raise Invalid(
            "unsupported_language", f"the model {model} does not support {NAMES.get(code, code)} ({code}): {offer(known)}"
        )


def offer(known: tuple[str, ...]) -> str:
    """The languages to use instead, in a few words."""
    if len(known) == 1:
        return f"it supports {NAMES[known[0]]} only"
    if len(known) <= 5:
        return f"it supports {' and '.join(NAMES[code] for code in known)}"
    return f"it supports {len(known)} others"
