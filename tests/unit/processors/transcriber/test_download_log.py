"""How far a model's download is, in the transcriber's log."""

from structlog.typing import EventDict

from processors.transcriber.loading import DownloadLog


def test_a_download_is_a_line_for_every_tenth(logged: list[EventDict]) -> None:
    log_download = DownloadLog("base")
    log_download(0, 0)  # before its size is known
    for done_bytes in range(0, 1001, 5):
        log_download(done_bytes, 1000)
    assert len(logged) == 11
    line = {"event": "model.downloading", "log_level": "info", "model": "base", "size_bytes": 1000}
    assert logged[0] == {**line, "percent": 0, "done_bytes": 0}
    assert logged[-1] == {**line, "percent": 100, "done_bytes": 1000}
