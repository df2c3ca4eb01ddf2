"""A job's hotwords and prompt in the form that the model accepts: as text that precedes the audio."""

from dataclasses import dataclass
from typing import Protocol

from schemas.warning import TranscriptWarning

QUOTED_LETTERS = 60


class Tokenizer(Protocol):
    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: list[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """`warnings`: about the parts that were not used."""

    tokens: list[int]
    warnings: tuple[TranscriptWarning, ...] = ()


def fitted(hotwords: str | None, prompt: str | None, tokenizer: Tokenizer, most_tokens: int) -> Prompt:
    """The hotwords and then the prompt, together as much as the model accepts: the beginning of the hotwords, as in
    faster-whisper, and the end of the prompt, since the part closest to the text has the most influence in Whisper."""
    words = tokenizer.encode(" " + hotwords) if hotwords else []
    text = tokenizer.encode(" " + prompt) if prompt else []
    used_words = words[:most_tokens]
    used_text = text[max(0, len(text) - most_tokens + len(used_words)) :]
    warnings = []
    if len(used_words) < len(words):
        end = tokenizer.decode(used_words).strip()[-QUOTED_LETTERS:]
        message = f"the hotwords have {len(words)} tokens; only the first {most_tokens} were used, up to “…{end}”"
        warnings.append(TranscriptWarning(code="hotwords_cut", message=message))
    if len(used_text) < len(text):
        begin = tokenizer.decode(used_text).strip()[:QUOTED_LETTERS]
        used = f"only its last {len(used_text)} were used, from “{begin}…” on" if used_text else "none was used"
        warnings.append(TranscriptWarning(code="prompt_cut", message=f"the prompt has {len(text)} tokens; {used}"))
    return Prompt([*used_words, *used_text], tuple(warnings))
