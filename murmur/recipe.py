"""How a text is to be made: model, decoding, slicing. The settings' defaults with what one caller asked for on top.

Gateway and intake cook by it; `identity.plan` puts all of it into the work's name.
"""

from dataclasses import dataclass

from pydantic import ValidationError

from murmur.errors import Invalid
from murmur.models.catalogue import Model
from murmur.settings import Settings
from schemas.options import DecodingOptions, ModelRef, SlicingOptions


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
