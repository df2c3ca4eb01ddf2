"""The options of a job beside those of its transcription: model, lane, result files. Of submissions and of dropped objects."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Field

from runtime.requested_options import BadOption, Expected, FormatList, RequestedOptions, lower
from schemas.jobs import FormatName
from schemas.record import Lane

Priority = Literal["high", "normal", "low"]
LANES: Mapping[Priority, Lane | None] = {"high": "interactive", "normal": None, "low": "bulk"}
FORMAT_NAMES: tuple[FormatName, ...] = get_args(FormatName)


class JobOptions(RequestedOptions):
    """None: not given."""

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

    @classmethod
    def parse(cls, fields: Mapping[str, str], context: Mapping[str, object] | None = None) -> Self:
        """As that of `RequestedOptions`; also raises BadOption if lane and priority contradict each other."""
        options = super().parse(fields, context)
        if options.lane and options.priority and options.lane != LANES[options.priority]:
            raise BadOption("priority", f"contradicts the lane {options.lane!r}: use one of them", "high, normal or low")
        return options

    @property
    def chosen_lane(self) -> Lane | None:
        """By either name; None: by the length of the audio."""
        return self.lane or LANES[self.priority or "normal"]

    def requested(self) -> dict[str, object]:
        """Of the transcription. A file of words needs their times."""
        return super().requested() | ({"words": True} if "words" in (self.formats or ()) else {})
