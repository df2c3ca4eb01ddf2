"""The probe of gateway and intake, in a real decoder process: it refuses what the slicer refuses, and nothing else."""

import io
import threading
import time
from collections.abc import Iterator

import pytest
from typing_extensions import Buffer

from processors.slicer.audio import DecodeOptions, no_check
from processors.slicer.sandbox import prober
from processors.slicer.sandbox.prober import Prober
from processors.slicer.sandbox.process import Limits
from runtime.errors import Invalid
from runtime.objects import StoreUnavailable
from schemas.audio import ProbedAudio
from schemas.options import SlicingOptions
from tests.clips import CLIPS, Clip, without_samples
from tests.contract import hostile
from tests.contract.sandboxed import open_audio
from tests.waiting import DEADLINE_S, wait_until

MAX_AUDIO_S = 36_000.0
VIDEO = next(clip for clip in CLIPS if clip.file == "en-video.mp4").path.read_bytes()


class Clock:
    """It passes as in the world, and as far as a test sets it forward."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def probe(clock: Clock) -> Iterator[Prober]:
    made = Prober(Limits(memory_bytes=512 << 20), MAX_AUDIO_S, clock)
    yield made
    made.close()


def probed(probe: Prober, data: bytes, track: int | None = None) -> ProbedAudio | None:
    """Again and again: a child may be starting on a busy machine, or the probe slow, and then nothing is known."""

    def once() -> ProbedAudio | None:
        found = probe(io.BytesIO(data), SlicingOptions(track=track))
        if found is None and isinstance(probe._clock, Clock):
            probe._clock.ahead_s += 10_000  # the end of a pause
        return found

    return wait_until(once, "the probe")


def refusal(probe: Prober, data: bytes, track: int | None = None) -> Invalid:
    with pytest.raises(Invalid) as refused:
        probed(probe, data, track)
    return refused.value


def slicer_refusal(data: bytes, track: int | None = None) -> Invalid:
    with pytest.raises(Invalid) as refused, open_audio(io.BytesIO(data), DecodeOptions(MAX_AUDIO_S, track)) as audio:
        list(audio.blocks())
    return refused.value


@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.file)
def test_what_a_file_states_is_known_before_it_is_decoded(probe: Prober, clip: Clip) -> None:
    found = probed(probe, clip.path.read_bytes())
    assert found is not None
    assert found.duration_s == pytest.approx(clip.duration_s, abs=0.2)
    assert found.container
    assert found.codec
    assert [track.index for track in found.tracks] == list(range(len(found.tracks)))


REFUSED = {
    "text": (b"Dear reader, " * 20, None),
    "playlist": (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/a.ts\n", None),
    "cut in its header": (VIDEO[:1000], None),
    "no such track": (VIDEO, 3),
    "nothing": (b"", None),
    "too long": (hostile.flac_of_silence(MAX_AUDIO_S / 3600 + 1), None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_by_the_slicer_with_the_same_words(probe: Prober, name: str) -> None:
    data, track = REFUSED[name]
    by_probe, by_slicer = refusal(probe, data, track), slicer_refusal(data, track)
    assert (by_probe.reason, str(by_probe)) == (by_slicer.reason, str(by_slicer))


def test_what_only_decoding_shows_is_accepted(probe: Prober) -> None:
    assert slicer_refusal(without_samples()).reason == "no_audio"
    assert probed(probe, without_samples()) is not None


def test_a_file_of_which_much_would_have_to_be_read_is_accepted(probe: Prober, monkeypatch: pytest.MonkeyPatch) -> None:
    assert probed(probe, VIDEO) is not None
    monkeypatch.setattr(prober, "READ_MAX_BYTES", 10)
    assert probe(io.BytesIO(VIDEO), SlicingOptions()) is None
    monkeypatch.undo()
    assert probed(probe, VIDEO) is not None


def test_a_store_that_fails_meanwhile_is_no_reason_to_refuse(probe: Prober) -> None:
    class Away(io.BytesIO):
        def readinto(self, _buffer: Buffer, /) -> int:
            raise StoreUnavailable("away")

    assert probe(Away(VIDEO), SlicingOptions()) is None
    assert probed(probe, VIDEO) is not None


def test_while_all_processes_are_busy_a_file_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober, "PROCESSES_MAX", 1)
    monkeypatch.setattr(prober, "READY_WITHIN_S", 0.01)
    probe, reading, going_on = Prober(Limits(), MAX_AUDIO_S, Clock()), threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            reading.set()
            assert going_on.wait(DEADLINE_S)
            return super().seek(offset, whence)

    thread = threading.Thread(target=probe, args=(Slow(VIDEO), SlicingOptions()))
    while not reading.is_set():  # the child may be starting
        thread = threading.Thread(target=probe, args=(Slow(VIDEO), SlicingOptions()))
        thread.start()
        while thread.is_alive() and not reading.wait(0.01):
            pass
    assert probe(io.BytesIO(VIDEO), SlicingOptions()) is None
    going_on.set()
    thread.join()
    assert probed(probe, VIDEO) is not None
    probe.close()


def test_a_process_that_has_ended_is_replaced(probe: Prober) -> None:
    assert probed(probe, VIDEO) is not None
    for child in probe._idle:
        child._process.kill()
        child._process.wait()
    assert probed(probe, VIDEO) is not None


class Slow(io.BytesIO):
    """By its clock, every read takes long."""

    def __init__(self, data: bytes, clock: Clock) -> None:
        super().__init__(data)
        self._clock = clock
        self.reads = 0

    def readinto(self, buffer: Buffer, /) -> int:
        self.reads += 1
        self._clock.ahead_s += 100
        return super().readinto(buffer)


def test_of_many_slow_files_one_is_probed_and_then_none_for_twenty_times_as_long(probe: Prober, clock: Clock) -> None:
    assert probed(probe, VIDEO) is not None
    files = [Slow(hostile.mp3_with_tags(80_000), clock) for _ in range(16)]
    assert [probe(file, SlicingOptions()) for file in files] == [None] * 16
    assert files[0].reads > 0
    assert sum(file.reads for file in files[1:]) == 0
    good = Slow(VIDEO, Clock())
    assert probe(good, SlicingOptions()) is None
    assert good.reads == 0
    assert probed(probe, VIDEO) is not None


def test_a_file_that_takes_much_cpu_time_ends_its_probe_and_causes_a_pause() -> None:
    """Intake reads one file after the other. By this clock no time passes."""
    made = Prober(Limits(), MAX_AUDIO_S, lambda: 0.0)
    try:
        wait_until(lambda: made(io.BytesIO(VIDEO), SlicingOptions()), "the process")
        assert made(io.BytesIO(hostile.mp3_with_tags(80_000)), SlicingOptions()) is None
        assert made._budget.is_paused
    finally:
        made.close()


def test_after_a_slow_file_a_process_is_ready_at_the_end_of_the_pause(probe: Prober, clock: Clock) -> None:
    assert probed(probe, VIDEO) is not None
    before = probe._idle[-1]
    assert probe(Slow(hostile.mp3_with_tags(80_000), clock), SlicingOptions()) is None
    (started,) = probe._idle
    assert started is not before
    started.wait_ready(no_check)
    assert probed(probe, VIDEO) is not None


def test_while_its_process_starts_a_file_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober, "READY_WITHIN_S", 0.0)
    made, file = Prober(Limits(), MAX_AUDIO_S), Slow(VIDEO, Clock())
    assert made(file, SlicingOptions()) is None
    assert file.reads == 0
    (child,) = made._idle
    child.wait_ready(no_check)
    assert made._idle == [child]
    made.close()
