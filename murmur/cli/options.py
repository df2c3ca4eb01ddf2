"""The options of a transcription, for all commands that make one, and other options that several commands share."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from runtime.models.catalogue import Model


STDIN = Path("-")  # as a file on the command line: standard input
HINTS, DECODING, DETECTION = "Hints for the model", "Decoding, for experts", "Speech detection, for experts"
FILTERING = "Filters of invented text, for experts"


class Task(StrEnum):
    """What the model writes: the spoken text, or its translation into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


NoAuth = Annotated[bool, typer.Option("--no-auth", help="without API keys, also on an address that others can reach")]
MODEL_HELP = "a model's name or folder [default: base on a CPU, large-v3-turbo on a GPU]"
Language = Annotated[str | None, typer.Option(help="a code or a name, such as pt or Portuguese [default: detected]")]
Track = Annotated[
    int | None,
    typer.Option(min=0, max=999, help="audio track, counted from 0 [default: the default track, or the first with speech]"),
]


def _option(panel: str, help: str, *names: str, metavar: str | None = None) -> Any:
    """In a panel of its own. Numbers are texts here: they are validated by the rules of form fields."""
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar)


Text = str | None
Flag = bool | None
AskedTask = Annotated[Task | None, typer.Option("--task", help="transcribe, or translate into English")]
Words = Annotated[bool, typer.Option("--words", help="include the time of every word in the json result")]
Multilingual = Annotated[bool, typer.Option("--multilingual", help="every chunk keeps its own detected language")]
PROMPT_HELP = "names and terms to expect, or the beginning of a text in the style to write"
Prompt = Annotated[Text, _option(HINTS, PROMPT_HELP, "--initial-prompt", "--prompt", metavar="TEXT")]
Hotwords = Annotated[Text, _option(HINTS, "words to expect, such as names; they precede the prompt", metavar="TEXT")]
BeamSize = Annotated[Text, _option(DECODING, "candidate texts in the beam search, 1 to 20; 1: greedy", metavar="NUMBER")]
TEMPERATURE_HELP = "sampling temperatures from 0 to 1, tried in order until a text is fluent and likely, such as 0,0.4"
Temperature = Annotated[Text, _option(DECODING, TEMPERATURE_HELP, metavar="NUMBERS")]
SUPPRESS_HELP = "numbers of tokens that are never generated; -1: symbols that are not spoken; or none"
SuppressTokens = Annotated[Text, _option(DECODING, SUPPRESS_HELP, metavar="NUMBERS")]
FILTERS_HELP = (
    "what removes segments that are probably invented: all, none, or some of phantoms,repetition,letters,script,silence"
)
Filters = Annotated[Text, _option(FILTERING, FILTERS_HELP, metavar="NAMES")]
NoSpeech = Annotated[Text, _option(FILTERING, "above this no_speech_prob, 0 to 1, speech is in doubt", metavar="NUMBER")]
LogProb = Annotated[Text, _option(FILTERING, "below this avg_logprob, -10 to 0, a text is unlikely", metavar="NUMBER")]
CompressionRatio = Annotated[Text, _option(FILTERING, "above this ratio, 1 to 100, a text is repetitive", metavar="NUMBER")]
Letters = Annotated[Text, _option(FILTERING, "filter letters: the least share of letters and digits, 0 to 1", metavar="NUMBER")]
SILENCE_HELP = "filter silence: sound less than this above the background, 0 to 60 dB, is silence"
SilenceMargin = Annotated[Text, _option(FILTERING, SILENCE_HELP, metavar="DB")]
Vad = Annotated[Flag, _option(DETECTION, "detect speech, or count everything as speech", "--vad/--no-vad")]
VadThreshold = Annotated[
    Text, _option(DETECTION, "probability above 0 and below 1 from which on sound is speech", metavar="NUMBER")
]
MinSpeech = Annotated[Text, _option(DETECTION, "speech shorter than this is ignored", metavar="MS")]
MinSilence = Annotated[Text, _option(DETECTION, "silence of this length ends a stretch of speech", metavar="MS")]
SpeechPad = Annotated[Text, _option(DETECTION, "sound that is kept before and after speech", metavar="MS")]
MaxChunk = Annotated[Text, _option(DETECTION, "longest chunk, 1 to 30 seconds", metavar="SECONDS")]
Loudness = Annotated[Flag, _option(DETECTION, "normalise the loudness (EBU R128) first", "--loudness/--no-loudness")]
Highpass = Annotated[Flag, _option(DETECTION, "remove sound below 80 Hz first", "--highpass/--no-highpass")]


def requested(
    language: Language = None,
    task: AskedTask = None,
    words: Words = False,
    multilingual: Multilingual = False,
    track: Track = None,
    initial_prompt: Prompt = None,
    hotwords: Hotwords = None,
    beam_size: BeamSize = None,
    temperature: Temperature = None,
    suppress_tokens: SuppressTokens = None,
    filters: Filters = None,
    no_speech_threshold: NoSpeech = None,
    log_prob_threshold: LogProb = None,
    compression_ratio_threshold: CompressionRatio = None,
    letters_threshold: Letters = None,
    silence_margin_db: SilenceMargin = None,
    vad: Vad = None,
    vad_threshold: VadThreshold = None,
    min_speech_duration_ms: MinSpeech = None,
    min_silence_duration_ms: MinSilence = None,
    speech_pad_ms: SpeechPad = None,
    max_chunk_s: MaxChunk = None,
    loudness: Loudness = None,
    highpass: Highpass = None,
) -> dict[str, str]:
    """As fields of a submission, without those that were not given. Raises UsageError, which names the option, for a value that
    cannot work."""
    given = {**locals(), "words": words or None, "multilingual": multilingual or None}
    fields = {name: _text(value) for name, value in given.items() if value is not None}
    _check(fields)
    return fields


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of a transcription to a command, which gets them as `fields`."""
    own = inspect.signature(command, eval_str=True)
    options = inspect.signature(requested, eval_str=True).parameters

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        fields = requested(**{name: values.pop(name) for name in options})
        command(**values, fields=fields)

    kept = [parameter for name, parameter in own.parameters.items() if name != "fields"]
    wrapped.__signature__ = own.replace(parameters=[*kept, *options.values()])  # type: ignore[attr-defined]
    return wrapped


def check_language(text: str | None, model: "Model") -> None:
    """Called before anything is downloaded or started. Raises UsageError when the model does not support the language."""
    from runtime import languages
    from runtime.errors import Invalid, UsageError

    try:
        languages.check(languages.parse(text or ""), model.languages, model.ref.name)
    except Invalid as error:
        raise UsageError(str(error)) from error


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(fields: dict[str, str]) -> None:
    from runtime.errors import Invalid, UsageError
    from runtime.requested_options import BadOption, RequestedOptions

    try:
        RequestedOptions.parse(fields)
    except BadOption as error:
        raise UsageError(f"--{error.name.replace('_', '-')} {error.problem}") from error
    except Invalid as error:
        raise UsageError(str(error)) from error
