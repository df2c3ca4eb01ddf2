"""How a text is to be made: model, decoding, slicing. The settings' defaults with what one caller asked for on top.

Gateway and intake cook by it; `identity.plan` puts all of it into the work's name.
"""

from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pydantic import ValidationError

from murmur.errors import Invalid
from murmur.models.catalogue import Model
from murmur.settings import Settings
from schemas.options import DecodingOptions, ModelRef, RawFormat, SlicingOptions

# Telephone recordings without a header: only the name says what they are.
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
class Recipe:
    model: ModelRef
    decoding: DecodingOptions
    slicing: SlicingOptions


def recipe(settings: Settings, model: Model, **asked: object) -> Recipe:
    """`asked`: fields of DecodingOptions; None means not asked for. Raises Invalid("bad_option") with the field's problem."""
    wanted = {name: value for name, value in asked.items() if value is not None}
    try:
        decoding = DecodingOptions.model_validate(
            {"beam_size": settings.beam_size, "encoder_window": settings.encoder_window, **wanted}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Invalid("bad_option", f"{first['loc'][0]}: {first['msg']} (got {first['input']!r})") from error
    return Recipe(model.ref, decoding, SlicingOptions(max_chunk_s=settings.max_chunk_s or model.max_chunk_s))


def for_file(how: Recipe, filename: str) -> Recipe:
    """The recipe with what the file's name says of its format: the same bytes under another name may be another work."""
    raw_format = RAW_FORMATS.get(PurePosixPath(filename).suffix.lower())
    return how if raw_format is None else replace(how, slicing=how.slicing.model_copy(update={"raw_format": raw_format}))
