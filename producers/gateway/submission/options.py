"""Validates the fields of a submission. Pure; every error says what is expected."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from producers.gateway.http.problems import Problem, check_names
from runtime import languages
from runtime.errors import Invalid
from runtime.job_options import JobOptions
from runtime.models.catalogue import Model
from runtime.reachable import Reachable
from runtime.requested_options import BadOption, Expected
from runtime.webhooks import door_problem

URL_MAX = 2048


class SubmissionOptions(JobOptions):
    """The fields beside the file. None: not given."""

    no_cache: Annotated[bool | None, Expected("true or false")] = Field(
        None,
        description="true: transcribe again, whatever is known of this audio; the result replaces the earlier one",
    )
    correct: Annotated[bool | None, Expected("true or false")] = Field(
        None, description="false: the text as transcribed, where the operator has it corrected"
    )
    webhook_url: Annotated[
        str | None, Field(max_length=URL_MAX), Expected(f"an absolute http or https URL of at most {URL_MAX} characters")
    ] = Field(None, description="receives a signed POST when the job has ended")

    @field_validator("webhook_url")
    @classmethod
    def _can_be_sent_to(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None:
            return None
        if (problem := door_problem(url, (info.context or {}).get("reachable") or Reachable())) is not None:
            raise ValueError(problem)
        return url


KNOWN = ("file", *SubmissionOptions.model_fields)


def parse_submission(fields: Mapping[str, str], model: Model, reachable: Reachable | None = None) -> SubmissionOptions:
    """`model`: the one that the job asks for; `reachable`: where webhooks may go. Raises Problem 400."""
    check_names("field", fields, KNOWN)
    try:
        options = SubmissionOptions.parse(fields, {"reachable": reachable})
        languages.check(options.language, model.languages, model.ref.name)
    except BadOption as error:
        raise Problem(400, error.reason, f"The field {error}.", field=error.name, expected=error.expected) from error
    except Invalid as error:
        detail = str(error)
        raise Problem(400, error.reason, f"{detail[0].upper()}{detail[1:]}.", known=model.languages) from error
    return options
