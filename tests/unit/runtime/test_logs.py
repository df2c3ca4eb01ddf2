"""Log lines as they are written: text for people, JSON for machines, one pipeline for our own and for those of libraries."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from runtime import logs

JOB_ID = UUID("0b0c7d3e-5a0e-4f3c-9a54-0d1d2c3b4a59")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def written(log_format: str, stream: io.StringIO) -> Iterator[io.StringIO]:
    """Every line of the loggers below `runtime` goes to the stream. Within a test it goes nowhere else: pytest-xdist's reports
    take no lone surrogates."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter(log_format, stream))
    logger = logging.getLogger("runtime")
    level = logger.level
    logger.setLevel("INFO")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        logger.setLevel(level)


@pytest.fixture
def text() -> Iterator[io.StringIO]:
    with written("text", io.StringIO()) as stream:
        yield stream


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    with written("json", io.StringIO()) as stream:
        yield stream


log = logs.get_logger("runtime.test")
library = logging.getLogger("runtime.library")


def test_a_line_of_text_is_time_level_event_and_fields(text: io.StringIO) -> None:
    log.info("job.ended", file="my talk.mp3", cached=False, audio_s=1.23456)
    time, rest = text.getvalue().split(" ", 1)
    assert datetime.fromisoformat(time).tzinfo == UTC
    assert rest.split() == ["[info", "]", "job.ended", "file='my", "talk.mp3'", "cached=False", "audio_s=1.235"]


def test_a_line_of_json_carries_the_same(lines: io.StringIO) -> None:
    log.info("job.ended", file="Grüße.mp3", job_id=JOB_ID, cached=False)
    (line,) = lines.getvalue().splitlines()
    fields = json.loads(line)
    assert datetime.fromisoformat(fields.pop("timestamp")).tzinfo == UTC
    assert fields == {
        "level": "info",
        "event": "job.ended",
        "logger": "runtime.test",
        "file": "Grüße.mp3",
        "job_id": str(JOB_ID),
        "cached": False,
    }


def test_lines_of_libraries_pass_the_same_pipeline(lines: io.StringIO) -> None:
    library.warning("no broker at %s", "host:9092")
    fields = json.loads(lines.getvalue())
    assert (fields["event"], fields["level"], fields["logger"]) == ("no broker at host:9092", "warning", "runtime.library")
    assert fields["timestamp"].endswith("Z")


def test_text_names_the_logger_of_a_library(text: io.StringIO) -> None:
    library.warning("no broker")
    log.warning("client.failed")
    of_library, ours = text.getvalue().splitlines()
    assert of_library.endswith(" logger=runtime.library")
    assert "logger=" not in ours


def test_colours_are_for_terminals_only(text: io.StringIO) -> None:
    with written("text", Terminal()) as terminal:
        log.error("stage.failed", error="x")
    assert "\x1b[" in terminal.getvalue()
    assert "\x1b" not in text.getvalue()


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "a b=c", "\udc80", "\x9b2J"], ids=ascii)
def test_a_name_can_neither_begin_a_line_nor_command_a_terminal(name: str) -> None:
    with written("text", io.StringIO()) as text:
        log.info("file.announced", file=name)
        library.info("announced %s", name)
    for line in text.getvalue().splitlines():
        assert line.isprintable()
    assert len(text.getvalue().splitlines()) == 2
    assert f"file={name!r}" in text.getvalue()


@pytest.mark.parametrize("name", ["a\nb", "\udc80", "Ä"], ids=ascii)
def test_any_name_of_a_file_can_be_written_as_json(name: str) -> None:
    with written("json", io.StringIO()) as lines:
        log.info("file.announced", file=name)
    assert json.loads(lines.getvalue().encode(errors="backslashreplace"))["file"] == name


@pytest.mark.parametrize(
    "leak",
    [
        "http://user:OPENSESAME@host/path",
        "https://host/key?X-Amz-Signature=OPENSESAME&X-Amz-Date=1",
        "https://host/key?X-Amz-Security-Token=OPENSESAME",
        "whsec_OPENSESAME",
    ],
)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_masked(leak: str, log_format: str) -> None:
    with written(log_format, io.StringIO()) as stream:
        log.info("webhook.attempted", url=leak)
        log.warning("webhook.attempted", error=OSError(f"no answer from {leak}"))
        library.warning("no answer from %s", leak)
    assert len(stream.getvalue().splitlines()) == 3
    assert "SESAME" not in stream.getvalue()
    assert stream.getvalue().count("***") == 3


def test_a_stage_names_its_lines_and_only_its_own(lines: io.StringIO) -> None:
    with logs.stage("coordinator"):
        log.info("tables.restored")
    log.info("tables.restored")
    within, after = map(json.loads, lines.getvalue().splitlines())
    assert within["stage"] == "coordinator"
    assert "stage" not in after


def test_a_traceback_is_one_field_of_json(lines: io.StringIO) -> None:
    try:
        raise ValueError("a bug")
    except ValueError:
        log.exception("stage.failed")
    fields = json.loads(lines.getvalue())
    assert fields["exception"].splitlines()[-1] == "ValueError: a bug"


def test_of_libraries_only_warnings_and_worse_are_written_whatever_logger_they_use() -> None:
    program = (
        "import logging\n"
        "from runtime import logs\n"
        "from runtime.settings import Settings\n"
        "logs.set_up(Settings(log_level='DEBUG'))\n"
        "log = logs.get_logger('sinks.metrics.app')\n"
        "for name in ('aiokafka', 'sinks.metrics.app'):\n"  # the latter: Faust's, by a class of ours
        "    logging.getLogger(name).info('chatter')\n"
        "    logging.getLogger(name).warning('trouble')\n"
        "log.debug('stage.ready')\n"
        "logs.hide('sinks.metrics')\n"
        "log.info('stage.hidden')\n"
        "log.warning('stage.failed')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [line.split("] ")[1].split()[0] for line in done.stderr.splitlines()] == [
        "trouble", "trouble", "stage.ready", "stage.failed",
    ]  # fmt: skip


@pytest.mark.parametrize(("level", "written_of_it"), [("INFO", 1), ("ERROR", 0)])
def test_what_is_hidden_is_never_more_than_the_level_lets_through(level: str, written_of_it: int) -> None:
    program = (
        "from runtime import logs\n"
        "from runtime.settings import Settings\n"
        f"logs.set_up(Settings(log_level='{level}'))\n"
        "logs.hide('runtime')\n"
        "logs.get_logger('runtime.kafka').warning('client.failed')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert len(done.stderr.splitlines()) == written_of_it


def test_fields_that_do_not_apply_are_null_in_json_and_left_out_of_text() -> None:
    with written("json", io.StringIO()) as lines, written("text", io.StringIO()) as text:
        log.info("job.ended", reason=None, files=["a", "b"])
    assert json.loads(lines.getvalue())["reason"] is None
    assert text.getvalue().split()[-2:] == ["job.ended", "files=a,b"]
