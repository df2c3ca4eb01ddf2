"""Options of a transcription, and everything else that changes its text. All of it is part of the `work_id`."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from schemas.record import Value

Task = Literal["transcribe", "translate"]
EncoderWindow = Literal["full", "fit"]
RawFormat = Literal["gsm", "mulaw", "alaw", "g722"]
Filter = Literal["phantoms", "repetition", "letters", "script", "silence"]

ALL_FILTERS: tuple[Filter, ...] = get_args(Filter)
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
NON_SPEECH = -1  # in suppress_tokens: the tokens of symbols that are not spoken, as in Whisper
HINT_LETTERS_MAX = 2000


def _stripped(text: str | None) -> str | None:
    """A blank hint is none."""
    return (text or "").strip() or None


def _in_order(filters: tuple[Filter, ...]) -> tuple[Filter, ...]:
    """Each once: the same filters in another order are the same work."""
    return tuple(name for name in ALL_FILTERS if name in filters)


def _sorted(tokens: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(tokens)))


Hint = Annotated[str | None, Field(max_length=HINT_LETTERS_MAX), AfterValidator(_stripped)]
BeamSize = Annotated[int, Field(ge=1, le=20)]
Temperatures = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=16)]
SuppressedTokens = Annotated[
    tuple[Annotated[int, Field(ge=NON_SPEECH, le=99_999)], ...], Field(max_length=256), AfterValidator(_sorted)
]
Filters = Annotated[tuple[Filter, ...], AfterValidator(_in_order)]
NoSpeechThreshold = Annotated[float, Field(ge=0, le=1)]
LogProbThreshold = Annotated[float, Field(ge=-10, le=0)]
CompressionRatioThreshold = Annotated[float, Field(ge=1, le=100)]
LettersThreshold = Annotated[float, Field(ge=0, le=1)]
SilenceMargin = Annotated[float, Field(ge=0, le=60)]
VadThreshold = Annotated[float, Field(gt=0, lt=1)]
ChunkLength = Annotated[float, Field(ge=1, le=30)]
Track = Annotated[int, Field(ge=0, le=999)]


class ModelRef(Value):
    """A model by name and pinned revision. Two stages that disagree on the revision must not work on the same chunk."""

    name: str
    revision: str


class DecodingOptions(Value):
    """How a chunk's audio becomes text. `language=None`: detected, and determined for the whole file."""

    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    task: Task = "transcribe"
    words: bool = Field(False, description="also give the time of every word")
    multilingual: bool = Field(False, description="let every chunk keep the language it was heard in")
    prompt: Hint = Field(None, description="text that precedes the audio: names and terms to expect, a style")
    beam_size: BeamSize = 5
    encoder_window: EncoderWindow = Field("full", description="'fit' encodes only the chunk's length, not 30 s")
    encoder_margin_s: float = Field(0.5, ge=0, le=30, description="'fit': silence that the encoder is given after the chunk")
    encoder_bucket_s: float = Field(2.5, gt=0, le=30, description="'fit': encoder lengths are multiples of this")
    hotwords: Hint = Field(None, description="words to expect, put before the prompt in every window")
    temperature: Temperatures = Field(TEMPERATURES, description="tried in order until a text is fluent and likely")
    suppress_tokens: SuppressedTokens = Field((NON_SPEECH,), description="never generated; -1: symbols that are not spoken")
    filters: Filters = Field(ALL_FILTERS, description="what removes segments that are probably invented")
    no_speech_threshold: NoSpeechThreshold = Field(
        0.6, description="above this no_speech_prob it is in doubt that there is speech"
    )
    log_prob_threshold: LogProbThreshold = Field(-1.0, description="below this avg_logprob a text is unlikely")
    compression_ratio_threshold: CompressionRatioThreshold = Field(2.4, description="above this ratio a text is repetitive")
    letters_threshold: LettersThreshold = Field(
        0.3, description="filter letters: the least share of letters and digits in a text"
    )
    silence_margin_db: SilenceMargin = Field(6.0, description="filter silence: so much louder than the background is not silence")


class SlicingOptions(Value):
    """How a file is prepared and cut into chunks."""

    max_chunk_s: ChunkLength = 30.0
    vad_threshold: VadThreshold = 0.3
    min_silence_s: float = Field(2.0, ge=0)
    speech_pad_s: float = Field(0.4, ge=0)
    track: Track | None = Field(None, description="audio track from 0; unset: the default one that has speech")
    raw_format: RawFormat | None = Field(None, description="what a telephone file without a header is, by its name")
    vad: bool = Field(True, description="false: every sound counts as speech")
    min_speech_s: float = Field(0.0, ge=0, description="shorter speech is none")
    loudness: bool = Field(False, description="normalise the loudness (EBU R128)")
    highpass: bool = Field(False, description="remove what is below 80 Hz")
