"""Corrected texts over HTTP: the text of the status, of files and of events, with the raw one beside it."""

import orjson
import pytest

from runtime.objects import keys
from schemas.segment import Segment
from schemas.warning import TranscriptWarning
from tests.contract.gateway.running_gateway import API, RunningGateway, finish, is_problem, requested, status, submitted

SEGMENTS = (Segment(start=0, end=1, text="ola ana"), Segment(start=1, end=2, text="Adeus."))
CORRECTED = ("Olá, Ana!", "Adeus.")
WHY = TranscriptWarning(code="uncorrected", message="the corrector did not answer in time: this is the raw text")


def test_the_text_is_the_corrected_one_and_the_raw_one_is_beside_it(gateway: RunningGateway) -> None:
    submission = submitted(gateway, initial_prompt="one")
    finish(gateway, submission, *SEGMENTS, corrected=CORRECTED)
    result = status(gateway, submission)["result"]
    text = result["transcription"]
    assert (text["text"], text["raw_text"]) == ("Olá, Ana! Adeus.", "ola ana Adeus.")
    assert [segment["text"] for segment in text["segments"]] == list(CORRECTED)
    assert [segment.get("raw_text") for segment in text["segments"]] == ["ola ana", None]
    assert (result["correction"]["rules"], result["correction"]["segments_changed"]) == (["shout"], 1)
    assert result["warnings"] == []


@pytest.mark.parametrize("form", ["txt", "srt", "vtt", "tsv"])
def test_files_have_the_corrected_text(gateway: RunningGateway, form: str) -> None:
    submission = submitted(gateway, initial_prompt=form)
    finish(gateway, submission, *SEGMENTS, corrected=CORRECTED)
    content = gateway.get(f"{API}/{submission.job.job_id}/transcript.{form}").body.decode()
    assert "Olá, Ana!" in content
    assert "ola ana" not in content


def test_the_json_file_has_both(gateway: RunningGateway) -> None:
    submission = submitted(gateway, initial_prompt="json")
    finish(gateway, submission, *SEGMENTS, corrected=CORRECTED)
    document = orjson.loads(gateway.get(f"{API}/{submission.job.job_id}/transcript.json").body)
    assert (document["text"], document["raw_text"]) == ("Olá, Ana! Adeus.", "ola ana Adeus.")
    assert document["segments"][0]["raw_text"] == "ola ana"


def test_a_text_that_was_not_corrected_says_why(gateway: RunningGateway) -> None:
    submission = submitted(gateway, initial_prompt="why")
    finish(gateway, submission, *SEGMENTS, uncorrected=WHY)
    document = status(gateway, submission)
    assert document["result"]["transcription"]["text"] == "ola ana Adeus."
    assert [warning["code"] for warning in document["warnings"]] == ["uncorrected"]
    assert "raw_text" not in document["result"]["transcription"]


def test_a_deleted_job_leaves_no_corrected_text_and_no_answer_of_the_model(gateway: RunningGateway) -> None:
    submission = submitted(gateway, initial_prompt="deleted")
    work_id, bucket = submission.work.work_id, gateway.settings.work_bucket
    finish(gateway, submission, *SEGMENTS, corrected=CORRECTED)
    for key in (keys.answer_key(work_id, "question"), keys.answered_key("question", work_id)):
        gateway.store.put(bucket, key, b"{}")
    assert list(gateway.store.list(bucket, keys.corrected_prefix(work_id)))
    assert gateway.request("DELETE", f"/api/jobs/{submission.job.job_id}").status == 200
    assert [info.key for info in gateway.store.list(bucket) if work_id in info.key] == []


def test_a_submission_may_ask_for_the_raw_text(gateway: RunningGateway) -> None:
    answers = [gateway.submit(), gateway.submit(correct="true"), gateway.submit(correct="false")]
    jobs = [requested(gateway, answer.json["task_id"]) for answer in answers]
    assert [job.job.correct for job in jobs] == [True, True, False]
    assert len({job.work.work_id for job in jobs}) == 1
    assert is_problem(gateway.submit(correct="perhaps"), 400)["field"] == "correct"
