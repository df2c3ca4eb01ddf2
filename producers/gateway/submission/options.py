"""Validates the fields of a submission. Pure; every error says what is expected."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from producers.gateway.http.problems import Problem, check_names
from runtime import languages
from runtime.errors import Invalid
from runtime.formats import FORMATS
from runtime.models.catalogue import Model
from runtime.requested_options import BadOption, Expected, RequestedOptions, items, lower
from runtime.webhooks import address_problem, url_problem
from schemas.record import Lane

URL_MAX = 2048
Priority = Literal["high", "normal", "low"]
LANES: Mapping[Priority, Lane | None] = {"high": "interactive", "normal": None, "low": "bulk"}
FORMAT_NAMES = tuple(FORMATS)
Format = Literal["json", "txt", "srt", "vtt", "tsv"]
FormatList = Annotated[tuple[Format, ...], Field(min_length=1), BeforeValidator(items, json_schema_input_type=str)]


class SubmissionOptions(RequestedOptions):
    """The fields beside the file. None: not given."""

    model: Annotated[str | None, Expected("a model's name")] = Field(
        None, description="one of the models that `/api/models` lists; any other is rejected [default: the one marked there]"
    )
    lane: Annotated[Lane | None, BeforeValidator(lower), Expected("interactive or bulk")] = Field(
        None, description="interactive or bulk [default: by the length of the audio]"
    )
    priority: Annotated[Priority | None, BeforeValidator(lower), Expected("high, normal or low")] = Field(
        None, description="another way to name the lane: high is interactive, low is bulk, normal is by the length of the audio"
    )
    formats: Annotated[FormatList | None, Expected(f"some of {', '.join(FORMAT_NAMES)}, separated by commas")] = Field(
        None,
        description="result files that the status links to; of a named object they are also written beside it "
        "[default: links to all]",
    )
    no_cache: Annotated[bool | None, Expected("true or false")] = Field(
        None,
        description="true: transcribe again, whatever is known of this audio; the result replaces the earlier one",
    )
    webhook_url: Annotated[
        str | None, Field(max_length=URL_MAX), Expected(f"an absolute http or https URL of at most {URL_MAX} characters")
    ] = Field(None, description="receives a signed POST when the job has ended")

    @property
    def chosen_lane(self) -> Lane | None:
        """By either name; None: by the length of the audio."""
        return self.lane or LANES[self.priority or "normal"]

    @field_validator("formats")
    @classmethod
    def _each_once(cls, formats: tuple[Format, ...] | None) -> tuple[Format, ...] | None:
        return formats and tuple(dict.fromkeys(formats))

    @field_validator("webhook_url")
    @classmethod
    def _can_be_sent_to(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None:
            return None
        allow_private = bool((info.context or {}).get("allow_private"))
        if (problem := url_problem(url) or address_problem(url, allow_private)) is not None:
            raise ValueError(problem)
        if re.search(r"[\s\x00-\x20\x7f\\]", url):
            raise ValueError("it has blanks, control characters or backslashes")
        return url


KNOWN = ("file", *SubmissionOptions.model_fields)


def parse_submission(fields: Mapping[str, str], model: Model, *, allow_private: bool = False) -> SubmissionOptions:
    """`model`: the one that the job asks for; `allow_private`: webhooks may go to private addresses. Raises Problem 400."""
    check_names("field", fields, KNOWN)
    try:
        options = SubmissionOptions.parse(fields, {"allow_private": allow_private})
        languages.check(options.language, model.languages, model.ref.name)
        if options.lane and options.priority and options.lane != LANES[options.priority]:
            raise BadOption("priority", f"contradicts the lane {options.lane!r}: use one of them", "high, normal or low")
    except BadOption as error:
        raise Problem(400, error.reason, f"The field {error}.", field=error.name, expected=error.expected) from error
    except Invalid as error:
        detail = str(error)
        raise Problem(400, error.reason, f"{detail[0].upper()}{detail[1:]}.", known=model.languages) from error
    return options
