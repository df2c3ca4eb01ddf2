"""The options of a dropped object: from its metadata, `x-amz-meta-murmur-…`, else from the settings. Pure.

Every option of a transcription may be given, and the model, the lane or priority, and the result files:
`x-amz-meta-murmur-language: pt`, `-formats: srt,vtt`, `-priority: high`. A file in a folder has no metadata.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header

from runtime.effective_options import EffectiveOptions, effective_options, for_file
from runtime.errors import Invalid
from runtime.job_options import JobOptions
from runtime.models import catalogue
from runtime.models.catalogue import Model
from runtime.requested_options import BadOption
from runtime.settings import Settings
from schemas.jobs import FormatName
from schemas.record import Failure, Lane

PREFIX, HEADER = "murmur-", "x-amz-meta-murmur-"


@dataclass(frozen=True, slots=True)
class DropOptions:
    """`formats`: None, if the settings decide. `given`: the metadata. `refused`: why they cannot be used; the other fields are
    those of the settings then."""

    effective: EffectiveOptions
    lane: Lane | None = None
    formats: tuple[FormatName, ...] | None = None
    given: tuple[tuple[str, str], ...] = ()
    refused: Failure | None = None


def drop_options(metadata: Mapping[str, str], filename: str, settings: Settings, models: Sequence[Model]) -> DropOptions:
    """`models`: those that are served, the default one first."""
    given = {name.lower(): _text(value) for name, value in metadata.items() if name.lower().startswith(PREFIX)}
    found = tuple(sorted(given.items()))
    try:
        return _parsed({name.removeprefix(PREFIX): value for name, value in found}, found, filename, (settings, models))
    except BadOption as error:
        refused = Failure(reason=error.reason, message=f"{_header(error.name)} {error.problem}")
    except Invalid as error:  # of a language; other options are checked one by one
        refused = Failure(reason=error.reason, message=f"{_header('language')}: {error}")
    usual = _with_words(effective_options(settings, models[0]), settings)
    return DropOptions(for_file(usual, filename), given=found, refused=refused)


def _parsed(
    given: Mapping[str, str], found: tuple[tuple[str, str], ...], filename: str, among: tuple[Settings, Sequence[Model]]
) -> DropOptions:
    settings, models = among
    fields = {name.replace("-", "_"): value for name, value in given.items()}
    known = ", ".join(name.replace("_", "-") for name in JobOptions.model_fields)
    for name in fields.keys() - JobOptions.model_fields.keys():
        raise BadOption(name, f"is unknown: known are {known}", known)
    options = JobOptions.parse(fields)
    model = models[0] if options.model is None else catalogue.named(options.model, models)
    if model is None:
        served = ", ".join(each.ref.name for each in models)
        raise BadOption("model", f"cannot be {options.model!r}: use one of {served}", served)
    effective = effective_options(settings, model, **options.requested())
    if options.formats is None:
        effective = _with_words(effective, settings)
    return DropOptions(for_file(effective, filename), options.chosen_lane, options.formats, found)


def _with_words(options: EffectiveOptions, settings: Settings) -> EffectiveOptions:
    """A file of words needs their times."""
    if "words" not in settings.result_formats:
        return options
    return EffectiveOptions(options.model, options.decoding.model_copy(update={"words": True}), options.slicing)


def _header(name: str) -> str:
    return HEADER + name.replace("_", "-")


def _text(value: str) -> str:
    """S3 writes what is not ASCII as RFC 2047 does."""
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return value
