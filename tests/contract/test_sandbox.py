"""The decoder process: what it cannot do, what it costs a file to misbehave in it, and that others do not notice."""

import io
import json
import math
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from typing_extensions import Buffer

from processors.slicer.audio import Check, DecodeOptions, Progress, Samples, no_check
from processors.slicer.sandbox import decoding, pool, process
from processors.slicer.sandbox.frames import PAYLOAD_MAX_BYTES, Kind
from processors.slicer.sandbox.memory import allocated
from processors.slicer.sandbox.pool import Decoders
from processors.slicer.sandbox.process import DecoderDied, DecoderProcess, Limits
from processors.slicer.slicing import Closed, Slicer
from processors.slicer.vad import load_session
from runtime.errors import Invalid
from schemas.options import SlicingOptions
from tests.contract import hostile
from tests.contract.media import Sound, media, speech
from tests.waiting import DEADLINE_S

TEN_SECONDS = hostile.wav_of((np.sin(np.arange(160_000) / 10) * 9000).astype("<i2").tobytes())
ATTEMPTS = """
import ctypes, json, mmap, os, socket, subprocess, sys, traceback
from processors.slicer.sandbox.confinement import confine
secret = open(sys.argv[1], "rb")
tries = {
    "open": lambda: open(sys.argv[1]),
    "create": lambda: open(sys.argv[1] + ".new", "w"),
    "socket": lambda: socket.socket(),
    "pipe": os.pipe,
    "fork": os.fork,
    "spawn": lambda: subprocess.run(["true"]),
    "listdir": lambda: os.listdir("/"),
    "kill": lambda: os.kill(os.getppid(), 0),
    "executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "memory": lambda: bytearray(1 << 30),
    "environment of the parent": lambda: open(f"/proc/{os.getppid()}/environ").read(),
}
enforced = confine(256 << 20)
done = []
for name, attempt in tries.items():
    try:
        attempt()
    except (OSError, MemoryError):
        continue
    done.append(name)
os.write(1, json.dumps({"enforced": enforced, "done": done, "environment": dict(os.environ)}).encode())
"""


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(Limits(memory_bytes=512 << 20, cpu_s=4.0))
    yield made
    made.close()


def decoded_s(decoders: Decoders, data: bytes, check: Check = no_check) -> float:
    return sum(map(len, blocks(decoders, data, check))) / 16_000


def blocks(decoders: Decoders, data: bytes, check: Check = no_check) -> Iterator[Samples]:
    with decoders(io.BytesIO(data), DecodeOptions(max_audio_s=36_000), check) as audio:
        yield from audio.blocks()


def reason(decoders: Decoders, data: bytes) -> str:
    with pytest.raises(Invalid) as refused:
        decoded_s(decoders, data)
    return refused.value.reason


def children() -> set[int]:
    import psutil

    return {process.pid for process in psutil.Process().children()}


def test_a_confined_process_can_open_start_and_reach_nothing(tmp_path: object) -> None:
    """Tried from inside. Where the platform cannot enforce all of it, this fails and names what is open."""
    file = f"{tmp_path}/secret"
    with open(file, "w") as secret:  # noqa: PTH123
        secret.write("x")
    answer = subprocess.run(
        [sys.executable, "-I", "-c", ATTEMPTS, file], capture_output=True, env={"OPENBLAS_NUM_THREADS": "1"}, check=True
    )
    seen = json.loads(answer.stdout)
    assert seen["done"] == []
    assert {"NOFILE", "NPROC", "FSIZE", "CORE", "CPU", "AS"} <= set(seen["enforced"])
    assert sys.platform != "linux" or "seccomp" in seen["enforced"], "libseccomp is missing"
    assert seen["environment"].keys() <= {"OPENBLAS_NUM_THREADS", "LC_CTYPE"}


