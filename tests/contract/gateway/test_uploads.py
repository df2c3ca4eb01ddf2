"""Large uploads over a real socket: how much memory they take."""

import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.contract.gateway.running_gateway import API, MULTIPART, RunningGateway, embedded, multipart, requested
from tests.waiting import DEADLINE_S

MIB = 1024 * 1024
FILE_BYTES = 256 * MIB
GROWTH_BYTES = 64 * MIB
BLOCK = bytes(range(256)) * (MIB // 256)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[RunningGateway]:
    with embedded(tmp_path) as gateway:
        yield gateway


def test_memory_does_not_grow_with_a_large_upload(gateway: RunningGateway) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    most = before

    def body() -> Iterator[bytes]:
        nonlocal most
        head, _, tail = multipart([], b"\0").partition(b"\0")
        yield head
        for _ in range(FILE_BYTES // MIB):
            yield BLOCK
            most = max(most, process.memory_info().rss)
        yield tail

    connection = http.client.HTTPConnection(gateway.netloc, timeout=DEADLINE_S)
    length = str(FILE_BYTES + len(multipart([], b"")))
    connection.request("POST", API, body(), {**MULTIPART, "Content-Length": length})
    answer = connection.getresponse()
    assert answer.status == 202, answer.read()
    task_id = Path(answer.headers["Location"]).name
    connection.close()

    assert max(most, process.memory_info().rss) - before < GROWTH_BYTES
    audio_id = hashlib.sha256()
    for _ in range(FILE_BYTES // MIB):
        audio_id.update(BLOCK)
    assert requested(gateway, task_id).work.audio_id == audio_id.hexdigest()
