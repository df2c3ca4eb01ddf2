"""The settings of corrected text: a part of `Settings`."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr


def _http_url(text: str | None) -> str | None:
    if text is not None and not re.match(r"https?://[^/\s?#]+", text):
        raise ValueError("not an http or https URL")
    return text


class CorrectionSettings(BaseModel):
    """Off unless a file with rules or a server is named."""

    # Corrected text
    correction_rules_file: Path | None = Field(
        None, description="YAML file with the rules that correct texts; read again when it changes. Unset: none"
    )
    correction_timeout_s: float = Field(
        60.0, gt=0, description="after this the raw text is the result of a job, with a warning, whatever the corrector does"
    )
    corrector_url: Annotated[str | None, AfterValidator(_http_url)] = Field(
        None, description="a server with the OpenAI chat API that corrects texts, such as http://127.0.0.1:8080/v1; unset: none"
    )
    corrector_api_key: SecretStr | None = Field(None, description="the key that is sent to it")
    corrector_model: str | None = Field(None, description="the model that it is asked for; required with MURMUR_CORRECTOR_URL")
    corrector_prompt: str | None = Field(None, description="instead of the built-in instructions to the model")
    corrector_temperature: float = Field(0.0, ge=0, le=2, description="sampling temperature of the model")
    corrector_timeout_s: float = Field(30.0, gt=0, description="time limit of one request to it")
    corrector_concurrency: int = Field(4, ge=1, le=256, description="most requests to it at a time, of one corrector")
    corrector_piece_chars: int = Field(
        2000, ge=100, le=100_000, description="longer texts are sent in pieces of about this many characters"
    )
    corrector_max_change: float = Field(
        0.4,
        gt=0,
        le=1,
        description="share of a segment's characters that the model may change; a segment that it changes more keeps its text",
    )
    corrector_languages: str = Field("", description="languages that are sent to it: codes separated by commas; empty: all")
    corrector_owners: str = Field("", description="owners whose texts are sent to it, separated by commas; empty: all")
    correction_cache_s: int = Field(30 * 86_400, ge=0, description="how long its answers are kept and reused; 0: not at all")

    @property
    def corrects(self) -> bool:
        """Whether any text is corrected. Off: no stage and no record more than without the feature."""
        return self.correction_rules_file is not None or self.corrector_url is not None
