"""The effective options of one request: model, decoding, slicing. From the request, else the settings, else the model's defaults.

Gateway and intake use it; `identity.plan` puts all of it into the work's name.
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pydantic import ValidationError

from runtime import languages
from runtime.errors import Invalid
from runtime.models.catalogue import Model
from runtime.settings import Settings
from schemas.jobs import Work
from schemas.options import DecodingOptions, ModelRef, RawFormat, SlicingOptions

# Telephone recordings without a header: recognised by name only.
RAW_FORMATS: dict[str, RawFormat] = {
    ".gsm": "gsm",
    ".ul": "mulaw",
    ".ulaw": "mulaw",
    ".mulaw": "mulaw",
    ".al": "alaw",
    ".alaw": "alaw",
    ".g722": "g722",
}


@dataclass(frozen=True, slots=True)
class EffectiveOptions:
    model: ModelRef
    decoding: DecodingOptions
    slicing: SlicingOptions


def effective_options(settings: Settings, model: Model, **requested: object) -> EffectiveOptions:
    """`requested`: fields of DecodingOptions and SlicingOptions; None means not given, an empty hint none at all. Raises Invalid:
    `bad_option` with the field's problem, `unsupported_language` if the model does not support it."""
    given = {name: value for name, value in requested.items() if value is not None}
    of_slicing = {name: given.pop(name) for name in SlicingOptions.model_fields if name in given}
    try:
        decoding = DecodingOptions.model_validate({**_decoding(settings), **_encoder(settings, model), **given})
        slicing = SlicingOptions.model_validate({**_slicing(settings, model), **of_slicing})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid("bad_option", f"{first['loc'][0]}: {first['msg']} (got {first['input']!r})") from error
    languages.check(decoding.language, model.languages, model.ref.name)
    return EffectiveOptions(model.ref, decoding, slicing)


def again(settings: Settings, model: Model, work: Work) -> EffectiveOptions:
    """Those of an earlier work, for the model that is served now: what suits a model is that of the new one. Raises Invalid when
    it does not support the language."""
    languages.check(work.decoding.language, model.languages, model.ref.name)
    same_model = work.model.name == model.ref.name
    chunk = {} if same_model else {"max_chunk_s": settings.max_chunk_s or model.max_chunk_s}
    decoding = work.decoding.model_copy(update=_encoder(settings, model))
    return EffectiveOptions(model.ref, decoding, work.slicing.model_copy(update=chunk))


def for_file(options: EffectiveOptions, filename: str) -> EffectiveOptions:
    """The options with the format from the file's name: the same bytes under another name may be another work."""
    raw_format = RAW_FORMATS.get(PurePosixPath(filename).suffix.lower())
    return (
        options if raw_format is None else replace(options, slicing=options.slicing.model_copy(update={"raw_format": raw_format}))
    )


def _decoding(settings: Settings) -> dict[str, object]:
    return {
        "beam_size": settings.beam_size,
        "prompt": settings.initial_prompt,
        "hotwords": settings.hotwords,
        "words": settings.word_times,
        "temperature": settings.temperature,
        "suppress_tokens": settings.suppress_tokens,
        "filters": settings.filters,
        "no_speech_threshold": settings.no_speech_threshold,
        "log_prob_threshold": settings.log_prob_threshold,
        "compression_ratio_threshold": settings.compression_ratio_threshold,
        "letters_threshold": settings.letters_threshold,
        "silence_margin_db": settings.silence_margin_db,
    }


def _slicing(settings: Settings, model: Model) -> dict[str, object]:
    return {
        "max_chunk_s": settings.max_chunk_s or model.max_chunk_s,
        "vad": settings.vad,
        "vad_threshold": settings.vad_threshold,
        "min_speech_s": settings.min_speech_ms / 1000,
        "min_silence_s": settings.min_silence_ms / 1000,
        "speech_pad_s": settings.speech_pad_ms / 1000,
        "loudness": settings.loudness,
        "highpass": settings.highpass,
    }


def _encoder(settings: Settings, model: Model) -> dict[str, object]:
    """The encoder's window: from the settings, else as measured for the model."""
    names = ("encoder_window", "encoder_margin_s", "encoder_bucket_s")
    chosen = {name: getattr(settings, name) for name in names}
    return {name: getattr(model, name) if value is None else value for name, value in chosen.items()}
