"""The options of a transcription as they are written: form fields, the command line, settings. Every value is text.

`RequestedOptions` validates those of one request. Their names are faster-whisper's. The lists are also those of the settings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import ErrorDetails

from runtime import languages
from runtime.errors import Invalid
from schemas.jobs import FormatName
from schemas.options import (
    ALL_FILTERS,
    BeamSize,
    ChunkLength,
    CompressionRatioThreshold,
    Filters,
    Hint,
    LettersThreshold,
    LogProbThreshold,
    NoSpeechThreshold,
    SilenceMargin,
    SuppressedTokens,
    Task,
    Temperatures,
    Track,
    VadThreshold,
)

NONE, ALL = "none", "all"
SHOWN_LETTERS = 40  # of a wrong value
RENAMED = {  # fields of DecodingOptions and SlicingOptions by the names that they have here
    "initial_prompt": "prompt",
    "min_speech_duration_ms": "min_speech_s",
    "min_silence_duration_ms": "min_silence_s",
    "speech_pad_ms": "speech_pad_s",
}
HINTS = ("initial_prompt", "prompt", "hotwords")


class BadOption(Invalid):
    """A value that cannot work. `name`: which option; `problem`: what is wrong with it; `expected`: what it may be."""

    def __init__(self, name: str, problem: str, expected: str) -> None:
        super().__init__("bad_option", f"{name!r} {problem}")
        self.name = name
        self.problem = problem
        self.expected = expected


@dataclass(frozen=True, slots=True)
class Expected:
    """As an annotation of a field: which values it may have, in words."""

    values: str


def lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def items(value: object) -> object:
    """Of a text such as `0, 0.2`."""
    if not isinstance(value, str):
        return value
    return [] if lower(value) == NONE else [item.strip().lower() for item in value.split(",")]


def _filters(value: object) -> object:
    return ALL_FILTERS if lower(value) == ALL else items(value)


def as_text(values: Iterable[object]) -> str:
    """What `items()` reads."""
    return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in values) or NONE


def _language(value: object) -> object:
    return languages.parse(value) if isinstance(value, str) else value


Milliseconds = Annotated[int, Field(ge=0, le=60_000)]
TemperatureList = Annotated[
    Temperatures, BeforeValidator(items, json_schema_input_type=str), PlainSerializer(as_text, when_used="json")
]
TokenList = Annotated[
    SuppressedTokens, BeforeValidator(items, json_schema_input_type=str), PlainSerializer(as_text, when_used="json")
]
FilterList = Annotated[Filters, BeforeValidator(_filters, json_schema_input_type=str), PlainSerializer(as_text, when_used="json")]

FormatList = Annotated[
    tuple[FormatName, ...],
    Field(min_length=1),
    BeforeValidator(items, json_schema_input_type=str),
    AfterValidator(lambda formats: tuple(dict.fromkeys(formats))),
    PlainSerializer(as_text, when_used="json"),
]

_Flag = Annotated[bool | None, Expected("true or false")]
_Text = Annotated[Hint, Expected("at most 2000 characters")]
_Milliseconds = Annotated[Milliseconds | None, Expected("a whole number of milliseconds from 0 to 60000")]


class RequestedOptions(BaseModel):
    """None: not given, so that the setting or the model's default applies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Annotated[str | None, BeforeValidator(_language), Expected("a language's code or English name, or auto")] = Field(
        None, description="a code, a tag or an English name, such as pt, pt-BR or Portuguese [default: detected]"
    )
    task: Annotated[Task | None, BeforeValidator(lower), Expected("transcribe or translate")] = Field(
        None, description="transcribe, or translate into English"
    )
    words: _Flag = Field(None, description="include the time of every word")
    multilingual: _Flag = Field(None, description="every chunk keeps its own detected language")
    track: Annotated[Track | None, Expected("the number of an audio track, from 0 to 999")] = Field(
        None, description="audio track, counted from 0 [default: the default track, or the first with speech]"
    )
    initial_prompt: _Text = Field(
        None, description="text before the audio: sentences with names to expect, or in the style to write"
    )
    prompt: _Text = Field(None, description="another name of initial_prompt")
    hotwords: _Text = Field(None, description="words to expect, such as names; they precede the prompt")
    beam_size: Annotated[BeamSize | None, Expected("a whole number from 1 to 20")] = Field(
        None, description="candidate texts in the beam search; 1: greedy"
    )
    temperature: Annotated[TemperatureList | None, Expected("up to 16 numbers from 0 to 1, separated by commas")] = Field(
        None, description="sampling temperatures, tried in order until a text is fluent and likely"
    )
    suppress_tokens: Annotated[
        TokenList | None, Expected(f"up to 256 numbers of tokens from -1 to 99999, separated by commas, or {NONE}")
    ] = Field(
        None,
        description="numbers of tokens that are never generated; -1: symbols that are not spoken. One that the model lacks "
        "makes the job fail",
    )
    filters: Annotated[
        FilterList | None, Expected(f"{ALL}, {NONE}, or some of {', '.join(ALL_FILTERS)}, separated by commas")
    ] = Field(None, description="filters that remove segments which are probably invented")
    no_speech_threshold: Annotated[NoSpeechThreshold | None, Expected("a number from 0 to 1")] = Field(
        None, description="above this no_speech_prob speech is in doubt"
    )
    log_prob_threshold: Annotated[LogProbThreshold | None, Expected("a number from -10 to 0")] = Field(
        None, description="below this avg_logprob a text is unlikely"
    )
    compression_ratio_threshold: Annotated[CompressionRatioThreshold | None, Expected("a number from 1 to 100")] = Field(
        None, description="above this ratio a text is repetitive"
    )
    letters_threshold: Annotated[LettersThreshold | None, Expected("a number from 0 to 1")] = Field(
        None, description="filter letters: the least share of letters and digits in a text"
    )
    silence_margin_db: Annotated[SilenceMargin | None, Expected("a number of decibels from 0 to 60")] = Field(
        None, description="filter silence: sound less than this above the background is silence"
    )
    vad: _Flag = Field(None, description="false: every sound counts as speech")
    vad_threshold: Annotated[VadThreshold | None, Expected("a number above 0 and below 1")] = Field(
        None, description="probability from which on sound counts as speech"
    )
    min_speech_duration_ms: _Milliseconds = Field(None, description="speech shorter than this is ignored")
    min_silence_duration_ms: _Milliseconds = Field(None, description="silence of this length ends a stretch of speech")
    speech_pad_ms: _Milliseconds = Field(None, description="sound that is kept before and after speech")
    max_chunk_s: Annotated[ChunkLength | None, Expected("a number of seconds from 1 to 30")] = Field(
        None, description="longest chunk"
    )
    loudness: _Flag = Field(None, description="normalise the loudness (EBU R128) first")
    highpass: _Flag = Field(None, description="remove sound below 80 Hz first")

    @classmethod
    def parse(cls, fields: Mapping[str, str], context: Mapping[str, object] | None = None) -> Self:
        """`fields` of known names. An empty text counts as not given; but an empty hint is none, whatever the settings say.

        Raises BadOption, and Invalid for an unknown language.
        """
        given = {name: text.strip() for name, text in fields.items() if text.strip() or name in HINTS}
        try:
            options = cls.model_validate(given, context=context)
        except ValidationError as error:
            raise cls._bad(given, error.errors(include_url=False)[0]) from error
        if given.keys() >= {"prompt", "initial_prompt"}:
            raise BadOption("prompt", "is the same option as 'initial_prompt': use one of them", "initial_prompt")
        return options

    @classmethod
    def expected(cls, name: str) -> str:
        """The values that a field may have, in words."""
        return next(note.values for note in cls.model_fields[name].metadata if isinstance(note, Expected))

    def requested(self) -> dict[str, object]:
        """Fields of DecodingOptions and SlicingOptions, as given."""
        given: dict[str, object] = {}
        for name in RequestedOptions.model_fields.keys() & self.model_fields_set:
            value = getattr(self, name)
            if name in HINTS:
                value = value or ""
            elif name.endswith("_ms") and value is not None:
                value /= 1000
            given[RENAMED.get(name, name)] = value
        return given

    @classmethod
    def _bad(cls, given: Mapping[str, str], error: ErrorDetails) -> BadOption:
        """One that names the field, its value and what is expected; `error` is pydantic's."""
        name = str(error["loc"][0])
        value, expected = given[name], cls.expected(name)
        shown = repr(value) if len(value) <= SHOWN_LETTERS else f"{value[:SHOWN_LETTERS]!r}… ({len(value)} characters)"
        why = f" ({error['ctx']['error']})" if error["type"] == "value_error" else ""
        return BadOption(name, f"cannot be {shown}{why}: use {expected}", expected)
