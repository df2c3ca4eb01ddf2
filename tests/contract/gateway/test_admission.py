"""A full queue over HTTP: what a client reads, and that nothing is left of what was refused."""

from collections.abc import Iterator

import pytest

from producers.gateway.view.estimates import ASSUMED_BYTES_S
from tests.contract.gateway.running_gateway import (
    API,
    RunningGateway,
    embedded,
    finish,
    is_problem,
    publish_state,
    submitted,
)

SECOND = bytes(ASSUMED_BYTES_S)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Its queue takes ten seconds of audio. It does not look into files, so their size counts."""
    with embedded(tmp_path_factory.mktemp("gateway"), max_queued_audio_s=10) as gateway:
        yield gateway


def test_a_full_queue_refuses_with_a_time_to_retry_and_takes_more_once_a_job_has_ended(gateway: RunningGateway) -> None:
    first, second = submitted(gateway, 9 * SECOND + b"a"), submitted(gateway, 3 * SECOND + b"b")
    files = len(gateway.files())

    answer = gateway.submit(b"c")
    assert is_problem(answer, 503)["reason"] == "queue_full"
    assert int(answer.headers["Retry-After"]) == 3  # 2 s too much, in real time, since no job has ended
    assert len(gateway.files()) == files

    finish(gateway, second)
    third = submitted(gateway, b"c")
    publish_state(gateway, first, "REVOKED")
    publish_state(gateway, third, "REVOKED")


def test_a_retry_waits_for_the_queue_as_a_submission_does(gateway: RunningGateway) -> None:
    cancelled, long = submitted(gateway, 5 * SECOND + b"d"), submitted(gateway, 11 * SECOND + b"e")
    publish_state(gateway, cancelled, "REVOKED")
    retry = f"/api/jobs/{cancelled.job.job_id}/retry"
    assert is_problem(gateway.request("POST", retry), 503)["reason"] == "queue_full"
    publish_state(gateway, long, "REVOKED")
    again = gateway.request("POST", retry)
    assert again.status == 202
    gateway.request("DELETE", f"{API}/{again.json['task_id']}")
