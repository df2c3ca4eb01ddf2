"""What was done to the text of a transcript after it was transcribed: by rules, and perhaps by a language model."""

from pydantic import Field

from schemas.record import Value


class Correction(Value):
    """Of a corrected transcript, whose `raw_text`, and the `raw_text` of its segments, are what was transcribed."""

    version: str = Field(description="digest of the rules and of the corrector's settings that were in force")
    rules: tuple[str, ...] = Field((), description="the rules that changed something, in their order")
    model: str | None = Field(None, description="of the corrector; None: rules only")
    segments_changed: int = Field(ge=0)
    segments_rejected: int = Field(0, ge=0, description="whose text the corrector gave back is not used: it differs too much")
    is_complete: bool = Field(
        True, description="false: a rule failed, or the corrector, or a segment was rejected; a warning says so"
    )
    seconds: float = Field(0.0, ge=0, description="time that the correction took")