def test_a_child_has_no_environment_and_no_file_but_its_two_pipes() -> None:
    child = DecoderProcess(Limits())
    try:
        child.wait_ready(no_check)
        if sys.platform == "linux":
            names = {os.readlink(f"/proc/{child.pid}/fd/{fd}").split(":")[0] for fd in os.listdir(f"/proc/{child.pid}/fd")}  # noqa: PTH115,PTH208
            assert names <= {"pipe", "/dev/null"}
            with open(f"/proc/{child.pid}/environ", "rb") as environment:  # noqa: PTH123
                assert environment.read() == b"OPENBLAS_NUM_THREADS=1\0"
        assert child.enforced is not None
        assert "NOFILE" in child.enforced
    finally:
        child.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the child has no descriptor of it")
def test_the_shared_memory_cannot_be_taken_away() -> None:
    """Its end would be the end of the slicer: SIGBUS at the next access."""
    with allocated() as fd, pytest.raises(PermissionError):
        os.ftruncate(fd, 0)


def test_a_child_decodes_one_file_after_another(decoders: Decoders) -> None:
    before = children()
    assert [decoded_s(decoders, TEN_SECONDS) for _ in range(3)] == [10.0] * 3
    assert reason(decoders, b"no audio at all") == "unsupported"
    assert decoded_s(decoders, TEN_SECONDS) == 10.0
    assert len(children() - before) == 1


