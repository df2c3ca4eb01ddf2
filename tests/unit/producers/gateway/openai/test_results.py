"""Transcripts in the response formats of OpenAI's API and of whisper-asr-webservice, as their documents describe them."""

from typing import Any

import orjson
import pytest
from pydantic import BaseModel

from producers.gateway.asr import results as asr
from producers.gateway.documents.asr import AsrResult
from producers.gateway.documents.openai import (
    TranscriptionText,
    TranslationText,
    VerboseTranscription,
    VerboseTranslation,
)
from producers.gateway.openai.fields import AudioFields, TranscriptionFields, TranslationFields, parse
from producers.gateway.openai.results import write
from runtime.formats import USUAL
from runtime.verbose import language_name
from schemas.options import DecodingOptions
from schemas.segment import Segment, Word
from schemas.transcript import Transcript
from tests.unit.runtime.test_formats import transcript

WORDS = (Word(start=0.5, end=0.9, word=" Olá", probability=0.9), Word(start=0.9, end=1.5, word=" Ana.", probability=0.8))
SPOKEN = transcript(
    Segment(start=0.5, end=1.5, text="Olá Ana.", words=WORDS, avg_logprob=-0.2),
    Segment(start=2, end=3, text="Bom dia.", words=()),
)
SILENT = transcript().model_copy(update={"language": None})


def written(fields: AudioFields, of: Transcript = SPOKEN) -> dict[str, Any]:
    """Of the text, as a job for these fields has it."""
    decoding = of.decoding.model_copy(update={"task": fields.TASK})
    body, media_type = write(of.model_copy(update={"decoding": decoding}), fields, USUAL)
    assert media_type == "application/json"
    document: dict[str, Any] = orjson.loads(body)
    return document


def fits(document: dict[str, Any], model: type[BaseModel]) -> None:
    """Everything that it has is described."""
    assert model.model_validate(document).model_dump(mode="json", exclude_unset=True) == document


def verbose(*granularities: str) -> TranscriptionFields:
    lists = {"timestamp_granularities[]": list(granularities)} if granularities else {}
    return parse(TranscriptionFields, {"response_format": "verbose_json"}, lists)


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        (parse(TranscriptionFields, {}, {}), TranscriptionText),
        (parse(TranslationFields, {}, {}), TranslationText),
        (verbose(), VerboseTranscription),
        (verbose("word"), VerboseTranscription),
        (verbose("word", "segment"), VerboseTranscription),
        (parse(TranslationFields, {"response_format": "verbose_json"}, {}), VerboseTranslation),
    ],
)
@pytest.mark.parametrize("of", [SPOKEN, SILENT], ids=["spoken", "silent"])
def test_a_response_is_as_described(fields: AudioFields, model: type[BaseModel], of: Transcript) -> None:
    fits(written(fields, of), model)


@pytest.mark.parametrize("of", [SPOKEN, SILENT], ids=["spoken", "silent"])
def test_the_output_json_is_as_described(of: Transcript) -> None:
    fits(orjson.loads(asr.write(of, "json", USUAL)), AsrResult)


def test_segments_put_together_are_the_text_with_a_blank_before_it() -> None:
    document = written(verbose())
    assert "".join(segment["text"] for segment in document["segments"]) == f" {document['text']}" == " Olá Ana. Bom dia."
    assert [segment["seek"] for segment in document["segments"]] == [50, 200]


def test_words_have_no_blanks_and_follow_each_other() -> None:
    assert written(verbose("word"))["words"] == [
        {"word": "Olá", "start": 0.5, "end": 0.9},
        {"word": "Ana.", "start": 0.9, "end": 1.5},
    ]


def test_the_language_is_an_english_name_in_small_letters() -> None:
    assert language_name(SPOKEN) == "portuguese"
    assert language_name(SILENT) == "unknown"
    requested = SILENT.model_copy(update={"decoding": DecodingOptions(language="ht")})
    assert language_name(requested) == "haitian creole"


def test_a_text_ends_with_a_line_break() -> None:
    assert write(SPOKEN, parse(TranscriptionFields, {"response_format": "text"}, {}), USUAL) == (
        "Olá Ana. Bom dia.\n".encode(),
        "text/plain",
    )
