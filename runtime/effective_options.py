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
    """`requested`: fields of DecodingOptions and SlicingOptions; None means not given. Raises Invalid: `bad_option` with the
    field's problem, `unsupported_language` if the model does not support it."""
    given = {name: value for name, value in requested.items() if value is not None}
    of_slicing = {name: given.pop(name) for name in SlicingOptions.model_fields if name in given}
    try:
        decoding = DecodingOptions.model_validate({"beam_size": settings.beam_size, **_encoder(settings, model), **given})
        slicing = SlicingOptions.model_validate({"max_chunk_s": settings.max_chunk_s or model.max_chunk_s, **of_slicing})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid("bad_option", f"{first['loc'][0]}: {first['msg']} (got {first['input']!r})") from error
    languages.check(decoding.language, model.languages, model.ref.name)
    return EffectiveOptions(model.ref, decoding, slicing)


def for_file(options: EffectiveOptions, filename: str) -> EffectiveOptions:
    """The options with the format from the file's name: the same bytes under another name may be another work."""
    raw_format = RAW_FORMATS.get(PurePosixPath(filename).suffix.lower())
    return (
        options if raw_format is None else replace(options, slicing=options.slicing.model_copy(update={"raw_format": raw_format}))
    )


def _encoder(settings: Settings, model: Model) -> dict[str, object]:
    """The encoder's window: from the settings, else as measured for the model."""
    names = ("encoder_window", "encoder_margin_s", "encoder_bucket_s")
    chosen = {name: getattr(settings, name) for name in names}
    return {name: getattr(model, name) if value is None else value for name, value in chosen.items()}
