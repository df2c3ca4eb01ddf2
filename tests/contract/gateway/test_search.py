"""Jobs that are found in the list by what was said in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from producers.gateway.search.index import index_path
from runtime.kafka.embedded import EmbeddedBroker
from runtime.objects import keys
from schemas.jobs import JobRequested
from schemas.segment import Segment
from tests.contract.gateway.keyed import keyed
from tests.contract.gateway.running_gateway import RunningGateway, embedded, finish, resources, running, submitted
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    with embedded(tmp_path_factory.mktemp("search")) as gateway:
        yield gateway


def spoken(gateway: RunningGateway, text: str, **more: object) -> JobRequested:
    """A job that has succeeded with this text."""
    submission = submitted(gateway, filename="talk.wav")
    finish(gateway, submission, Segment(start=0, end=1, text=text), **more)
    return submission


def found(gateway: RunningGateway, text: str, more: str = "") -> list[str]:
    """Once all transcripts are searched."""

    def document() -> Any:
        answer = gateway.get(f"/api/jobs?text={quote(text)}{more}")
        return answer.json if answer.status == 200 and answer.json["transcripts_searched"] else None

    return [row["task_id"] for row in wait_until(document, "the index")["jobs"]]


def name(*submissions: JobRequested) -> list[str]:
    return [str(submission.job.job_id) for submission in submissions]


def content(gateway: RunningGateway) -> bytes:
    """Of the index's file and of its log."""
    path = index_path(gateway.settings)
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


def test_jobs_are_found_by_words_of_their_transcripts_or_of_their_file_names(gateway: RunningGateway) -> None:
    first = spoken(gateway, "O orçamento de São Paulo foi aprovado.")
    second = spoken(gateway, "Um orçamento qualquer.")
    named = submitted(gateway, filename="Orcamento 2026.wav")

    assert found(gateway, "orcamento sao") == name(first)
    assert found(gateway, "orcamento") == name(named, second, first)
    assert found(gateway, "ORÇAM", "&limit=2") == name(second, first)
    assert found(gateway, '"foi aprovado"') == name(first)
    assert found(gateway, "orcamento", "&state=PENDING") == name(named)
    assert found(gateway, "de Sao reprovado") == []


def test_a_list_without_a_text_does_not_say_what_was_searched(gateway: RunningGateway) -> None:
    assert gateway.get("/api/jobs").json["transcripts_searched"] is None


def test_pages_of_found_jobs_follow_each_other(gateway: RunningGateway) -> None:
    jobs = [spoken(gateway, f"pagination number {number}") for number in range(3)]
    found(gateway, "pagination")

    first = gateway.get("/api/jobs?text=pagination&limit=2").json
    second = gateway.get(f"/api/jobs?text=pagination&limit=2&cursor={first['next_cursor']}").json

    assert [row["task_id"] for page in (first, second) for row in page["jobs"]] == name(*reversed(jobs))


def test_the_corrected_text_is_what_is_searched(gateway: RunningGateway) -> None:
    job = spoken(gateway, "we met mister smyth", corrected=["We met Mr. Schmidt."])

    assert found(gateway, "schmidt") == name(job)
    assert found(gateway, "smyth") == []


def test_a_deleted_job_is_not_found_and_leaves_no_words(gateway: RunningGateway) -> None:
    job = spoken(gateway, "confidential matter")
    assert found(gateway, "confidential") == name(job)
    assert b"confidential" in content(gateway)

    assert gateway.request("DELETE", f"/api/jobs/{job.job.job_id}").status == 200

    assert found(gateway, "confidential") == []
    wait_until(lambda: b"confidential" not in content(gateway), "its words to be removed")


def test_owners_find_only_their_own_jobs(tmp_path: Path) -> None:
    with keyed(tmp_path) as gateway:
        alice, bob, admin = gateway.of("alice"), gateway.of("bob"), gateway.of("ops")
        job = spoken(alice, "a private word")

        assert found(alice, "private") == name(job)
        assert found(bob, "private") == []
        assert bob.get("/api/jobs?text=private&owner=alice").json["jobs"] == []
        assert found(admin, "private") == name(job)


def test_a_restart_reads_what_the_index_lacks_and_removes_what_it_should_not_have(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        with running(broker.kafka(), tmp_path) as gateway:
            wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
            kept, lost = spoken(gateway, "remember the milk"), spoken(gateway, "remember the eggs")
            assert found(gateway, "remember") == name(lost, kept)
        settings = resources(broker.kafka(), tmp_path, {}).settings
        index_path(settings).unlink()
        gateway.store.delete(settings.work_bucket, keys.transcript_key(lost.work.work_id))

        with running(broker.kafka(), tmp_path) as gateway:
            assert found(gateway, "remember") == name(kept)
        with running(broker.kafka(), tmp_path, search_index_bytes=0) as gateway:
            wait_until(lambda: gateway.stage.not_ready() is None, "the gateway")
            document = gateway.get("/api/jobs?text=remember").json
            assert (document["jobs"], document["transcripts_searched"]) == ([], False)
            assert not index_path(settings).exists()
