"""The probe of gateway and intake, in a real decoder process: it refuses what the slicer refuses, and nothing else."""

import io
import threading
from collections.abc import Iterator

import pytest

from processors.slicer.audio import DecodeOptions
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

MAX_AUDIO_S = 36_000.0
VIDEO = next(clip for clip in CLIPS if clip.file == "en-video.mp4").path.read_bytes()


@pytest.fixture(scope="module")
def probe() -> Iterator[Prober]:
    made = Prober(Limits(memory_bytes=512 << 20), MAX_AUDIO_S)
    yield made
    made.close()


def probed(probe: Prober, data: bytes, track: int | None = None) -> ProbedAudio | None:
    """Again and again: a child may be starting on a busy machine, and then nothing is known."""
    for _ in range(20):
        if (found := probe(io.BytesIO(data), SlicingOptions(track=track))) is not None:
            return found
    return None


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
        def read(self, size: int | None = -1, /) -> bytes:
            raise StoreUnavailable("away")

    assert probe(Away(VIDEO), SlicingOptions()) is None
    assert probed(probe, VIDEO) is not None


def test_while_all_processes_are_busy_a_file_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prober, "PROCESSES_MAX", 1)
    monkeypatch.setattr(prober, "FREE_WITHIN_S", 0.01)
    probe, reading, going_on = Prober(Limits(), MAX_AUDIO_S), threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            reading.set()
            assert going_on.wait(60)
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
    assert probe(io.BytesIO(VIDEO), SlicingOptions()) is None
    assert probed(probe, VIDEO) is not None
