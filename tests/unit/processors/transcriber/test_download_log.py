"""How far a model's download is, in the transcriber's log."""

import logging

import pytest

from processors.transcriber.stage import DownloadLog


def test_a_download_is_a_line_for_every_tenth(caplog: pytest.LogCaptureFixture) -> None:
    tell = DownloadLog("base")
    with caplog.at_level(logging.INFO):
        tell(0, 0)  # before the hub has said how large it is
        for done_bytes in range(0, 1001, 5):
            tell(done_bytes, 1000)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 11
    assert lines[0] == "model download name=base percent=0 bytes=0 of_bytes=1000"
    assert lines[-1] == "model download name=base percent=100 bytes=1000 of_bytes=1000"
