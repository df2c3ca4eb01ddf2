"""A job's prompt in the form that the model accepts: names and terms to expect."""

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


def fitted(text: str | None, tokenizer: Tokenizer, most_tokens: int) -> Prompt:
    """Its end, as much as the model accepts: the part closest to the text has the most influence in Whisper."""
    if not text:
        return Prompt([])
    tokens = tokenizer.encode(" " + text)
    if len(tokens) <= most_tokens:
        return Prompt(tokens)
    used = tokens[-most_tokens:]
    begin = tokenizer.decode(used).strip()[:QUOTED_LETTERS]
    message = f"the prompt has {len(tokens)} tokens; only its last {most_tokens} were used, from “{begin}…” on"
    return Prompt(used, (TranscriptWarning(code="prompt_cut", message=message),))
