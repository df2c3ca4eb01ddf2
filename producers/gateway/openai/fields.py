"""The fields of a request as OpenAI's clients send them, and what they mean in a submission. Pure."""

import re
from collections.abc import Container, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, TypeVar

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from producers.gateway.http.problems import Problem
from producers.gateway.submission.options import SubmissionOptions
from runtime.requested_options import lower
from schemas.options import HINT_LETTERS_MAX, TEMPERATURES, Task

ResponseFormat = Literal["json", "text", "srt", "verbose_json", "vtt"]
Granularity = Literal["word", "segment"]
STREAMED: tuple[ResponseFormat, ...] = ("json", "text", "srt", "vtt")  # the events of a stream carry text alone
MEMBER = re.compile(r"(\w+)\[(\w+)\]")  # how the official client writes a member of an object
GRANULARITIES = "timestamp_granularities"
SHOWN_LETTERS = 40  # of a wrong value
# Options of a submission that may be sent as well. The others have another name here, or another meaning.
ALSO = SubmissionOptions.model_fields.keys() - {"language", "task", "words", "prompt", "initial_prompt", "temperature", "model"}
_NAMES = {  # of options of a submission, by the field that they come from
    "vad_threshold": "chunking_strategy",
    "min_silence_duration_ms": "chunking_strategy",
    "speech_pad_ms": "chunking_strategy",
}


class ServerVad(BaseModel):
    """Limits of the speech detection."""

    type: Literal["server_vad"]
    threshold: float | None = None
    silence_duration_ms: int | None = None
    prefix_padding_ms: int | None = None


def _object(value: object) -> object:
    """An object may be sent as JSON."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError("it is not a JSON object") from None
    return value


class AudioFields(BaseModel):
    """What both endpoints accept beside the file; what is unknown is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    TASK: ClassVar[Task]

    model: str = Field("whisper-1", description="`whisper-1`: the default model; or one that `/v1/models` lists")
    prompt: str | None = Field(
        None, description=f"text that precedes the audio; of a long one the last {HINT_LETTERS_MAX} characters are used"
    )
    response_format: Annotated[ResponseFormat, BeforeValidator(lower)] = "json"
    temperature: float | None = Field(
        None, ge=0, le=1, description="0: raised step by step until a text is fluent and likely; any other is the only one"
    )

    def submission(self) -> dict[str, str]:
        """As fields of a submission, without the model."""
        given: dict[str, str] = {"task": self.TASK}
        if self.prompt is not None:
            given["prompt"] = self.prompt.strip()[-HINT_LETTERS_MAX:]
        if self.temperature is not None:
            steps = TEMPERATURES if self.temperature == 0 else (self.temperature,)
            given["temperature"] = ",".join(f"{step:g}" for step in steps)
        return given

    def check(self) -> None:
        """Raises Problem 400 for fields that do not go together."""


class TranslationFields(AudioFields):
    """Of a translation into English."""

    TASK = "translate"


class TranscriptionFields(AudioFields):
    """Of a transcription."""

    TASK = "transcribe"

    language: str | None = Field(None, description="a code, a tag or an English name [default: detected]")
    languages: tuple[str, ...] = Field((), alias="languages[]", description="one: that language; several: it is detected")
    keywords: tuple[str, ...] = Field((), alias="keywords[]", description="words to expect, such as names")
    timestamp_granularities: tuple[Granularity, ...] = Field(
        (), alias="timestamp_granularities[]", description="what `verbose_json` has: segment [default], word, or both"
    )
    stream: Annotated[bool, BeforeValidator(lower)] = Field(False, description="respond with server-sent events")
    chunking_strategy: Annotated[Literal["auto"] | ServerVad | None, BeforeValidator(_object)] = Field(
        None, description="`auto`, or limits of the speech detection as a JSON object"
    )
    include: tuple[str, ...] = Field((), alias="include[]", description="refused: there are no log probabilities of tokens")

    @property
    def with_words(self) -> bool:
        return "word" in self.timestamp_granularities

    @property
    def with_segments(self) -> bool:
        return "segment" in self.timestamp_granularities or not self.timestamp_granularities

    def submission(self) -> dict[str, str]:
        given = super().submission()
        if language := self.language or (self.languages[0] if len(self.languages) == 1 else None):
            given["language"] = language
        if self.keywords:
            given["hotwords"] = ", ".join(self.keywords)
        if self.with_words:
            given["words"] = "true"
        if isinstance(self.chunking_strategy, ServerVad):
            limits = self.chunking_strategy
            values = (limits.threshold, limits.silence_duration_ms, limits.prefix_padding_ms)
            given |= {name: str(value) for name, value in zip(_NAMES, values, strict=True) if value is not None}
        return given

    def check(self) -> None:
        if self.timestamp_granularities and self.response_format != "verbose_json":
            raise refused(GRANULARITIES, "it needs response_format=verbose_json")
        if self.stream and self.response_format not in STREAMED:
            raise refused("response_format", f"with stream=true it must be one of {', '.join(STREAMED)}: events carry text alone")
        if self.include:
            raise refused("include", "log probabilities of tokens are not available")


F = TypeVar("F", bound=AudioFields)


def _with_plain_lists(given: Mapping[str, object], aliases: Container[str | None]) -> dict[str, object]:
    """Lists that are sent without the brackets, as one text. Some clients always send granularities in that way, which OpenAI
    ignores: they count only where they can."""
    values = {name: value for name, value in given.items() if f"{name}[]" not in aliases}
    for name in given.keys() - values.keys():
        if name != GRANULARITIES or str(given.get("response_format", "")).lower() == "verbose_json":
            values[f"{name}[]"] = [part.strip() for part in str(given[name]).split(",")]
    return values


def parse(model: type[F], fields: Mapping[str, str], lists: Mapping[str, Sequence[str]]) -> F:
    """`lists`: the fields whose names end in `[]`. An empty value counts as not given, except that of a prompt.
    Raises Problem 400."""
    members: dict[str, dict[str, str]] = {}
    given: dict[str, object] = {}
    for name, value in fields.items():
        if match := MEMBER.fullmatch(name):
            members.setdefault(match[1], {})[match[2]] = value
        elif value.strip() or name == "prompt":
            given[name] = value
    aliases = {field.alias for field in model.model_fields.values()}
    given = _with_plain_lists(given, aliases)
    given |= {**members, **{name: [value for value in values if value] for name, values in lists.items()}}
    try:
        parsed = model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]).removesuffix("[]")
        raise refused(name, f"{str(first['input'])[:SHOWN_LETTERS]!r} cannot be used: {_lower_first(first['msg'])}") from error
    parsed.check()
    return parsed


def also(fields: Mapping[str, str]) -> dict[str, str]:
    """The options of a submission that OpenAI does not have."""
    return {name: value for name, value in fields.items() if name in ALSO}


def field_of(problem: Problem) -> str | None:
    """The field of the request that a problem of the submission is about."""
    if problem.document["reason"] in ("unknown_language", "unsupported_language"):
        return "language"
    name = problem.document.get("field") or problem.document.get("parameter")
    return _NAMES.get(str(name), str(name)) if name is not None else None


def refused(name: str, why: str) -> Problem:
    return Problem(400, "bad_option", f"The field {name!r} is refused: {why}.", field=name)


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