@pytest.mark.parametrize("handler", [b"vide", b"soun"])
@pytest.mark.parametrize("tracks", [3, 40])
def test_an_index_larger_than_memory_is_refused_and_the_next_file_is_well(
    decoders: Decoders, tracks: int, handler: bytes
) -> None:
    data = hostile.mp4_with_an_index_of(200_000_000 // tracks, tracks, handler)
    assert reason(decoders, data) in ("too_much_memory", "too_slow", "no_audio", "corrupt")
    assert decoded_s(decoders, TEN_SECONDS) == 10.0


def test_endless_tags_end_with_the_time_of_a_file(decoders: Decoders) -> None:
    assert reason(decoders, hostile.mp3_with_tags(80_000)) == "too_slow"
    assert decoded_s(decoders, TEN_SECONDS) == 10.0


def test_many_tracks_without_a_sample_cost_one_pass(decoders: Decoders) -> None:
    began_s = decoders_cpu_s(decoders)
    assert reason(decoders, hostile.matroska_with_tracks(300, 2000)) == "no_audio"
    assert decoders_cpu_s(decoders) - began_s < 4.0


def decoders_cpu_s(decoders: Decoders) -> float:
    decoders.start()
    (idle,) = decoders._idle
    idle.child.wait_ready(no_check)
    return idle.child.cpu_s()


def test_a_reliable_header_refuses_a_file_before_it_is_decoded(decoders: Decoders) -> None:
    data = hostile.flac_of_silence(0.5)
    with (
        pytest.raises(Invalid, match="longer than 600 s") as refused,
        decoders(io.BytesIO(data), DecodeOptions(max_audio_s=600)),
    ):
        pytest.fail("it was opened")
    assert refused.value.reason == "too_long"


class Cancelled(Exception):
    pass


@pytest.fixture
def without_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only child is that of the file."""
    monkeypatch.setattr(pool, "SPARE_AFTER_CPU_S", math.inf)


@pytest.mark.usefixtures("without_spare")
def test_a_cancel_ends_the_decoder_also_when_the_whole_file_is_read(decoders: Decoders) -> None:
    """The file is a few kilobytes, read at once; its sound is hours."""
    before, cancelled = children(), threading.Event()

    def check(_progress: Progress) -> None:
        if cancelled.is_set():
            raise Cancelled

    audio = blocks(decoders, hostile.flac_of_silence(4), check)
    next(audio)
    cancelled.set()
    with pytest.raises(Cancelled):
        deque(audio)
    assert children() == before


def test_beside_a_slow_file_a_child_is_ready_for_the_next_and_goes_first(decoders: Decoders) -> None:
    before, own = children(), os.getpriority(os.PRIO_PROCESS, 0)
    priorities: dict[int, int] = {}

    def check(progress: Progress) -> None:
        if progress.is_slow:
            priorities.update({pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in children() - before})
            raise Cancelled

    with pytest.raises(Cancelled):
        decoded_s(decoders, hostile.mp3_with_tags(80_000), check)
    (spare,) = (idle.child.pid for idle in decoders._idle)
    (slow,) = priorities.keys() - {spare}
    assert (priorities[spare], priorities[slow]) == (own, min(own + process.YIELDING_NICE, 19))
    assert children() - before == {spare}


def test_a_file_is_decoded_to_its_end_when_no_child_can_be_started_for_the_next(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = [0]

    def too_many(_: Limits) -> DecoderProcess:
        attempts[0] += 1
        raise BlockingIOError("too many processes")

    with decoders(io.BytesIO(TEN_SECONDS), DecodeOptions(max_audio_s=600)) as audio:
        monkeypatch.setattr(pool, "DecoderProcess", too_many)
        monkeypatch.setattr(pool, "SPARE_AFTER_CPU_S", -1.0)
        monkeypatch.setattr(decoding, "CHECK_EVERY_S", 0.0)
        assert sum(map(len, audio.blocks())) == 160_000
    assert attempts[0] > 0


@pytest.mark.usefixtures("without_spare")
def test_the_death_of_a_child_is_the_matter_of_its_own_file(decoders: Decoders) -> None:
    """Two files in two children; one is killed, as a fault in FFmpeg would kill it."""
    with decoders(io.BytesIO(TEN_SECONDS), DecodeOptions(max_audio_s=600)) as innocent:
        before = children()
        victim = blocks(decoders, hostile.flac_of_silence(4))
        next(victim)
        (pid,) = children() - before
        os.kill(pid, signal.SIGSEGV)
        with pytest.raises(DecoderDied, match="SIGSEGV"):
            deque(victim)
        assert sum(map(len, innocent.blocks())) == 160_000


def killed(child: DecoderProcess) -> None:
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)


def test_idle_children_that_were_killed_are_replaced_and_no_file_is_blamed(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by the OOM killer."""
    monkeypatch.setattr(pool, "SOON_S", 0.0)
    before = children()
    with decoders(io.BytesIO(TEN_SECONDS), DecodeOptions(max_audio_s=600)) as audio:
        assert decoded_s(decoders, TEN_SECONDS) == 10.0
        deque(audio.blocks())
    assert len(decoders._idle) == 2
    for idle in decoders._idle:
        killed(idle.child)
    assert decoded_s(decoders, TEN_SECONDS) == 10.0
    assert len(children() - before) == 1


def test_a_child_that_ends_before_it_has_had_a_byte_is_replaced(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    """One ends while it starts, one once it is ready."""
    starts, waits = [0], DecoderProcess.wait_ready

    def dies(child: DecoderProcess, check: Check) -> None:
        starts[0] += 1
        if starts[0] == 1:
            killed(child)
        waits(child, check)
        if starts[0] == 2:
            killed(child)

    monkeypatch.setattr(DecoderProcess, "wait_ready", dies)
    assert decoded_s(decoders, TEN_SECONDS) == 10.0
    assert starts == [3]


def test_when_no_child_starts_that_is_raised(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    before, starts, waits = children(), [0], DecoderProcess.wait_ready

    def dies(child: DecoderProcess, check: Check) -> None:
        starts[0] += 1
        killed(child)
        waits(child, check)

    monkeypatch.setattr(DecoderProcess, "wait_ready", dies)
    with pytest.raises(DecoderDied, match="SIGKILL"):
        decoded_s(decoders, TEN_SECONDS)
    assert starts == [pool.LOST_MAX]
    assert children() == before


def test_a_child_that_ends_after_the_first_byte_is_the_matter_of_the_file(decoders: Decoders) -> None:
    class Deadly(io.BytesIO):
        reads = 0

        def readinto(self, buffer: Buffer, /) -> int:
            self.reads += 1
            if self.reads == 2:
                killed(child)
            return super().readinto(buffer)

    decoders.start()
    child, file = decoders._idle[0].child, Deadly(hostile.mp3_with_tags(10_000))
    with pytest.raises(DecoderDied, match="SIGKILL"), decoders(file, DecodeOptions(max_audio_s=600)) as audio:
        deque(audio.blocks())


def test_a_child_that_does_not_read_what_it_asked_for_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "UNREAD_S", 0.1)
    child = DecoderProcess(Limits())
    try:
        child.wait_ready(no_check)
        os.kill(child.pid, signal.SIGSTOP)
        os.waitpid(child.pid, os.WUNTRACED)  # until it has stopped: a read that had begun may still take what comes
        with pytest.raises(DecoderDied, match="did not read what it asked for"):
            child.send(Kind.DATA, bytes(PAYLOAD_MAX_BYTES))  # with its header more than the pipe holds
    finally:
        child.close()


def test_closing_ends_all_children() -> None:
    before = children()
    made = Decoders(Limits())
    assert decoded_s(made, TEN_SECONDS) == 10.0
    made.close()
    made.close()
    assert children() == before


def test_short_files_at_the_same_time_share_one_child(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second child is started for a file that has waited, not for one whose turn comes first."""
    monkeypatch.setattr(pool, "SOON_S", DEADLINE_S)
    before = children()
    with ThreadPoolExecutor(4) as threads:
        lengths_s = list(threads.map(lambda _: decoded_s(decoders, TEN_SECONDS), range(8)))
    assert lengths_s == [10.0] * 8
    assert len(children() - before) == 1


def test_a_file_does_not_wait_for_a_long_one(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "SOON_S", 0.0)
    before = children()
    with decoders(io.BytesIO(TEN_SECONDS), DecodeOptions(max_audio_s=600)):
        assert decoded_s(decoders, TEN_SECONDS) == 10.0
        assert len(children() - before) == 2


def test_what_a_file_has_cost_is_known_after_its_last_block(decoders: Decoders) -> None:
    """Each file's own peak, although the child is the same: a long header needs memory, the next file does not."""
    peaks: list[int] = []
    for data in (TEN_SECONDS, hostile.mp3_with_picture(40_000_000), TEN_SECONDS):
        with decoders(io.BytesIO(data), DecodeOptions(max_audio_s=600)) as audio:
            assert audio.usage is None
            deque(audio.blocks())
            assert audio.usage is not None
            assert audio.usage.cpu_s > 0
            peaks.append(audio.usage.peak_memory_bytes)
    assert peaks[1] > peaks[0] + 40_000_000
    assert sys.platform != "linux" or peaks[2] < peaks[1]


def test_all_tracks_that_were_tried_count(decoders: Decoders) -> None:
    """The one with speech is the last of three."""
    silence = Sound(np.zeros(40 * 16_000, np.int16))
    slicer = Slicer(decoders, load_session(), 600)
    costs_s = []
    for sounds in ([Sound(speech(4))], [silence, silence, Sound(speech(4))]):
        *_, closed = slicer.slice(io.BytesIO(media("matroska", *sounds)), SlicingOptions())
        assert isinstance(closed, Closed)
        assert closed.chunks
        assert closed.usage is not None
        costs_s.append(closed.usage.cpu_s)
    assert costs_s[1] > 2 * costs_s[0]


def test_samples_that_were_handed_out_do_not_change(decoders: Decoders) -> None:
    """The memory that they came in is used again by the child."""
    sound = np.random.default_rng(0).integers(-9000, 9000, 200 * 16_000).astype(np.int16)
    given = list(blocks(decoders, hostile.wav_of(sound.tobytes())))
    assert np.array_equal(np.concatenate(given), sound)
