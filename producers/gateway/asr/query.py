"""The parameters of whisper-asr-webservice, and what they mean in a submission. Pure."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from producers.gateway.http.routes import Query
from runtime.requested_options import lower
from schemas.options import HINT_LETTERS_MAX, Task

Output = Literal["txt", "vtt", "srt", "tsv", "json"]


def _not_empty(value: object) -> object:
    """An empty parameter counts as not given."""
    return None if value == "" else lower(value)


def _output(value: object) -> object:
    """`text`, which some clients send, is what the service has for any output that it does not know: txt."""
    name = _not_empty(value)
    return "txt" if name == "text" else name


Flag = Annotated[bool | None, BeforeValidator(_not_empty)]


class DetectQuery(Query):
    """Parameters of `/detect-language`. Others are ignored, as by the service: some clients send the name of a video."""

    model_config = ConfigDict(extra="ignore")

    encode: Flag = Field(None, description="false: the file is samples without a header, 16 kHz mono s16le")

    @property
    def is_pcm(self) -> bool:
        return self.encode is False


class AsrQuery(DetectQuery):
    """Parameters of `/asr`."""

    task: Annotated[Task | None, BeforeValidator(_not_empty)] = Field(None, description="transcribe [default] or translate")
    language: str = Field("", description="a code, a tag or an English name [default: detected]")
    initial_prompt: str = Field("", description="text before the audio")
    hotwords: str = Field("", description="words to expect; of a fork of the service")
    vad_filter: Flag = Field(None, description="false: every sound counts as speech [default: that of this installation]")
    word_timestamps: Flag = Field(None, description="include the time of every word in the output json")
    output: Annotated[Output | None, BeforeValidator(_output)] = Field(None, description="format of the response [default: txt]")

    def submission(self) -> dict[str, str]:
        """As fields of a submission."""
        given = {
            "task": self.task or "transcribe",
            "language": self.language,
            "vad": "" if self.vad_filter is None else str(self.vad_filter),
            "words": str(bool(self.word_timestamps)),
        }
        hints = {"initial_prompt": self.initial_prompt.strip()[-HINT_LETTERS_MAX:], "hotwords": self.hotwords.strip()}
        return given | {name: hint for name, hint in hints.items() if hint}
