"""A receiver on loopback, and a store with the transcript of every job that succeeded."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runtime.objects.directory import DirectoryStore
from runtime.objects.transcripts import Transcripts
from tests.contract.webhooks.receiver import Receiver
from tests.ended import transcript


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiving:
        yield receiving


@pytest.fixture
def objects(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore({"work": tmp_path / "work"})
    store.create()
    Transcripts(store, "work").write(transcript(datetime.now(UTC)))
    return store
