"""Names that readers give to a job's file and to its speakers."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from producers.gateway.documents.names import Names
from producers.gateway.jobs import listed_names
from producers.gateway.jobs.names import GivenNames
from producers.gateway.view.job_view import JobView
from runtime.objects.keys import names_key
from schemas.jobs import JobRequested
from schemas.segment import Segment
from tests.contract.gateway.running_gateway import API, Answer, RunningGateway, embedded, finish, is_problem, submitted
from tests.waiting import wait_until

SPEAKERS = [{"start": 0.0, "name": "Ana"}, {"start": 2.0, "name": "João <b>"}]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("names")) as gateway:
        yield gateway


@pytest.fixture
def talk(gateway: RunningGateway) -> JobRequested:
    submission = submitted(gateway, filename="talk.wav")
    finish(gateway, submission, Segment(start=0, end=1, text="Olá."), Segment(start=2, end=3, text="Bom dia."))
    return submission


def where(talk: JobRequested) -> str:
    return f"/api/jobs/{talk.job.job_id}/names"


def named(gateway: RunningGateway, talk: JobRequested, **names: object) -> Answer:
    return gateway.request("PUT", where(talk), orjson.dumps(names), {"Content-Type": "application/json"})


def transcript(gateway: RunningGateway, talk: JobRequested, ending: str) -> Answer:
    return gateway.get(f"{API}/{talk.job.job_id}/transcript.{ending}")


def test_names_are_kept_and_replaced_as_a_whole(gateway: RunningGateway, talk: JobRequested) -> None:
    before = gateway.get(where(talk)).json
    assert (before["filename"], before["speakers"], before["changed_at"]) == ("", [], None)
    answer = named(gateway, talk, filename=" Interview\n with Ana ", speakers=SPEAKERS)
    assert answer.status == 200
    after = gateway.get(where(talk)).json
    assert answer.json == after
    assert (after["task_id"], after["filename"], after["speakers"]) == (str(talk.job.job_id), "Interview with Ana", SPEAKERS)
    assert after["changed_at"] is not None
    assert named(gateway, talk).json["speakers"] == []


def test_downloads_for_people_have_the_names(gateway: RunningGateway, talk: JobRequested) -> None:
    before = transcript(gateway, talk, "srt").headers["ETag"]
    named(gateway, talk, filename="Interview.wav", speakers=SPEAKERS)
    assert transcript(gateway, talk, "txt").body.decode() == "Ana: Olá.\nJoão <b>: Bom dia.\n"
    srt, vtt = transcript(gateway, talk, "srt"), transcript(gateway, talk, "vtt")
    assert b"\nAna: Ol" in srt.body
    assert "João &lt;b&gt;: Bom dia." in vtt.body.decode()
    assert srt.headers["Content-Disposition"] == 'inline; filename="Interview.srt"'
    assert srt.headers["ETag"] != before
    assert [segment["text"] for segment in transcript(gateway, talk, "json").json["segments"]] == ["Olá.", "Bom dia."]


@pytest.mark.parametrize(
    "names",
    [
        {"file": "a"},
        {"filename": 7},
        {"filename": "a" * 256},
        {"speakers": [{"start": -1, "name": "a"}]},
        {"speakers": [{"start": 0}]},
        {"speakers": [{"start": True, "name": "a"}]},
        {"speakers": [{"start": "1", "name": "a"}]},
        {"speakers": [{"start": 0, "name": "a", "end": 1}]},
        {"speakers": [{"start": 0, "name": "a"}] * 2001},
    ],
)
def test_what_are_no_names_is_refused(gateway: RunningGateway, talk: JobRequested, names: dict[str, object]) -> None:
    assert is_problem(named(gateway, talk, **names), 400)["reason"] in ("bad_option", "unknown_field")
    assert gateway.get(where(talk)).json["changed_at"] is None


def test_they_go_with_their_job_and_others_of_the_work_have_their_own(gateway: RunningGateway, talk: JobRequested) -> None:
    other = submitted(gateway, gateway.store.get("work", talk.work.audio.key))
    finish(gateway, other, Segment(start=0, end=1, text="Olá."))
    assert other.work.work_id == talk.work.work_id
    for job, name in ((talk, "one"), (other, "two")):
        named(gateway, job, filename=name)
    assert gateway.request("DELETE", f"/api/jobs/{talk.job.job_id}").status == 200
    is_problem(gateway.get(where(talk)), 404)
    assert gateway.get(where(other)).json["filename"] == "two"
    left = [info.key for info in gateway.store.list("work", f"names/{talk.work.work_id}/")]
    assert left == [names_key(other.work.work_id, other.job.job_id)]


def test_names_that_are_written_after_the_deletion_of_their_job_do_not_stay(
    gateway: RunningGateway, talk: JobRequested, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = GivenNames.write

    def written_late(given: GivenNames, job: JobView, names: Names) -> None:
        assert gateway.request("DELETE", f"/api/jobs/{job.job_id}").status == 200
        write(given, job, names)

    monkeypatch.setattr(GivenNames, "write", written_late)
    assert is_problem(named(gateway, talk, filename="late"), 404)["reason"] == "unknown_task"
    assert list(gateway.store.list("work", f"names/{talk.work.work_id}/")) == []


def test_a_download_that_was_renamed_is_another_one_to_a_client_that_has_it(gateway: RunningGateway, talk: JobRequested) -> None:
    path = f"{API}/{talk.job.job_id}/transcript.json"
    condition = {"If-None-Match": gateway.get(path).headers["ETag"]}
    assert gateway.request("GET", path, headers=condition).status == 304
    named(gateway, talk, filename="AC/DC 26.11")
    renamed = gateway.request("GET", path, headers=condition)
    assert (renamed.status, renamed.headers["Content-Disposition"]) == (200, 'inline; filename="AC-DC 26.11.json"')


def row_of(gateway: RunningGateway, talk: JobRequested, query: str = "") -> dict[str, Any] | None:
    rows = gateway.get(f"/api/jobs?limit=500{query}").json["jobs"]
    return next((row for row in rows if row["task_id"] == str(talk.job.job_id)), None)


def test_the_list_has_given_names_and_finds_jobs_by_them(gateway: RunningGateway, talk: JobRequested) -> None:
    row = row_of(gateway, talk)
    assert row is not None
    assert row["given_name"] is None
    named(gateway, talk, filename="Board meeting")

    for query in ("", "&text=board", "&text=talk"):
        row = row_of(gateway, talk, query)
        assert row is not None
        assert (row["filename"], row["given_name"]) == ("talk.wav", "Board meeting")

    named(gateway, talk, speakers=SPEAKERS)
    assert row_of(gateway, talk, "&text=board") is None
    row = row_of(gateway, talk)
    assert row is not None
    assert row["given_name"] is None


def test_the_list_shows_names_that_were_given_at_another_gateway(
    gateway: RunningGateway, talk: JobRequested, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed_names, "RENEWED_S", 0.0)
    others = GivenNames(gateway.store, gateway.settings.work_bucket)
    job = gateway.stage._view.get(talk.job.job_id)
    assert job is not None
    for name in ("Board meeting", "Annual meeting", ""):
        others.write(job, Names(filename=name))
        wait_until(lambda name=name: (row_of(gateway, talk) or {})["given_name"] == (name or None), "the name")  # type: ignore[misc]
    named(gateway, talk, filename="Here")
    others.delete(job)
    wait_until(lambda: (row_of(gateway, talk) or {})["given_name"] is None, "the name to go")
